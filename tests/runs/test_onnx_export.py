"""Exported networks as ONNX files: ONNX Runtime gives what Keras gives."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from harness.runs.onnx_export import add_onnx
from harness.utils.errors import UserError


@pytest.mark.model
@pytest.mark.parametrize(("policy", "off"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2)])
def test_onnx_runtime_gives_what_keras_gives(tmp_path: Path, policy: str, off: float):
    for library in ("tf2onnx", "onnx", "onnxruntime"):
        pytest.importorskip(library, reason=f"{library} is not installed: make onnx")
    import onnxruntime

    from harness.models import keras_backend
    from tests.steps.regressions import given

    keras_backend.start(seed=3)
    import keras

    pixels = keras.Input((16, 16, 3))
    # Within another model, and scaled by constants: what networks from scratch are.
    scaled = keras.layers.Normalization(mean=[100.0, 110.0, 120.0], variance=[900.0, 400.0, 1600.0])(pixels)
    with keras_backend.dtype_policy(policy):
        network = keras.Model(pixels, given.small_network(3, 16, 16)(scaled * 30 + 128))
    (tmp_path / "weights").mkdir()
    network.save(tmp_path / "weights" / "net-fold-1.keras")
    written, refused = add_onnx(tmp_path)
    assert written == ["net-fold-1.onnx"] and refused == {}
    session = onnxruntime.InferenceSession(tmp_path / "weights" / "net-fold-1.onnx")
    images = given.pixels(5).astype(np.float32)
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, np.asarray(network(images), np.float32), atol=off, rtol=0)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UserError, match="is not installed: onnx, of the extra") as error:
        add_onnx(tmp_path)
    assert error.value.fix == "make onnx"
