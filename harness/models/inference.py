"""Running a network over many images in batches of one size, halved if they do not fit into the device's memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

import numpy as np

from harness.models import keras_backend
from harness.utils.console import say

Array = np.ndarray


class Engine(Protocol):
    """Computes features of images; for use by one thread at a time.

    Attributes:
        name: the library, the device and the precision, for messages and for the records.
        batch_size: the number of images processed at once; it may be changed between calls.
        features: the number of features per image, d.
    """

    name: str
    batch_size: int
    features: int

    def __call__(self, images: Array) -> Array:
        """From (n, h, w, 3) uint8 RGB images to (n, d) float32 features, for any n."""
        ...


class KerasEngine:
    """Keras's compiled ``predict_on_batch``, in batches of one size."""

    def __init__(self, model, device: str, batch_size: int) -> None:
        import keras

        model.compile(jit_compile=keras_backend.compiles_well())
        self.model, self.batch_size, self.features = model, batch_size, model.output_shape[-1]
        self.name = f"Keras {keras.__version__} on {keras.backend.backend()}, {device}"

    def __call__(self, images: Array) -> Array:
        features = np.empty((len(images), self.features), np.float32)
        for start in range(0, len(images), self.batch_size):
            part = images[start : start + self.batch_size]
            # The last batch is padded, because another batch size would compile the graph again.
            padded = np.zeros((self.batch_size, *part.shape[1:]), part.dtype)
            padded[: len(part)] = part
            features[start : start + len(part)] = self.model.predict_on_batch(padded)[: len(part)]
        return features


def halving(run: Engine, images: Array) -> Array:
    """The features of some images. If memory runs out, the batch size is halved, for later calls too."""
    while True:
        try:
            return run(images)
        except Exception as error:
            if not keras_backend.out_of_memory(error) or run.batch_size == 1:
                raise
            run.batch_size //= 2
            say(f"{run.name}: out of memory; continuing with batches of {run.batch_size}.")


def on_gpu() -> bool:
    """Whether Keras's backend sees a GPU. A machine without one is recognised without loading the backend."""
    if sys.platform == "linux" and not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/kfd").exists():
        return False
    import keras

    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # raised by JAX if there is none
        return False
