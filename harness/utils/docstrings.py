"""What a class's docstring says of its settings, for messages."""

from __future__ import annotations

import inspect
import re
from typing import Any

# An entry of "Args:": its names, a colon, and text that goes on in deeper lines.
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def of_settings(kind: type) -> dict[str, str]:
    """What a class, or the class it inherits a setting from, says of each setting, by name: one line each."""
    found: dict[str, str] = {}
    for one in kind.__mro__:
        text = inspect.cleandoc(vars(one).get("__doc__") or "")
        for names, words in _ENTRY.findall(text.partition("Args:\n")[2]):
            for name in names.split(", "):
                found.setdefault(name, " ".join(words.split()).rstrip("."))
    return found


def of_setting(owner: Any, name: str) -> str | None:
    """What an object's class says of one of its settings; None where it says nothing."""
    return of_settings(type(owner)).get(name)


def named_like(word: str, kinds: set[type]) -> list[str]:
    """The settings of some classes whose description holds a word or its plural, for one who looks for another name."""
    stem = re.compile(rf"\b{re.escape(word.lower().rstrip('s'))}s?\b")
    told = {name: words for kind in kinds for name, words in of_settings(kind).items()}
    return sorted(name for name, words in told.items() if len(word) > 2 and stem.search(words.lower()))
