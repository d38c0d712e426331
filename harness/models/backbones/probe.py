"""Which approach suits a data set, given the number of images and their similarity to ImageNet.

A pretrained network is probed on a few hundred images. Its last layer has learnt the objects of ImageNet, a middle
layer edges, textures and parts. If a classifier does better on the last layer than on the middle layer, the images
count as similar to ImageNet; otherwise they count as different.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from harness.data.cache.cache import READABLE
from harness.data.cache.image_cache import decoded
from harness.data.dataset import Dataset
from harness.data.folds import KFold
from harness.data.images import Geometry
from harness.data.splits import TRAIN
from harness.models import keras_backend, linear, linear_path
from harness.models.backbones import find
from harness.models.backbones.engine import engine
from harness.scoring.metrics import LOG_LOSS
from harness.utils.errors import UserError

Array = np.ndarray

BACKBONE, MIDDLE, LAST, CLASSIFIER = "efficientnet-lite0", "block5c_add", "top_activation", "predictions"
OBJECTS = 1000  # the classes of ImageNet
CLASSES, IMAGES = 10, 400
SEED = 0
LEAST = 3  # images of a class, for three folds
GRID = (1e-3, 1e-2, 1e-1, 1.0)
# Images per class from which a data set counts as large; a convention, not a measurement.
LARGE = 1000


@dataclass(frozen=True)
class Similarity:
    """How similar some images are to ImageNet.

    Args:
        images, classes: the number of images and classes in the sample.
        middle, last: the out-of-fold log loss of a classifier on the features of a middle layer and of the last layer.
        sure: the share of 2,000 bootstrap samples of the images in which the better layer stays the better one.
        confidence: the median probability of the most likely ImageNet class. Measured with this backbone: 0.40 on Dogs
            vs Cats, 0.29 on flowers, 0.09 on handwritten digits.
        seconds: the duration of the probe.
    """

    images: int
    classes: int
    middle: float
    last: float
    sure: float
    confidence: float
    seconds: float

    @property
    def like(self) -> bool:
        return self.last < self.middle


def probe(dataset: Dataset) -> Similarity:
    """Probe up to 400 random training images of up to 10 random classes.

    Raises:
        UserError: there are fewer than two classes with three readable images each.
    """
    started = time.monotonic()
    rows, labels = _sample(dataset, np.random.default_rng(SEED))
    backbone = find(BACKBONE)
    images, state, _ = decoded(dataset, rows, Geometry(backbone.side, backbone.side))
    images, labels = images[state == READABLE], labels[state == READABLE]
    kept = np.flatnonzero(np.bincount(labels, minlength=1) >= LEAST)
    images, labels = images[np.isin(labels, kept)], np.searchsorted(kept, labels[np.isin(labels, kept)])
    counts = np.bincount(labels, minlength=2)
    if len(kept) < 2:
        raise UserError(
            f"{len(images)} readable images of {len(kept)} classes are too few to advise on.",
            "provide at least 3 images for each of 2 classes",
        )
    keras_backend.start(SEED)
    features = engine(backbone, (MIDDLE, LAST, CLASSIFIER))(images)
    middle, last, probabilities = np.split(features, [-OBJECTS - backbone.features, -OBJECTS], axis=1)
    middle, last = (_losses(part, labels, len(counts)) for part in (middle, last))
    gain = middle - last
    random = np.random.default_rng(SEED)
    bootstrap = [gain[random.integers(len(gain), size=len(gain))].mean() for _ in range(2000)]
    return Similarity(
        len(images),
        len(counts),
        float(middle.mean()),
        float(last.mean()),
        float(np.mean(np.sign(bootstrap) == np.sign(gain.mean()))),
        float(np.median(probabilities.max(axis=1))),
        time.monotonic() - started,
    )


def _sample(dataset: Dataset, random: np.random.Generator) -> tuple[Array, Array]:
    """The sampled row numbers, and their class numbers, renumbered from 0 among the chosen classes."""
    train = dataset.rows(TRAIN)
    classes, counts = np.unique(dataset.labels[train], return_counts=True)
    chosen = random.permutation(classes[counts >= LEAST])[:CLASSES]
    if not len(chosen):
        return np.zeros(0, int), np.zeros(0, int)
    rows = [random.permutation(train[dataset.labels[train] == label])[: IMAGES // len(chosen)] for label in chosen]
    return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(class_rows) for class_rows in rows])


def _losses(features: Array, labels: Array, classes: int) -> Array:
    """Each image's out-of-fold log loss, with the best C of the grid: (n,)."""
    probabilities = np.zeros((len(GRID), len(labels), classes), np.float32)
    folds = KFold(3).split(labels, np.arange(len(labels)))[:, 0]
    for fold in range(3):
        models = linear_path.fit_path(features, labels, classes, GRID, rows=np.flatnonzero(folds != fold))
        validation = np.flatnonzero(folds == fold)
        probabilities[:, validation] = linear.probabilities(models, features, validation)
    losses = [LOG_LOSS.rows(labels, model_probabilities) for model_probabilities in probabilities]
    return min(losses, key=np.mean)


@dataclass(frozen=True)
class Approach:
    """A cell of the four-way table: small or large data, similar to ImageNet or different.

    Args:
        words: what to do, and why.
        kinds: the kinds of recipes that do this, the best first: "features", "early features", "fine-tune", "network".
    """

    words: str
    kinds: tuple[str, ...]


APPROACHES = {
    (False, True): Approach(
        "a classifier on features of a pretrained network: there is too little data for training, "
        "and the network already knows such images",
        ("features",),
    ),
    (False, False): Approach(
        "a classifier on features of a pretrained network's earlier layers: there is too little data for training, "
        "and the last layers fit other images",
        ("early features", "features"),
    ),
    (True, True): Approach(
        "a classifier on features of a pretrained network first, which takes minutes; then fine-tune the network",
        ("features", "fine-tune"),
    ),
    (True, False): Approach(
        "fine-tune a pretrained network; if that is no better, train a network from scratch",
        ("fine-tune", "network", "early features"),
    ),
}


def approach(per_class: float, like: bool) -> Approach:
    """The approach for a number of training images per class that are, or are not, similar to ImageNet.

    Source: the four-way table of Rosebrock, Deep Learning for Computer Vision with Python, Practitioner Bundle (2017).
    """
    return APPROACHES[per_class >= LARGE, like]
