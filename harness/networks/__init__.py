"""Network architectures, one a file; each is a function (height, width, channels, classes) -> keras.Model."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

NETWORKS = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py")))


def build(name: str, height: int, width: int, channels: int, classes: int) -> keras.Model:
    """The uncompiled network called ``name``: (height, width, channels) floats in, class probabilities out."""
    return importlib.import_module(f"harness.networks.{name}").build(height, width, channels, classes)
