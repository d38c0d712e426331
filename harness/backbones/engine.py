"""Running a backbone over many images, as fast as the machine can and exact to float32's rounding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from harness import backend
from harness.backbones.backbone import Backbone, Layer, Precision

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


def engine(backbone: Backbone, layers: tuple[Layer, ...] = (), precision: Precision = "float32") -> Engine:
    """The fastest engine at hand for a backbone.

    On a GPU that is Keras's compiled graph in mixed precision. On a CPU it is OpenVINO, where it has rules
    for all the layers: two to four times as fast as Keras, with features equal to about 1e-6; else Keras.

    Args:
        layers: as in ``Backbone.build``.
        precision: "bfloat16" is faster on processors that have matrix units for it (Intel AMX), and no others;
            features differ by some 6 %. Of use on a CPU with OpenVINO; elsewhere it changes nothing.

    Raises:
        UserError: there is no such layer, or no weights.
    """
    if on_gpu():
        with _mixed_precision():
            return KerasEngine(backbone.build(layers), "GPU, mixed precision", batch=256)
    model = backbone.build(layers)
    from harness.backbones.openvino_engine import OpenVinoEngine
    from harness.backbones.openvino_graph import UnsupportedError

    with contextlib.suppress(UnsupportedError):
        return OpenVinoEngine(model, precision)
    return KerasEngine(model, "CPU, float32", batch=32)


class KerasEngine:
    """Keras's compiled ``predict``: the reference."""

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


def on_gpu() -> bool:
    """Whether Keras's backend sees a GPU."""
    import keras

    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # how JAX says no
        return False


@contextlib.contextmanager
def _mixed_precision() -> Iterator[None]:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
