"""The pictures of a page, as data URIs."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from harness.data import complaints, images
from harness.data.dataset import Dataset
from harness.data.targets.links import LINKS
from harness.scoring.predictions import Predictions

Array = np.ndarray

SIDE = 96  # of a picture, in pixels
QUALITY = 85  # of a JPEG


def shown(dataset: Dataset, name: str) -> dict[str, Any]:
    """An image by its id: "id", and "uri", which is "" where it cannot be read."""
    try:
        source = dataset.sources[dataset.row_of[name]]
        with complaints.of(source):
            image = images.load(dataset.images.read(source), images.Geometry(SIDE, SIDE))
        return {"id": name, "uri": uri(image)}
    except (images.UnreadableError, OSError):
        return {"id": name, "uri": ""}


def uri(image: Array) -> str:
    """An RGB image (height, width, 3) uint8 as a JPEG in a data URI."""
    import cv2

    _, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()


def predicted(dataset: Dataset, predictions: Predictions, undecided: Array, labels: Array, row: int) -> dict[str, Any]:
    """An image with its label, and what was predicted; of one class an image with the probabilities of both.

    Args:
        dataset: the images.
        predictions: say what is given.
        undecided: the probabilities, as they were before any thresholds: (n, classes).
        labels: (n,), or (n, labels).
        row: of the n.
    """
    probabilities, classes, targets = predictions.probabilities[row], predictions.classes, dataset.targets
    image = shown(dataset, predictions.ids[row]) | {
        "true": targets.words(labels[row], classes),
        "given": LINKS[targets.link].said(probabilities, classes),
    }
    if targets.link == "softmax":
        image["true_probability"] = float(undecided[row, labels[row]])
        image["probability"] = float(undecided[row, probabilities.argmax()])
    return image
