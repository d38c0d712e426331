"""The networks of an exported folder as ONNX files too, for those who serve them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.models import keras_backend
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.libraries import backend

if TYPE_CHECKING:
    import keras


CLOSE = 1e-3  # how far outputs may be from Keras's, relative to the largest; float32 leaves some 1e-6


def require_converter() -> None:
    """Raise an error before anything is written, if nothing can be converted.

    Raises:
        UserError: the converter is not installed, or cannot be used from JAX.
    """
    if backend() != "tensorflow":
        raise UserError(
            f"networks are converted to ONNX on TensorFlow alone, and KERAS_BACKEND is {backend()}; "
            "their weights are the same on both.",
            "KERAS_BACKEND=tensorflow harness export COMP RUN --to FOLDER --onnx",
        )
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401  (what each file is tried with)
        import tf2onnx  # noqa: F401  (what Keras converts with)
    except ImportError as error:
        raise UserError(
            f"what converts networks to ONNX is not installed: {error.name}, of the extra 'onnx'.", "make onnx"
        ) from None


def add_onnx(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write ``<name>.onnx`` beside each ``weights/<name>.keras``: from (n, height, width, 3) floats to its outputs.

    Each is loaded by ONNX Runtime and compared with Keras, so that no file is left that nobody could use.

    Args:
        folder: written by ``harness.runs.export``.

    Returns:
        The files written, and of the others why the network does not allow it.

    Raises:
        UserError: the converter is not installed, or cannot be used from JAX, or the folder holds no network.
    """
    require_converter()
    networks = sorted((folder / "weights").glob("*.keras"))
    if not networks:
        raise UserError(f"{folder} holds no network: its weights are arrays.", "use its predict.py")
    keras_backend.start(seed=0)

    written, refused = [], {}
    for file in networks:
        target = file.with_suffix(".onnx")
        try:
            say(f"converting {file.name} to ONNX")
            _convert(file, target)
            written.append(target.name)
        except Exception as error:  # whatever the converter and ONNX Runtime raise for a layer that they do not know
            target.unlink(missing_ok=True)
            refused[file.name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return written, refused


def _convert(file: Path, target: Path) -> None:
    """Write a network as an ONNX file, and try that."""
    import keras
    import onnx
    import onnxruntime

    network = _with_constants(keras.saving.load_model(file, compile=False))
    images = np.random.default_rng(0).uniform(0, 255, (2, *network.input_shape[1:])).astype(np.float32)
    expected = np.asarray(network(images))  # Keras exports no model that was never called
    network.export(str(target), format="onnx", verbose=False)
    inputs = [one.name for one in onnx.load(target, load_external_data=False).graph.input]
    if len(inputs) != 1:
        raise ValueError(f"the converter made inputs of constants: {', '.join(inputs[1:])}")
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {inputs[0]: images})
    difference = float(np.max(np.abs(found - expected)) / np.max(np.abs(expected)))
    if not difference <= CLOSE:
        raise ValueError(f"ONNX Runtime's outputs differ from Keras's by {difference:.2g} of the largest")


def _with_constants(network: keras.Model) -> keras.Model:
    """The same network in float32, with rescaling in place of normalisation, and GELU by the error function.

    Keras's exporter takes the constants of a normalisation for inputs, and ONNX Runtime has few operations in bfloat16.
    TensorFlow computes the exact GELU by the complement of the error function, which ONNX does not know.
    """
    import keras

    def gelu(x: keras.KerasTensor) -> keras.KerasTensor:
        return x * (1 + keras.ops.erf(x / 2**0.5)) / 2

    def cloned(layer: keras.Layer) -> keras.Layer:
        if not isinstance(layer, keras.layers.Normalization) or layer.input_mean is None:
            config = layer.get_config()
            known: dict[str, Any] = {"dtype": "float32"} if "dtype" in config else {}
            known |= {"activation": gelu} if config.get("activation") == "gelu" else {}
            return layer.__class__.from_config(config | known)
        mean, deviation = np.asarray(layer.mean), np.sqrt(np.asarray(layer.variance))
        scale = 1 / np.maximum(deviation, keras.backend.epsilon())
        return keras.layers.Rescaling(scale, -mean * scale, name=layer.name, dtype="float32")

    same = keras.models.clone_model(network, clone_function=cloned, recursive=True)
    same.set_weights(network.get_weights())
    return same
