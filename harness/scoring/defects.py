"""What is wrong with a submission: defects, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

Severity = Literal["fatal", "error", "warning"]


@dataclass(frozen=True)
class Defect:
    """A defect of a file.

    Args:
        kind: its short name.
        text: a description with its count and examples.
        severity: a file with a "fatal" defect cannot be read as predictions; one with an "error" can be read and scored
            here, but must not be sent; a "warning" is only reported.
    """

    kind: str
    text: str
    severity: Severity = "fatal"


@dataclass
class Found:
    """How many cells or lines have a problem, and the first of them as text."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, count: int, examples: Iterable[str]) -> None:
        self.count += count
        self.examples += islice(examples, max(0, 3 - len(self.examples)))

    def text(self) -> str:
        return ", ".join(self.examples) + (f" and {self.count - 3:,} more" if self.count > 3 else "")


def shown(text: str, quote: bool = True) -> str:
    """Text from an untrusted file as it can be shown in a message: short and without control characters."""
    shortened = text if len(text) <= 80 else text[:79] + "…"
    return repr(shortened) if quote or not shortened.isprintable() else shortened
