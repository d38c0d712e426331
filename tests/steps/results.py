"""What each step gives for small drawn data, in numbers, and the file that these are compared with.

``tests/steps/regressions/`` holds a regression or several of each step. The committed numbers, ``results.json``, tell
whether a step that was written anew still does what it did: a step's version may stay only if they are equal.

To have numbers taken anew for which no step's code is the cause (a regression was changed, or the libraries), remove
them from ``results.json`` and run ``make same-results``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import math
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.utils.fingerprint import default_of, left_out
from tests.steps import regressions

Value = str | int | float | list
Numbers = dict[str, Value]

KEPT = Path(__file__).with_name("results.json")


class Tolerance(NamedTuple):
    """How far two floats may be apart: ``absolute + relative`` times the one that was kept."""

    relative: float
    absolute: float


# Strings and whole numbers must be equal: ids, splits, folds, choices, shapes. Floats need not be: other processors
# have other instructions and numbers of cores, and so add in another order.
ROUNDING = Tolerance(1e-3, 1e-4)
# Training makes such differences larger with each step. The absolute part is for probabilities near 0.
TRAINED = Tolerance(2e-2, 2e-3)
# Of pixels of 0 to 255: OpenCV rounds to whole ones, on some processors to the next.
PIXELS = Tolerance(0.0, 1.5)


class Regression(NamedTuple):
    """A function that runs a step in an empty folder and gives numbers by name."""

    run: Callable[[Path], Numbers]
    tolerance: Tolerance


class Measured(NamedTuple):
    """What a regression found."""

    value: Value
    tolerance: Tolerance


_REGISTERED: dict[str, list[Regression]] = {}


def regression(step: str, tolerance: Tolerance = ROUNDING) -> Callable:
    """Mark a function as a regression of a step."""

    def register(function: Callable[[Path], Numbers]) -> Callable[[Path], Numbers]:
        _REGISTERED.setdefault(step, []).append(Regression(function, tolerance))
        return function

    return register


def registered() -> dict[str, list[Regression]]:
    """The regressions by step."""
    for module in pkgutil.iter_modules(regressions.__path__):
        importlib.import_module(f"{regressions.__name__}.{module.name}")
    return _REGISTERED


def measure(step: str, folder: Path) -> dict[str, Measured]:
    """Run a step's regressions.

    Args:
        folder: an empty one.
    """
    found: dict[str, Measured] = {}
    for number, one in enumerate(registered()[step]):
        below = folder / str(number)
        below.mkdir()
        for name, value in one.run(below).items():
            assert name not in found, f"{step} measures {name} twice"
            found[name] = Measured(_plain(value), one.tolerance)
    return found


def differences(before: Numbers, now: dict[str, Measured]) -> list[str]:
    """What differs, in words, among the numbers that both have."""
    told = []
    for name in before.keys() & now.keys():
        apart = _apart(before[name], *now[name])
        if apart is not None:
            told.append(f"{name}: {apart}")
    return sorted(told)


def kept() -> dict[str, Numbers]:
    """The committed numbers by step."""
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}


def as_json(numbers: dict[str, Numbers]) -> str:
    """Numbers by step, for a file: a line for each name."""
    steps = []
    for step, found in numbers.items():
        lines = [f"  {json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in found.items()]
        steps.append(f" {json.dumps(step)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(steps) + "\n}\n"


def _plain(value: Any) -> Value:
    """JSON's own kinds, floats to seven digits."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bool | np.bool_):
        return int(value)
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _apart(before: Value, now: Value, tolerance: Tolerance) -> str | None:
    """How two values differ, in words; None where they do not."""
    if isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            return f"{len(before)} numbers were kept, {len(now)} are found"
        apart = [(place, one) for place in range(len(now)) if (one := _apart(before[place], now[place], tolerance))]
        more = f" (and {len(apart) - 1} more of {len(now)})" if len(apart) > 1 else ""
        return f"[{apart[0][0]}] {apart[0][1]}{more}" if apart else None
    if isinstance(before, float) and isinstance(now, float):
        off = abs(now - before)
        if off <= tolerance.absolute + tolerance.relative * abs(before):
            return None
        share = f", {off / abs(before):.2g} of it" if before and not math.isnan(off) else ""
        return f"{before:.7g} was kept, {now:.7g} is found: off by {off:.2g}{share}"
    return None if type(before) is type(now) and before == now else f"{before!r} was kept, {now!r} is found"


# What regressions make numbers of.


def described(values: Any, places: int = 6) -> list[float]:
    """An array's mean, its deviation and some of its values."""
    array = np.asarray(values, np.float64)
    chosen = np.linspace(0, array.size - 1, min(places, array.size)).round().astype(int)
    return [array.mean(), array.std(), *array.ravel()[chosen]]


def digest(*values: Any) -> str:
    """A hash of what is exact: words, whole numbers, arrays of them."""

    def known(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, hashlib.blake2b(value.tobytes()).hexdigest()]
        if isinstance(value, bytes):
            return value.hex()
        return value.item() if isinstance(value, np.generic) else repr(value)

    return hashlib.blake2b(json.dumps(values, default=known).encode(), digest_size=8).hexdigest()


def defaults(*classes: type) -> Numbers:
    """The default settings that classes declare: they decide results, and a key leaves them out."""
    return {
        f"default of {one.__name__}.{field.name}": repr(left_out(field))
        for one in classes
        for field in dataclasses.fields(one)
        if field.name in vars(one).get("__annotations__", ()) and default_of(field) is not dataclasses.MISSING
    }
