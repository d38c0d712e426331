"""Network architectures, one per file: ``build(height, width, channels, classes, **options) -> keras.Model``.

In each module, ``SMALLEST`` is the shortest side, in pixels, of images that the network accepts.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_FOLDER = Path(__file__).parent
NETWORKS = tuple(sorted(file.stem for file in _FOLDER.glob("[!_]*.py")))


def build(name: str, height: int, width: int, channels: int, classes: int, **options: Any) -> keras.Model:
    """The uncompiled network called ``name``: from (height, width, channels) floats to class probabilities.

    Args:
        name: one of ``NETWORKS``.
        height, width, channels: the shape of the input.
        classes: the number of classes.
        options: the network's own options; the others have the defaults of its module.
    """
    return importlib.import_module(f"harness.models.networks.{name}").build(height, width, channels, classes, **options)


def options(name: str) -> tuple[str, ...]:
    """The names of a network's options. They are read from its source code, because importing Keras takes seconds."""
    (function,) = (node for node in _parsed(name) if isinstance(node, ast.FunctionDef) and node.name == "build")
    return tuple(argument.arg for argument in function.args.kwonlyargs)


def smallest(name: str) -> int:
    """The shortest side, in pixels, of images that a network accepts. It is read from its source code, too."""
    for node in _parsed(name):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "SMALLEST":
            return ast.literal_eval(node.value)
    raise ValueError(f"harness/models/networks/{name}.py must define SMALLEST")


def _parsed(name: str) -> list[ast.stmt]:
    return ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8")).body
