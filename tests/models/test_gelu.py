"""The fused GELU: values and gradients of the definition and of Keras's layer, in both precisions, and on disk."""

from __future__ import annotations

import math
import subprocess
import sys

import keras
import numpy as np
import pytest

from harness.models import gelu, keras_backend
from harness.models.gelu import Gelu
from harness.models.plain import plain

pytestmark = pytest.mark.model

IMAGES = np.linspace(-8, 8, 6 * 5 * 4 * 3, dtype=np.float32).reshape(6, 5, 4, 3)


@pytest.fixture(autouse=True)
def seeded():
    keras_backend.start(seed=1)


def test_values_are_those_of_the_definition():
    expected = [x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in IMAGES.ravel().tolist()]
    assert np.allclose(np.ravel(Gelu()(IMAGES)), expected, atol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_outputs_and_gradients_are_those_of_keras(policy):
    found = []
    for layer in (keras.layers.Activation("gelu", dtype=policy), Gelu(dtype=policy)):
        shift = keras.layers.Dense(3, dtype=policy)  # what it learns passes through the activation's gradient
        tail = [keras.layers.Flatten(), keras.layers.Dense(1, trainable=False, dtype="float32")]
        model = keras.Sequential([keras.Input(IMAGES.shape[1:]), shift, layer, *tail])
        shift.set_weights([np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
        tail[1].set_weights([np.linspace(-1, 1, 60, dtype=np.float32)[:, None], np.zeros(1, np.float32)])
        model.compile(keras.optimizers.SGD(1e-3), "mse", jit_compile=False)
        before = keras.ops.convert_to_numpy(model(IMAGES))
        model.train_on_batch(IMAGES, np.ones((6, 1), np.float32))
        kernel, bias = shift.get_weights()
        found.append([before, kernel - np.eye(3), bias])
    tolerance = 1e-5 if policy == "float32" else 0.03
    for theirs, ours in zip(*found, strict=True):
        assert np.abs(theirs).max() > 1e-3
        assert np.abs(theirs - ours).max() <= tolerance * np.abs(theirs).max()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_type_of_the_input_is_kept(dtype):
    assert keras.backend.standardize_dtype(Gelu(dtype=dtype)(keras.ops.cast(IMAGES, dtype)).dtype) == dtype


def test_batches_of_any_size_pass_and_it_is_loaded_as_it_was_saved_and_replaced_by_keras_layer(tmp_path):
    model = keras.Sequential([keras.Input(IMAGES.shape[1:]), Gelu(name="act")])
    assert [model(IMAGES[:count]).shape[0] for count in (6, 1, 4)] == [6, 1, 4]
    model.save(tmp_path / "gelu.keras")
    loaded = keras.saving.load_model(tmp_path / "gelu.keras")
    assert isinstance(loaded.layers[0], Gelu) and np.array_equal(loaded(IMAGES), model(IMAGES))
    assert type(plain(model).layers[0]) is keras.layers.Activation
    assert np.allclose(plain(model)(IMAGES), model(IMAGES), atol=1e-6)


def test_a_first_kernel_is_made_without_a_word():
    code = "import harness, numpy; from harness.models.gelu import Gelu; print(Gelu()(numpy.ones((2, 3))).shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(2, 3)\n" and "XLA" not in done.stderr


def test_it_works_with_a_closed_stderr():
    code = "import harness, numpy; from harness.models.gelu import Gelu; print(Gelu()(numpy.ones((2, 3))).shape)"
    closed = ["sh", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, code]
    assert subprocess.run(closed, stdout=subprocess.PIPE, text=True, check=True).stdout == "(2, 3)\n"


def test_without_a_compiler_it_is_that_of_keras(monkeypatch, capsys):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("TensorFlow's only")
    import tensorflow

    def broken(**_):
        def refuse(*_):
            raise tensorflow.errors.UnimplementedError(None, None, "libdevice not found\nmore")

        return lambda function: refuse

    monkeypatch.setattr(tensorflow, "function", broken)
    gelu._fused.cache_clear()
    try:
        assert np.allclose(Gelu()(IMAGES), keras.ops.gelu(IMAGES, approximate=False), atol=1e-6)
    finally:
        gelu._fused.cache_clear()
    assert "(libdevice not found)" in capsys.readouterr().err
