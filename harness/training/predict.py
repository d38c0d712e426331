"""Predicting with a trained network, averaged over the views of each image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.utils.console import progress

if TYPE_CHECKING:
    import keras

    from harness.data.fold import Fold
    from harness.models.inference import KerasEngine
    from harness.training.settings import TrainingSettings
    from harness.tta.views import Drawn, View

Array = np.ndarray

PREDICT_BATCH = 256  # the batch size of validation during training

# Pixels per batch: enough to keep the device busy, and on a CPU few enough that the output of one layer is still in the
# processor's cache when the next layer reads it.
AT_ONCE = {"cpu": 2**17, "gpu": 2**23}
LEAST = 32  # images per batch, however large they are: dense layers read all their weights for every batch


def predict(settings: TrainingSettings, fold: Fold, network: keras.Model) -> Array:
    """A network's probabilities for ``fold.predicted()``, averaged over the views: (rows, classes) float32.

    All views of a batch are made on the device and go through the network together. The predictions of each view for
    the validation rows are written to ``views.npz``, to measure later what each view gains.
    """
    from harness.data.batches import Batches
    from harness.ensembles.combine import averaged
    from harness.models.inference import halving
    from harness.tta.views import views
    from harness.tta.worth import ViewPredictions

    rows, tta_views = fold.predicted(), views(settings.tta, fold.hflip_safe)
    run = engine(settings, network, tta_views, len(rows), fold.title)
    batches = Batches(settings.cache(fold).images, rows, None, run.batch_size)
    shape = (len(tta_views), len(fold.classes))
    weights = [view.weight for view in tta_views]
    averages = np.empty((len(rows), len(fold.classes)), np.float32)
    validation_by_view = np.empty((len(fold.validation), *shape), np.float32)
    start = 0
    with progress(f"{fold.title}, predicting", len(rows) * len(tta_views), "view") as bar:
        for number in range(len(batches)):
            images = batches[number]
            assert isinstance(images, np.ndarray)  # without labels, a batch is only images
            probabilities = halving(run, images).reshape(-1, *shape)
            part = slice(start, start + len(images))
            averages[part] = averaged(probabilities.swapaxes(0, 1), settings.average, fold.targets.link, weights)
            validation_part = validation_by_view[part]  # validation rows come first
            validation_part[:] = probabilities[: len(validation_part)]
            start += len(images)
            bar.update(len(images) * len(tta_views))
    if len(tta_views) > 1 and len(fold.validation):
        names, by_view = tuple(view.name for view in tta_views), validation_by_view.swapaxes(0, 1)[None]
        ViewPredictions(settings.tta, names, settings.average, fold.validation, by_view).write(fold.folder)
    return averages


def engine(
    settings: TrainingSettings, network: keras.Model, views: tuple[View | Drawn, ...], images: int, title: str
) -> KerasEngine:
    """An engine from cached images to a network's probabilities for each view: (n, H, W, 3) to (n, views · classes).

    Args:
        settings: the image sizes and the augmentation for random views.
        network: the trained network.
        views: the views.
        images: the number of images to predict; the batch size is chosen so that the last batch is almost full.
        title: the engine's name in messages.
    """
    from harness.models.inference import KerasEngine, on_gpu
    from harness.training.tta_model import asking

    inputs = max(LEAST, AT_ONCE["gpu" if on_gpu() else "cpu"] // math.prod(settings.input_size))
    batches = math.ceil(images / max(1, inputs // len(views)))
    return KerasEngine(asking(network, settings, views), title, math.ceil(images / batches))
