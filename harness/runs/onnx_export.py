"""The networks of an exported folder as ONNX files too, for those who serve them elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.models import keras_backend
from harness.utils.console import say
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import keras


def require_converter() -> None:
    """Raise an error before anything is written, if nothing can be converted.

    Raises:
        UserError: the converter is not installed.
    """
    try:
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401  (what Keras converts with)
    except ImportError as error:
        raise UserError(
            f"what converts networks to ONNX is not installed: {error.name}, of the extra 'onnx'.", "make onnx"
        ) from None


def add_onnx(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Write ``<name>.onnx`` beside each ``weights/<name>.keras``: from (n, height, width, 3) floats to its outputs.

    Args:
        folder: written by ``harness.runs.export``.

    Returns:
        The files written, and of the others why the network does not allow it.

    Raises:
        UserError: the converter is not installed, or the folder holds no network.
    """
    require_converter()
    import onnx

    networks = sorted((folder / "weights").glob("*.keras"))
    if not networks:
        raise UserError(f"{folder} holds no network: its weights are arrays.", "use its predict.py")
    keras_backend.start(seed=0)
    import keras

    written, refused = [], {}
    for file in networks:
        target = file.with_suffix(".onnx")
        try:
            say(f"converting {file.name} to ONNX")
            network = _with_constants(keras.saving.load_model(file, compile=False))
            network(keras.ops.zeros((1, *network.input_shape[1:])))  # Keras exports no model that was never called
            network.export(str(target), format="onnx", verbose=False)
            inputs = [one.name for one in onnx.load(target, load_external_data=False).graph.input]
            if len(inputs) != 1:
                raise ValueError(f"the converter made inputs of constants: {', '.join(inputs[1:])}")
            written.append(target.name)
        except Exception as error:  # whatever the converter raises for a layer it does not know
            target.unlink(missing_ok=True)
            refused[file.name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return written, refused


def _with_constants(network: keras.Model) -> keras.Model:
    """The same network in float32, with rescaling in place of normalisation.

    Keras's exporter takes the constants of a normalisation for inputs, and ONNX Runtime has few operations in bfloat16.
    """
    import keras

    def cloned(layer: keras.Layer) -> keras.Layer:
        if not isinstance(layer, keras.layers.Normalization) or layer.input_mean is None:
            config = layer.get_config()
            return layer.__class__.from_config(config | ({"dtype": "float32"} if "dtype" in config else {}))
        mean, deviation = np.asarray(layer.mean), np.sqrt(np.asarray(layer.variance))
        scale = 1 / np.maximum(deviation, keras.backend.epsilon())
        return keras.layers.Rescaling(scale, -mean * scale, name=layer.name, dtype="float32")

    same = keras.models.clone_model(network, clone_function=cloned, recursive=True)
    same.set_weights(network.get_weights())
    return same
