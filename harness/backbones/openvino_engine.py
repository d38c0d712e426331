"""Features on a CPU by OpenVINO."""

from __future__ import annotations

import numpy as np
import openvino

from harness.backbones import openvino_graph

Array = np.ndarray


class OpenVinoEngine:
    """A Keras model compiled by OpenVINO, which works on several images at once, one a stream.

    Each image goes by itself, so that its features are the same to the bit whatever came with it; batches of 4 to 64
    are no faster.

    Raises:
        UnsupportedError: a layer of the model has no rule.
    """

    def __init__(self, model, precision: str = "float32") -> None:
        # Left to itself, OpenVINO takes bfloat16 where the processor knows it.
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint}
        compiled = openvino.compile_model(openvino_graph.convert(model), "CPU", settings)
        self.queue = openvino.AsyncInferQueue(compiled)
        self.batch = len(self.queue)
        self.features = model.output_shape[-1]
        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]}, CPU, {used}"

    def __call__(self, images: Array) -> Array:
        out = np.empty((len(images), self.features), np.float32)

        def keep(request: openvino.InferRequest, row: int) -> None:
            out[row] = request.get_output_tensor().data[0]

        self.queue.set_callback(keep)
        for row, image in enumerate(images):
            self.queue.start_async({0: image[None]}, row)
        self.queue.wait_all()
        return out
