"""A declaration as the Python that makes it."""

from __future__ import annotations

import dataclasses
import json

from harness.utils.fingerprint import default_of


def as_python(value: object) -> str:
    """A dataclass as the Python that makes it: only the fields that differ from their defaults."""
    fields = {part.name: getattr(value, part.name) for part in dataclasses.fields(value) if part.init}  # type: ignore
    defaults = {part.name: default_of(part) for part in dataclasses.fields(value)}  # type: ignore[arg-type]
    given = ", ".join(f"{name}={_literal(each)}" for name, each in fields.items() if each != defaults[name])
    return f"{type(value).__name__}({given})"


def _literal(value: object) -> str:
    """A value as Python, its strings in double quotes."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))},)"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
