"""Starts Keras on its backend: without start-up messages, seeded, and deterministic."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from harness.utils.console import doing, say


def start(seed: int) -> str:
    """Prepare Keras for a piece of work that gives the same result on every run on this machine.

    The backend is the one of ``KERAS_BACKEND``, which the package ``harness`` sets to TensorFlow where nobody has.

    Args:
        seed: the seed of the random numbers of Python, NumPy and the backend.

    Returns:
        The backend's name.
    """
    if "keras" not in sys.modules:  # which takes some seconds
        say(f"loading Keras on {os.environ['KERAS_BACKEND']}")
    with doing(f"loading Keras on {os.environ['KERAS_BACKEND']}"):
        import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy("float32")  # whatever a notebook has set
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
        logging.getLogger("tensorflow").addFilter(_is_for_users)
    return keras.backend.backend()


def _is_for_users(record: logging.LogRecord) -> bool:
    """Not that networks are traced anew: each fold has its own."""
    return "triggered tf.function retracing" not in str(record.msg)


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Layers made inside have Keras's policy ``name``, such as "mixed_bfloat16"; later ones have the one before."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compiles_well() -> bool | str:
    """The value for ``jit_compile`` in ``Model.compile``.

    TensorFlow's XLA is slower than its plain graph on a CPU (training MiniVGGNet on two cores: 340 against 560
    images/s) and not deterministic on a GPU. Other backends decide for themselves.
    """
    import keras

    return False if keras.backend.backend() == "tensorflow" else "auto"


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of any backend means that the device has too little memory."""
    text = f"{type(error).__name__} {error}".lower()
    signs = ("resource_exhausted", "resourceexhausted", "outofmemory", "out of memory", "oom when allocating")
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)
