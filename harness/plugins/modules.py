"""Running a competition's Python files, and the modules beside them that they import.

Each file is a module ``competitions.<folder>.<file>``. ``import helper`` in one of them means ``helper.py`` of its own
folder where there is one, so two competitions may have different helpers of one name; nothing outside the folder sees
them. ``from . import helper`` means the same.
"""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import importlib.machinery
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from harness.utils import fingerprint as fp
from harness.utils.errors import UserError, nearest

PARENT = "competitions"


def forget(folder: Path) -> None:
    """Let the modules of a competition's folder be run anew: they may have changed, or be another workspace's."""
    package = f"{PARENT}.{folder.name}"
    for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
        del sys.modules[name]


def execute(path: Path) -> ModuleType:
    """Run a competition's file as a module.

    Raises:
        UserError: it raises an error, or ends the process; the file and the line are named.
    """
    package = _package(path.parent)
    name = f"{package.__name__}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Loader(name, str(path)))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses declared in the file look their module up here
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(where(path, error), f"correct {path}") from error
    return module


def where(path: Path, error: BaseException) -> str:
    """An error inside a competitor's code, with the file and the line where it arose."""
    file: Any = path
    line: Any = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        if path.parent in Path(frame.filename).parents:
            file, line = frame.filename, frame.lineno
    if isinstance(error, SyntaxError):
        file, line = error.filename or file, error.lineno
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"{file}, line {line}: {words}{_guess(error)}"


def _guess(error: BaseException) -> str:
    """For a misspelt setting, the nearest ones of the class that was called."""
    unknown = re.fullmatch(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if unknown is None or error.__traceback__ is None:
        return ""
    *_, (innermost, _) = traceback.walk_tb(error.__traceback__)
    called = innermost.f_globals.get(unknown[1])
    known = [field.name for field in dataclasses.fields(called)] if dataclasses.is_dataclass(called) else []
    return f". {nearest(unknown[2], known)}" if known else ""


def _package(folder: Path) -> ModuleType:
    """The package whose modules are the folder's files."""
    name = f"{PARENT}.{folder.name}"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return sys.modules[name]


class _Finder:
    """Finds the modules of competitions' folders, to be loaded by ``_Loader``."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(f"{PARENT}.") or path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a file of a competition's folder so that its imports look into that folder first."""

    def get_code(self, fullname: str) -> CodeType:
        # Never from __pycache__: that misses a change within a second that leaves the size as it was.
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        package = ".".join(module.__name__.split(".")[:2])
        folder = Path(sys.modules[package].__path__[0])

        def import_(name: str, globals: Any = None, locals: Any = None, names: Any = (), level: int = 0) -> Any:
            first = name.partition(".")[0]
            beside = level == 0 and ((folder / f"{first}.py").is_file() or (folder / first / "__init__.py").is_file())
            if not beside:
                return builtins.__import__(name, globals, locals, names, level)
            found = builtins.__import__(f"{package}.{name}", globals, locals, names or ("",), 0)
            return found if names else sys.modules[f"{package}.{first}"]

        # A module's own __builtins__ decide what its import statements do, also those inside functions.
        module.__dict__["__builtins__"] = vars(builtins) | {"__import__": import_}
        super().exec_module(module)
        fp.note_classes(module)
