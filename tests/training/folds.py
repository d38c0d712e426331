"""A fold of drawn pictures to train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.data.cache.build import open_or_build
from harness.data.cache.image_cache import ImageInput
from harness.data.fold import Fold
from harness.data.images import Geometry
from tests.conftest import drawn

# A network of three layers with weights, whose graphs TensorFlow traces in a third of the time of MiniVGGNet's.
TINY: dict[str, Any] = {"network": "airbench", "options": {"widths": (16, 32), "depth": 1, "logit_scale": 1.0}}


def drawn_fold(folder: Path, side: int = 16) -> Fold:
    """Drawn pictures of three classes: 90 to train on, 21 to validate, 20 held out, 9 to predict."""
    dataset = drawn(140, classes=3)
    images = ImageInput(Geometry(side, side))
    cache = open_or_build(folder / "cache.h5", images, dataset, 0)
    rows = np.arange(140)
    return Fold(
        title="minivggnet, fold 1 of 1",
        train=rows[:90],
        validation=rows[90:111],
        holdout=rows[111:131],
        test=rows[131:],
        labels=dataset.labels,
        classes=dataset.classes,
        caches={images: cache},
        hflip_safe=False,
        seed=3,
        folder=folder / "fold-1",
    )
