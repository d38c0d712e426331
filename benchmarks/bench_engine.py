"""Images a second of EfficientNet-Lite0's engine on images in memory, against Keras's ``predict``."""

from __future__ import annotations

import os

import numpy as np
from common import photographs, rounds, verdict

from harness import backend
from harness.backbones import find

IMAGES = 128


def main() -> None:
    print(f"  backend: {backend.start(seed=0)}, {os.cpu_count()} CPU cores")
    from harness.backbones.engine import engine

    backbone = find("efficientnet-lite0")
    images = np.stack(photographs(IMAGES, backbone.side, backbone.side))
    model, exact, reduced = backbone.build(), engine(backbone), engine(backbone, precision="bfloat16")
    expected = model.predict(images, verbose=0)
    took = rounds(
        {
            "Keras predict": lambda: model.predict(images, verbose=0),
            exact.name: lambda: exact(images),
            reduced.name: lambda: reduced(images),
        },
        times=5,
    )
    for what, seconds in took.items():
        print(f"  {what}: {IMAGES / seconds:,.0f} images/s")
    for one in (exact, reduced):
        difference = np.linalg.norm(one(images) - expected) / np.linalg.norm(expected)
        print(f"  {one.name}: relative difference to Keras {difference:.1e}")
    verdict("images a second, engine over Keras predict", took["Keras predict"] / took[exact.name], 2)


if __name__ == "__main__":
    main()
