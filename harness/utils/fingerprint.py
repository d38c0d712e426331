"""What a thing was made from, as a short hash: settings, data, versions of steps, and a competitor's own code."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary


def fingerprint(**parts: Any) -> str:
    """A 16-hex-digit hash of named parts; the same on every machine and every run.

    Parts are JSON values and dataclasses of them. A dataclass counts with its name and the fields that differ from
    their defaults, so that a new setting, whose default leaves things as they were, changes no key.
    """
    text = json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != left_out(field)
        }
        return {"": type(value).__name__, **fields}
    raise TypeError(f"a fingerprint is made of JSON values and dataclasses. Received: {value!r}")


def left_out(field: dataclasses.Field) -> Any:
    """The value that a key does not name: a field's default, unless its metadata has another as ``left_out``.

    So a default may change, and what was made with the one before it is still found.
    """
    return field.metadata.get("left_out", default_of(field))


def default_of(field: dataclasses.Field) -> Any:
    """A field's default; ``dataclasses.MISSING`` where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def competitor_code(*values: Any) -> str:
    """A hash of the code of the folders in which values' classes are written; "" for the harness's own.

    All Python files of a competition's folder and below it count, for a class may use any of them: their source
    without comments, docstrings and layout, so that a better comment changes nothing. The same for the classes' bases
    and for the classes of dataclasses' fields.
    """
    found = {made_of for cls in _classes(values) for base in cls.__mro__ if (made_of := _made_of(base)) is not None}
    digest = hashlib.blake2b(digest_size=8)
    for _, code in sorted(found):
        digest.update(code)
    return digest.hexdigest() if found else ""


# The code of folders as it was when it was run last: a file that is edited meanwhile does not change what runs.
_run: dict[Path, bytes] = {}
# Classes' folders, and their code when the classes were made. Not an attribute of theirs: a protocol would ask for it.
_noted: WeakKeyDictionary[type, tuple[Path, bytes]] = WeakKeyDictionary()


def note_code(folder: Path) -> None:
    """Let keys be of a folder's code as it is now, for now it is run."""
    _run[folder.resolve()] = _code(folder.resolve())


def note_classes(module: ModuleType) -> None:
    """Let the keys of a module's classes be of the code that was noted, whatever is run later under their names."""
    for value in vars(module).values():
        is_own = isinstance(value, type) and value.__module__ == module.__name__
        if is_own and (made_of := _made_of(value)) is not None:
            _noted[value] = made_of


def is_code_changed(folder: Path) -> bool:
    """Whether a folder's code is another one than that which was run last."""
    folder = folder.resolve()
    return folder in _run and _run[folder] != _code(folder)


def is_outdated(*values: Any) -> bool:
    """Whether a value's class was made by other code than there is now."""
    made_of = [_noted.get(base) for cls in _classes(values) for base in cls.__mro__]
    return any(code != _code(folder) for folder, code in filter(None, made_of))


def _made_of(cls: type) -> tuple[Path, bytes] | None:
    """The folder whose code a class is a part of, and that code; None for the harness's own classes."""
    if cls.__module__.partition(".")[0] in ("builtins", "harness", "abc", "typing"):
        return None
    if cls in _noted:
        return _noted[cls]
    folder = _code_folder(Path(inspect.getfile(cls)).resolve())
    return folder, _run[folder] if folder in _run else _code(folder)


def _code(folder: Path) -> bytes:
    """The names and sources of all Python files in a folder and below it."""
    files = sorted(file for file in folder.rglob("*.py") if file.is_file())  # an editor's lock may be a dangling link
    return b"".join(
        f"{file.relative_to(folder).as_posix()}\0".encode() + source(file, file.stat().st_mtime_ns) for file in files
    )


def _classes(value: Any) -> set[type]:
    """A value's class, and those of the values in it; only dataclasses have one that counts."""
    if isinstance(value, tuple | list):
        return {cls for part in value for cls in _classes(part)}
    if isinstance(value, type):
        return {value}
    if not dataclasses.is_dataclass(value):
        return set()
    inner = {cls for field in dataclasses.fields(value) for cls in _classes(getattr(value, field.name))}
    return {type(value)} | inner


def _code_folder(file: Path) -> Path:
    """The competition's folder in which a file lies, else the file's own folder."""
    return next((folder for folder in file.parents if (folder / "competition.py").is_file()), file.parent)


@functools.cache
def source(file: Path, _changed: int = 0) -> bytes:
    """A Python file's source without comments, docstrings and layout; as it stands where it is no Python."""
    content = file.read_bytes()
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return content
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
