"""What computes: Keras's backend, and the versions of libraries that are installed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version


def backend() -> str:
    """The name of Keras's backend, without loading Keras."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def installed(names: Iterable[str]) -> dict[str, str]:
    """The versions of libraries, of those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
