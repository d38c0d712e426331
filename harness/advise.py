"""Which approach suits a data set: how many images there are, and how like ImageNet's they look.

A pretrained network is probed on a few hundred images. Its last layer knows ImageNet's kinds of objects, a middle one
edges, textures and parts. Where a classifier does better on the last layer than on the middle one, the images are like
ImageNet's for this purpose; where it does not, they are unlike them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from harness import backend, linear
from harness.backbones import find
from harness.backbones.engine import engine
from harness.data.cache import READABLE
from harness.data.dataset import Dataset
from harness.data.folds import KFold
from harness.data.image_cache import decoded
from harness.data.images import Geometry
from harness.data.readers.reader import TRAIN
from harness.errors import UserError
from harness.metrics import METRICS

Array = np.ndarray

BACKBONE, MIDDLE, LAST, CLASSIFIER = "efficientnet-lite0", "block5c_add", "top_activation", "predictions"
OBJECTS = 1000  # ImageNet's classes
CLASSES, IMAGES = 10, 400
GRID = (1e-3, 1e-2, 1e-1, 1.0)
# Images a class from which data counts as large: a convention, no measurement.
LARGE = 1000


@dataclass(frozen=True)
class Likeness:
    """How like ImageNet's some images look.

    Args:
        images, classes: how many were looked at.
        middle, last: log loss out of fold of a classifier on the features of a middle layer and of the last one.
        sure: in how many of 2,000 bootstrap samples of the images the better of the two stays the better.
        confidence: the median probability that the network gives to the ImageNet class it finds most likely. With
            this backbone, measured: .40 on Dogs vs Cats, .29 on flowers, .09 on handwritten digits.
        seconds: what the probe took.
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


def probe(dataset: Dataset, seed: int = 0) -> Likeness:
    """Look at up to 400 training images of up to 10 classes, chosen at random.

    Raises:
        UserError: there are not two classes with three readable images each.
    """
    started = time.monotonic()
    rows, labels = _sample(dataset, np.random.default_rng(seed))
    backbone = find(BACKBONE)
    images, state, _ = decoded(dataset, rows, Geometry(backbone.side, backbone.side))
    images, labels = images[state == READABLE], labels[state == READABLE]
    counts = np.bincount(labels, minlength=2)
    if len(images) == 0 or counts.min() < 3:
        raise UserError(
            f"{len(images)} readable images of {len(counts)} classes are too few to advise on.",
            "give at least 3 of each of 2 classes",
        )
    backend.start(seed)
    features = engine(backbone, (MIDDLE, LAST, CLASSIFIER))(images)
    middle, last, probabilities = np.split(features, [-OBJECTS - backbone.features, -OBJECTS], axis=1)
    middle, last = (_losses(part, labels, len(counts)) for part in (middle, last))
    gain = middle - last
    random = np.random.default_rng(seed)
    drawn = [gain[random.integers(len(gain), size=len(gain))].mean() for _ in range(2000)]
    return Likeness(
        len(images),
        len(counts),
        float(middle.mean()),
        float(last.mean()),
        float(np.mean(np.sign(drawn) == np.sign(gain.mean()))),
        float(np.median(probabilities.max(axis=1))),
        time.monotonic() - started,
    )


def _sample(dataset: Dataset, random: np.random.Generator) -> tuple[Array, Array]:
    """Row numbers, and class numbers counted from 0 among the classes chosen."""
    train = dataset.rows(TRAIN)
    chosen = random.permutation(np.unique(dataset.labels[train]))[:CLASSES]
    rows = [random.permutation(train[dataset.labels[train] == label])[: IMAGES // len(chosen)] for label in chosen]
    return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(some) for some in rows])


def _losses(features: Array, labels: Array, classes: int) -> Array:
    """Each image's log loss out of fold, with the best C of the grid: (n,)."""
    found = np.zeros((len(GRID), len(labels), classes), np.float32)
    dealt = KFold(3).deal(labels, np.arange(len(labels)))[:, 0]
    for fold in range(3):
        models = linear.fit_path(features, labels, classes, GRID, rows=np.flatnonzero(dealt != fold))
        validation = np.flatnonzero(dealt == fold)
        found[:, validation] = linear.probabilities(models, features, validation)
    losses = [METRICS["log_loss"].rows(labels, each) for each in found]
    return min(losses, key=np.mean)


@dataclass(frozen=True)
class Approach:
    """A cell of the four-way table: small or large data, like or unlike ImageNet.

    Args:
        words: what to do, and why.
        kinds: the kinds of recipes that do it, best first: "features", "early features", "fine-tune",
            "network".
    """

    words: str
    kinds: tuple[str, ...]


APPROACHES = {
    (False, True): Approach(
        "features of a pretrained network into a classifier: there is too little data to train on, "
        "and the network knows such images",
        ("features",),
    ),
    (False, False): Approach(
        "features of a pretrained network's earlier layers into a classifier: there is too little data to train on, "
        "and the last layers know other things",
        ("early features", "features"),
    ),
    (True, True): Approach(
        "features of a pretrained network into a classifier first, which takes minutes; then fine-tune that network",
        ("features", "fine-tune"),
    ),
    (True, False): Approach(
        "fine-tune a pretrained network; where that does no better, train one from scratch",
        ("fine-tune", "network", "early features"),
    ),
}


def approach(per_class: float, like: bool) -> Approach:
    """The approach for so many training images a class, like ImageNet's or not.

    Source: the four-way table of Rosebrock, Deep Learning for Computer Vision with Python, Practitioner Bundle (2017).
    """
    return APPROACHES[per_class >= LARGE, like]
