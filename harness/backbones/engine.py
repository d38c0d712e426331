"""Running a backbone over many images, as fast as the machine can and exact to float32's rounding."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from harness.backbones.backbone import Backbone, Layer, Precision
from harness.inference import Engine, KerasEngine, on_gpu


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


@contextlib.contextmanager
def _mixed_precision() -> Iterator[None]:
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
