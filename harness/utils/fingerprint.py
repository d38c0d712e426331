"""What a thing was made from, as a short hash: settings, data, versions of steps, and a competitor's own code."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import inspect
import json
from pathlib import Path
from typing import Any


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
            if getattr(value, field.name) != default_of(field)
        }
        return {"": type(value).__name__, **fields}
    raise TypeError(f"a fingerprint is made of JSON values and dataclasses. Received: {value!r}")


def default_of(field: dataclasses.Field) -> Any:
    """A field's default; ``dataclasses.MISSING`` where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def competitor_code(cls: type) -> str:
    """A hash of the code of the folder in which a class is written; "" for one of the harness's own.

    All Python files of that folder and below it count, for the class may use any of them: their source without
    comments, docstrings and layout, so that a better comment changes nothing. The same for the class's bases.
    """
    digest = hashlib.blake2b(digest_size=8)
    folders = {
        Path(inspect.getfile(base)).resolve().parent
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in ("builtins", "harness", "abc", "typing")
    }
    if not folders:
        return ""
    for folder in sorted(folders):
        for file in sorted(folder.rglob("*.py")):
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(source(file, file.stat().st_mtime_ns))
    return digest.hexdigest()


@functools.cache
def source(file: Path, _changed: int = 0) -> bytes:
    """A Python file's source without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
