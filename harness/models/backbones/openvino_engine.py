"""Features on a CPU, computed by OpenVINO."""

from __future__ import annotations

import numpy as np
import openvino

from harness.models.backbones import openvino_graph

Array = np.ndarray


class OpenVinoEngine:
    """A Keras model compiled by OpenVINO, which processes several images in parallel, one per stream.

    Each image is a batch of its own, so its features are bit-for-bit the same whatever the other images are. Batches of
    4 to 64 images are not faster.

    Raises:
        UnsupportedError: the converter does not support a layer of the model.
    """

    def __init__(self, model, precision: str = "float32") -> None:
        # By default OpenVINO uses bfloat16 if the processor supports it.
        hint = {"float32": "f32", "bfloat16": "bf16"}[precision]
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint}
        compiled = openvino.compile_model(openvino_graph.convert(model), "CPU", settings)
        self.queue = openvino.AsyncInferQueue(compiled)
        self.batch_size = len(self.queue)
        self.features = model.output_shape[-1]
        actual_precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.name = f"OpenVINO {openvino.__version__.split('-')[0]}, CPU, {actual_precision}"

    def __call__(self, images: Array) -> Array:
        features = np.empty((len(images), self.features), np.float32)

        def store(request: openvino.InferRequest, row: int) -> None:
            features[row] = request.get_output_tensor().data[0]

        self.queue.set_callback(store)
        for row, image in enumerate(images):
            self.queue.start_async({0: image[None]}, row)
        self.queue.wait_all()
        return features
