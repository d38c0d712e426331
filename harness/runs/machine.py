"""What a run was made on, for its record."""

from __future__ import annotations

import os
import platform
from typing import Any

from harness.utils import processor


def about(trained: bool) -> dict[str, Any]:
    """The device, the cores, the system and Python.

    Args:
        trained: whether Keras trained a network, so that the device is a GPU where Keras's backend sees one.
    """
    return {
        "device": (_gpu() if trained else None) or _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _gpu() -> str | None:
    from harness.models.inference import on_gpu

    if not on_gpu():
        return None
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.devices("gpu")[0].device_kind
    import tensorflow

    gpu = tensorflow.config.list_physical_devices("GPU")[0]
    return tensorflow.config.experimental.get_device_details(gpu).get("device_name", "GPU")


def _processor() -> str:
    parts = [processor.name(), f"{os.cpu_count()} cores", processor.instructions()]
    return ", ".join(part for part in parts if part)
