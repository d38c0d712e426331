"""Running a network over many images: in batches of one size, halved where the device's memory does not hold them."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from harness import backend
from harness.console import say

Array = np.ndarray


class Engine(Protocol):
    """Turns images into features; one thread at a time.

    Attributes:
        name: the library, the device and the precision, for people and for the records.
        batch: how many images are worked on at once; may be changed between calls.
        features: d.
    """

    name: str
    batch: int
    features: int

    def __call__(self, images: Array) -> Array:
        """(n, h, w, 3) uint8 RGB to (n, d) float32 features, for any n."""
        ...


class KerasEngine:
    """Keras's compiled ``predict``, in batches of one size."""

    def __init__(self, model, device: str, batch: int) -> None:
        import keras

        model.compile(jit_compile=backend.compiles_well())
        self.model, self.batch, self.features = model, batch, model.output_shape[-1]
        self.name = f"Keras {keras.__version__} on {keras.backend.backend()}, {device}"

    def __call__(self, images: Array) -> Array:
        out = np.empty((len(images), self.features), np.float32)
        for start in range(0, len(images), self.batch):
            part = images[start : start + self.batch]
            # Always of the same size: for another one the graph would be compiled anew.
            full = np.zeros((self.batch, *part.shape[1:]), part.dtype)
            full[: len(part)] = part
            out[start : start + len(part)] = self.model.predict_on_batch(full)[: len(part)]
        return out


def halving(run: Engine, images: Array) -> Array:
    """The features of some images; where memory runs out, with half the batch from then on."""
    while True:
        try:
            return run(images)
        except Exception as error:
            if not backend.out_of_memory(error) or run.batch == 1:
                raise
            run.batch //= 2
            say(f"{run.name}: out of memory; going on with batches of {run.batch}.")


def on_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    import keras

    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # how JAX says no
        return False
