"""What a run was made on, for its record."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


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
    import keras

    from harness.models.inference import on_gpu

    if not on_gpu():
        return None
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices("gpu")[0].device_kind
    import tensorflow

    gpu = tensorflow.config.list_physical_devices("GPU")[0]
    return tensorflow.config.experimental.get_device_details(gpu).get("device_name", "GPU")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    name = next(named, "") or platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
