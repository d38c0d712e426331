"""Starting Keras on its backend: quietly, seeded, and the same way every time."""

from __future__ import annotations

import os


def start(seed: int) -> str:
    """Prepare Keras for one piece of training that gives the same result on every run of this machine.

    The backend is TensorFlow unless ``KERAS_BACKEND`` says otherwise.

    Args:
        seed: for Python, NumPy, and the backend's random numbers.

    Returns:
        The backend's name.
    """
    # Before TensorFlow is loaded: its start-up chatter is about our choice of wheel, nothing a user can mend.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()
    return keras.backend.backend()


def compiles_well() -> bool | str:
    """What to give ``Model.compile`` as ``jit_compile``.

    TensorFlow's XLA is slower than its plain graph on a CPU (MiniVGGNet: 340 against 560 images/s of training on
    two cores) and not deterministic on a GPU; other backends know best themselves.
    """
    import keras

    return False if keras.backend.backend() == "tensorflow" else "auto"


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of any backend means that the device has too little memory."""
    told = f"{type(error).__name__} {error}".lower()
    words = ("resource_exhausted", "resourceexhausted", "outofmemory", "out of memory", "oom when allocating")
    return isinstance(error, MemoryError) or any(word in told for word in words)
