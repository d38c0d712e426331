"""Engines that run a backbone over many images: as fast as the machine allows, exact up to float32 rounding."""

from __future__ import annotations

import contextlib

from harness.models import keras_backend
from harness.models.backbones.backbone import Backbone, Layer, Precision
from harness.models.inference import Engine, KerasEngine, on_gpu


def engine(backbone: Backbone, layers: tuple[Layer, ...] = (), precision: Precision = "float32") -> Engine:
    """The fastest available engine for a backbone.

    On a GPU this is Keras's compiled graph in mixed precision. On a CPU it is OpenVINO if the converter supports all
    layers: it is two to four times as fast as Keras, and its features differ by about 1e-6. Otherwise it is Keras.

    Args:
        backbone: the network.
        layers: as in ``Backbone.build``.
        precision: "bfloat16" is faster only on processors with instructions for it (AVX-512's, AMX), and changes
            features by about 6 %. It only has an effect on a CPU with OpenVINO.

    Raises:
        UserError: there is no such layer, or the weights are missing.
    """
    if on_gpu():
        with keras_backend.dtype_policy("mixed_float16"):
            return KerasEngine(backbone.build(layers), "GPU, mixed precision", batch_size=256)
    model = backbone.build(layers)
    from harness.models.backbones.openvino_engine import OpenVinoEngine
    from harness.models.backbones.openvino_graph import UnsupportedError

    with contextlib.suppress(UnsupportedError):
        return OpenVinoEngine(model, precision)
    return KerasEngine(model, "CPU, float32", batch_size=32)


def engine_key(precision: Precision) -> dict[str, str | list[str]]:
    """What the results of ``engine`` depend on besides its code: the device and the library."""
    if on_gpu():
        import keras

        return {"device": "GPU", "backend": keras.backend.backend()}
    import openvino

    key: dict[str, str | list[str]] = {"device": "CPU", "openvino": openvino.__version__.split("-")[0]}
    if precision == "bfloat16":  # processors without bfloat16 compute in float32
        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        key["precision"] = "bfloat16" if "BF16" in capabilities else "float32"
    return key
