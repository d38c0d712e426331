"""What networks are shown: pixels, augmented and scaled, and views of them when they predict."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from harness.training.settings import TrainingSettings
from tests.steps.regressions import given
from tests.steps.results import Numbers, Tolerance, described, regression

PLAIN = TrainingSettings(size=(16, 16), epochs=1, learning_rate=0.1)
MOVED = {"flip": True, "rotation": 30, "zoom": 0.3, "shear": 0.4, "shift": 0.2, "cutout": 6, "pad": 3, "crop": (14, 12)}


@regression("augmentation", Tolerance(1e-3, 0.05))
def augmented(folder: Path) -> Numbers:
    """Each kind by itself, twice, and once more out of training."""
    import keras

    from harness.models import keras_backend
    from harness.training.augmentation import augmentation

    keras_backend.start(seed=1)
    images, found = given.pixels(6).astype(np.float32), {}
    cases: dict[str, dict[str, Any]] = {name: {name: value} for name, value in MOVED.items()} | {"all": MOVED}
    for name, moved in cases.items():
        seen = images
        layers = augmentation(dataclasses.replace(PLAIN, **moved), np.float32([90, 100, 140]), seed=11)
        for layer in layers:
            layer(seen, training=True)
            seen = layer(seen, training=True)
        found[name] = described(keras.ops.convert_to_numpy(seen), 16)
        found[f"{name}, layers"] = [f"{type(layer).__name__} {getattr(layer, 'seed', '')}" for layer in layers]
        calm = images
        for layer in layers:
            calm = layer(calm, training=False)
        found[f"{name}, not training"] = described(keras.ops.convert_to_numpy(calm))
    return found


@regression("scaling")
def scaling(folder: Path) -> Numbers:
    from harness.training.scaling import SCALINGS

    fold = given.fold(folder)
    (cache,) = fold.caches.values()
    found: Numbers = {}
    for name, scale in SCALINGS.items():
        offset, divisor = scale(cache, fold.train)
        found |= {f"{name}, offset": described(offset), f"{name}, divisor": described(divisor)}
    one_colour = np.full((4, 16, 16, 3), 7, np.uint8)
    one_colour[0, 0, 0] = 8
    tables = {"sums": one_colour.sum(axis=(1, 2)), "square_sums": (one_colour.astype(int) ** 2).sum(axis=(1, 2))}
    flat = dataclasses.replace(cache, rows=one_colour, tables=tables)
    return found | {"one colour": [*map(list, SCALINGS["standard"](flat, np.arange(4)))]}


@regression("prediction")
def predictions(folder: Path) -> Numbers:
    """The answers of one seeded network, averaged over views in two ways."""
    from harness.models import keras_backend
    from harness.training.predict import predict
    from harness.tta.worth import ViewPredictions

    fold = dataclasses.replace(given.fold(folder), hflip_safe=True)
    found: Numbers = {}
    patches = dataclasses.replace(PLAIN, crop=(13, 12), pad=2, rotation=25, cutout=5)
    for tta, average in (("ten_crop+scales", "logits"), ("shifts+random", "probabilities")):
        keras_backend.start(seed=1)
        network = given.small_network(3, 13, 12)
        settings = dataclasses.replace(patches, tta=tta, average=average)
        found[tta] = described(predict(settings, fold, network), 16)
        views = ViewPredictions.read(fold.folder / "views.npz")
        found[f"{tta}, each"] = [float(one) for one in views.probabilities[0, :, 3, 1]]
    return found
