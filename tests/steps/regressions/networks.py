"""Networks: what each makes of noise when it is built from a seed, and what one look at it in training changes."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from tests.steps.regressions.given import pixels
from tests.steps.results import Numbers, described, digest, regression

# Networks are larger than a quick test needs; options make some smaller.
CASES: dict[str, list[tuple[int, dict[str, Any]]]] = {
    "airbench": [(24, {"widths": (8, 12, 16)}), (24, {"widths": (8, 8, 8), "depth": 3, "logit_scale": 0.5})],
    "alexnet": [(57, {})],
    "deepergooglenet": [(16, {})],
    "minigooglenet": [(62, {})],
    "minivggnet": [(16, {"reg": 1e-4})],
    "resnet": [
        (36, {"stages": (2, 1), "filters": (8, 16, 32), "module_reg": 1e-3}),
        (20, {"stages": (1, 2), "filters": (8, 12, 16), "stem": "tiny_imagenet"}),
    ],
    "wideresnet": [(16, {"blocks": (1, 2), "widen": 2}), (16, {"blocks": (1, 1), "widen": 1, "stem_stride": 2})],
}


def looked_at(name: str, side: int, options: dict[str, Any]) -> Numbers:
    """A network's answers before and after it has seen a batch in training, which moves its norms' statistics."""
    import keras

    from harness.models import keras_backend, networks

    keras_backend.start(seed=1)
    model = networks.build(name, side, side, 3, 5, **options)
    images = pixels(6, side, side).astype(np.float32) - 128
    found = {
        "answers": described(model(images), 8),
        "answers in training": described(model(images, training=True), 8),
        "answers after it": described(model(images), 8),
        "decay": float(keras.ops.convert_to_numpy(sum(model.losses))) if model.losses else 0.0,
        "weights": digest([tuple(weight.shape) for weight in model.weights]),
        "smallest side": networks.smallest(name),
    }
    return {f"{what}, {side} pixels{', options' * bool(options)}": value for what, value in found.items()}


def options_of(name: str) -> Numbers:
    """A network's options as they are where a recipe gives none."""
    build = importlib.import_module(f"harness.models.networks.{name}").build
    return {f"default of {option}": repr(value) for option, value in build.__kwdefaults__.items()}


def every_case(name: str, _folder: Path) -> Numbers:
    found = options_of(name)
    for side, options in CASES[name]:
        found |= looked_at(name, side, options)
    return found


@regression("networks.deepergooglenet")
def order_of_layers(_folder: Path) -> Numbers:
    """With its options, by its layers alone: to build it takes as long as to ask it."""
    from harness.models import networks

    model = networks.build("deepergooglenet", 9, 9, 3, 5, order="activation_first", activation="elu")
    kinds = [(type(layer).__name__, getattr(layer, "activation", None)) for layer in model.layers]
    return {"layers, options": digest([[kind, getattr(function, "__name__", "")] for kind, function in kinds])}


for _name in CASES:
    regression(f"networks.{_name}")(functools.partial(every_case, _name))


@regression("whitening")
def whitening(_folder: Path) -> Numbers:
    """The filters of drawn images, and what they make of them."""
    from harness.models import keras_backend
    from harness.models.whitening import Whitening

    keras_backend.start(seed=1)
    images = pixels(20, 9, 9).astype(np.float32) / 64 - 2
    layer = Whitening()
    layer(images)
    layer.adapt([images])
    # A direction's sign is free: both signs of each are there, in either order.
    return {
        "strength": described(np.abs(np.asarray(layer.kernel)), 12),
        "sum": described(layer(images).numpy().sum(-1), 8),
    }
