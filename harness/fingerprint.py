"""What a thing was made from, as a short hash: settings, data and the code of its step."""

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

    Parts are JSON values and dataclasses of them; a dataclass counts with its name and all its fields.
    """
    text = json.dumps(parts, sort_keys=True, default=_plain, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"": type(value).__name__, **fields}
    raise TypeError(f"a fingerprint is made of JSON values and dataclasses. Received: {value!r}")


@functools.cache
def code(*modules: str) -> str:
    """A hash of what harness modules do: their source without comments, docstrings and layout.

    An edit that could change a result changes the hash, so what the module made is made again;
    a better comment does not. The modules are read, not imported.

    Args:
        modules: names below ``harness``, such as ``"data.images"``.
    """
    package = Path(__file__).resolve().parent
    return _code_of(*(package / (name.replace(".", "/") + ".py") for name in modules))


def code_of_class(cls: type) -> str:
    """The same for the files in which a class and its bases are written, competitors' own included."""
    files = {inspect.getfile(base) for base in cls.__mro__ if base is not object}
    return _code_of(*(Path(file) for file in sorted(files)))


def _code_of(*files: Path) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        digest.update(_meaning(file, file.stat().st_mtime_ns))
    return digest.hexdigest()


@functools.cache
def _meaning(file: Path, _changed: int) -> bytes:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
