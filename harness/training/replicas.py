"""One network on several devices of a machine: each has a copy, computes its part of a batch, and all learn alike.

By ``keras.distribution.DataParallel``, on JAX alone: on TensorFlow, Keras does not stand by it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from harness.utils.errors import UserError

Array = np.ndarray


@contextlib.contextmanager
def replicated(count: int) -> Iterator[None]:
    """A context in which networks are made on so many devices; Keras is started.

    Args:
        count: the number of devices; with 1 nothing changes.

    Raises:
        UserError: Keras's backend is not JAX, or sees fewer devices.
    """
    if count == 1:
        yield
        return
    import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            f"replicas={count} needs Keras on JAX. Received: KERAS_BACKEND={keras.backend.backend()}",
            "set KERAS_BACKEND=jax, or train with --set replicas=1",
        )
    devices = keras.distribution.list_devices()
    if len(devices) < count:
        raise UserError(
            f"replicas={count} needs as many devices, and JAX sees {len(devices)}: {', '.join(devices)}.",
            f"--set replicas={len(devices)}",
        )
    with keras.distribution.DataParallel(devices=devices[:count]).scope():
        yield


def filled_up(rows: Array, count: int) -> Array:
    """Rows, and the first of them again until they can be divided among so many devices."""
    return np.resize(rows, -(-len(rows) // count) * count)
