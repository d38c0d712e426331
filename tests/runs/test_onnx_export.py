"""Exported networks as ONNX files: ONNX Runtime gives what Keras gives."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.runs.onnx_export import _with_constants, add_onnx
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import keras


def scaled_network(policy: str) -> keras.Model:
    """With GELU, within another model, and scaled by constants: what networks from scratch are."""
    from harness.models import keras_backend

    keras_backend.start(seed=3)
    import keras

    from harness.models.networks import airbench

    pixels = keras.Input((16, 16, 3))
    scaled = keras.layers.Normalization(mean=[100.0, 110.0, 120.0], variance=[900.0, 400.0, 1600.0])(pixels)
    with keras_backend.dtype_policy(policy):
        inner = airbench.build(16, 16, 8, 3, widths=(8, 8, 8))
        before = keras.layers.Conv2D(8, 3, padding="same", activation="gelu")
        return keras.Model(pixels, inner(before(scaled)))


@pytest.mark.model
@pytest.mark.parametrize(("policy", "off"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2)])
def test_onnx_runtime_gives_what_keras_gives(tmp_path: Path, policy: str, off: float):
    for library in ("tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(library, reason=f"{library} is not installed: make onnx")
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("networks are converted on TensorFlow alone")
    import onnxruntime

    from tests.steps.regressions import given

    network = scaled_network(policy)
    (tmp_path / "weights").mkdir()
    network.save(tmp_path / "weights" / "net-fold-1.keras")
    written, refused = add_onnx(tmp_path)
    assert written == ["net-fold-1.onnx"] and refused == {}
    session = onnxruntime.InferenceSession(tmp_path / "weights" / "net-fold-1.onnx")
    images = given.pixels(5).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, np.asarray(network(images), np.float32), atol=off, rtol=0)


@pytest.mark.model
@pytest.mark.slow
def test_exact_gelu_is_the_same_by_an_operation_that_onnx_knows():
    network = scaled_network("float32")
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX has no operation that ONNX does not know")
    same = _with_constants(network)
    images = np.linspace(0, 255, 5 * 16 * 16 * 3, dtype=np.float32).reshape(5, 16, 16, 3)
    np.testing.assert_allclose(np.asarray(same(images)), np.asarray(network(images)), atol=1e-6, rtol=0)
    graph = tf.function(lambda pixels: same(pixels)).get_concrete_function(tf.TensorSpec((1, 16, 16, 3))).graph
    operations = {operation.type for operation in graph.get_operations()}
    assert "Erf" in operations and "Erfc" not in operations


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(UserError, match="is not installed: onnx, of the extra") as error:
        add_onnx(tmp_path)
    assert error.value.fix == "make onnx"


def test_on_jax_the_command_for_tensorflow_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(UserError, match="KERAS_BACKEND is jax") as error:
        add_onnx(tmp_path)
    assert error.value.fix.startswith("KERAS_BACKEND=tensorflow harness export")
