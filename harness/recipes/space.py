"""The space of a search: which settings of a recipe it may change, and to what. Written as text, checked like settings.

``c=1e-4..1:log,side=[160,224]`` has two axes: a range, tried in powers, and a choice.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.recipes.recipe import Recipe
from harness.recipes.settings import override
from harness.utils.errors import UserError

if TYPE_CHECKING:
    from harness.competition import Competition

FORMS = "NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=[A,B,C], with commas between them"
EXAMPLE = "c=1e-4..1:log,side=[160,224]"
# What no search may choose: the best seed is luck, and other folds are other rows.
NOT_SEARCHED = {"seed": "the best seed is luck", "folds": "other folds are other rows, whose scores do not compare"}
DIGITS = 3  # of a tried number: as many as are worth typing
COMBINATIONS = 100  # of the other axes with which a value is checked


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds, both of them too.

    Args:
        name: the setting.
        low, high: the bounds.
        log: whether powers are tried evenly, not numbers.
        whole: whether the numbers are whole.
    """

    name: str
    low: float
    high: float
    log: bool = False
    whole: bool = field(default=False, compare=False)

    @property
    def ends(self) -> tuple[str, ...]:
        return self.text(self.low), self.text(self.high)

    def text(self, value: float) -> str:
        """A number of the range as it is typed: a whole one, or one of ``DIGITS`` digits."""
        if self.whole:
            return str(round(value))
        return repr(min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high))

    def __str__(self) -> str:
        low, high = (f"{end:g}" for end in (self.low, self.high))
        return f"{self.name}={low}..{high}{':log' * self.log}"


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Args:
        name: the setting.
        values: as they are typed.
    """

    name: str
    values: tuple[str, ...]

    @property
    def ends(self) -> tuple[str, ...]:
        return self.values

    def __str__(self) -> str:
        return f"{self.name}=[{','.join(self.values)}]"


Axis = Range | Choice
Space = tuple[Axis, ...]


def parse(text: str, where: str = "--space") -> Space:
    """The axes that a text names; nothing of the recipe is known yet.

    Args:
        text: as typed.
        where: how errors call the text.

    Raises:
        UserError: it is not of the form.
    """
    axes = tuple(_axis(part, where) for part in _parts(text, where))
    names = [axis.name for axis in axes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{where} names {', '.join(twice)} twice.", "give each setting one range or choice")
    if not axes:
        raise UserError(f"{where} names no setting.", f"write {FORMS}; for example {EXAMPLE}")
    return axes


def declared(text: str, name: str, recipe: Recipe, where: str = "--space") -> Space:
    """The space that a text gives to a recipe, each value of its setting's type.

    Args:
        text: as typed.
        name, recipe: of the recipe whose settings are to be searched.
        where: how errors call the text.

    Raises:
        UserError: it is not of the form, there is no such setting, or a bound or a choice is not of its type.
    """
    return tuple(_typed(axis, name, recipe, where) for axis in parse(text, where))


def check(space: Space, name: str, recipe: Recipe, competition: Competition, where: str = "--space") -> None:
    """Refuse a space with a bound or a choice that the recipe cannot have here, whatever the other settings are.

    Args:
        space: from ``declared``.
        name, recipe: as there.
        competition: its rules apply.
        where: how errors call the space.

    Raises:
        UserError: names the axis, the setting, what is allowed and what it got.
    """
    for axis in space:
        others = {other.name: (None, *other.ends) for other in space if other is not axis}
        for end in axis.ends:
            error = _refusal(name, recipe, competition, axis.name, end, others)
            if error is not None:
                raise UserError(f"{where} {axis}: {error.what}", error.fix)


def changed(name: str, recipe: Recipe, point: dict[str, str], where: str = "--space") -> Recipe:
    """The recipe with the settings of a point of the space: setting to value as typed."""
    return override({name: recipe}, [f"{setting}={value}" for setting, value in point.items()], where)[name]


def point_of(space: Space, name: str, recipe: Recipe) -> dict[str, float | str] | None:
    """Where in the space a recipe's own settings lie: numbers of ranges, texts of choices; None if they lie outside."""
    point: dict[str, float | str] = {}
    for axis in space:
        own = getattr(recipe, axis.name)
        if isinstance(axis, Choice):
            same = [text for text in axis.values if getattr(changed(name, recipe, {axis.name: text}), axis.name) == own]
            if not same:
                return None
            point[axis.name] = same[0]
            continue
        number = _number(own)
        if number is None or not axis.low <= number <= axis.high:
            return None
        point[axis.name] = number
    return point


def size(space: Space) -> int | None:
    """How many points there are; None where there are more than anybody could try."""
    counts = [len(axis.values) if isinstance(axis, Choice) else _numbers(axis) for axis in space]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def _numbers(axis: Range) -> int | None:
    if axis.whole:
        return round(axis.high - axis.low) + 1
    return 1 if axis.low == axis.high else None


def points(space: Space) -> list[dict[str, float | str]]:
    """All points of a space that has a size."""
    values: list[list[float | str]] = [
        [*axis.values] if isinstance(axis, Choice) else [axis.low + step for step in range(_numbers(axis) or 1)]
        for axis in space
    ]
    return [dict(zip((axis.name for axis in space), point, strict=True)) for point in itertools.product(*values)]


def _parts(text: str, where: str) -> list[str]:
    """What lies between the commas outside brackets and quotes."""
    closing, parts, opened, quote = {")": "(", "]": "[", "}": "{"}, [""], [], ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in closing.values():
            opened.append(letter)
        elif letter in closing and (not opened or opened.pop() != closing[letter]):
            raise UserError(f"{where}: {letter!r} closes nothing. Received: {text!r}", f"write {FORMS}")
        if letter == "," and not opened and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    if opened or quote:
        raise UserError(f"{where}: {quote or opened[-1]!r} is not closed. Received: {text!r}", f"write {FORMS}")
    return [part.strip() for part in parts if part.strip()]


def _axis(part: str, where: str) -> Axis:
    name, equals, rest = (piece.strip() for piece in part.partition("="))
    if not equals or not name or not rest:
        raise UserError(f"{where} takes {FORMS}. Received: {part!r}", f"for example: {EXAMPLE}")
    if rest.startswith("[") and rest.endswith("]"):
        values = tuple(_parts(rest[1:-1], where))
        if not values:
            raise UserError(f"{where} {part}: there is nothing to choose from.", f"for example: {EXAMPLE}")
        return Choice(name, tuple(dict.fromkeys(values)))
    bounds, colon, how = rest.partition(":")
    low, dots, high = bounds.partition("..")
    if not dots or (colon and how != "log"):
        raise UserError(f"{where} takes {FORMS}. Received: {part!r}", f"for example: {EXAMPLE}")
    return _range(part, name, low, high, bool(colon), where)


def _range(part: str, name: str, low: str, high: str, log: bool, where: str) -> Range:
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = math.nan, math.nan
    if not all(map(math.isfinite, ends)):
        raise UserError(f"{where}: a range lies between two numbers. Received: {part!r}", f"for example: {EXAMPLE}")
    if ends[0] >= ends[1]:
        raise UserError(
            f"{where}: the lower bound of a range comes first. Received: {part!r}", f"write {name}={high}..{low}"
        )
    if log and ends[0] <= 0:
        raise UserError(
            f"{where}: a range in powers lies above 0. Received: {part!r}", f"leave out :log, or raise {low}"
        )
    return Range(name, *ends, log)


def _typed(axis: Axis, name: str, recipe: Recipe, where: str) -> Axis:
    """The axis, if its values are of the setting's type; a range of whole numbers where only those are."""
    if axis.name in NOT_SEARCHED and hasattr(recipe, axis.name):
        raise UserError(f"{where} {axis}: {axis.name} is not searched: {NOT_SEARCHED[axis.name]}.", f"leave out {axis}")
    if isinstance(axis, Range):
        try:
            changed(name, recipe, {axis.name: repr(axis.low + 0.381 * (axis.high - axis.low))}, where)
        except UserError:
            axis = Range(axis.name, axis.low, axis.high, axis.log, whole=True)
            for end in (axis.low, axis.high):
                if not end.is_integer():
                    changed(name, recipe, {axis.name: repr(end)}, where)  # says what is wanted
    for text in axis.ends:
        one = changed(name, recipe, {axis.name: text}, where)
        if isinstance(axis, Range) and _number(getattr(one, axis.name)) is None:
            raise UserError(f"{where} {axis}: {axis.name} is no number.", f"write {axis.name}=[A,B,C]")
    return axis


def _number(value: Any) -> float | None:
    """A setting that is a number, or a tuple of one."""
    number = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def _refusal(
    name: str,
    recipe: Recipe,
    competition: Competition,
    setting: str,
    value: str,
    others: dict[str, tuple[str | None, ...]],
) -> UserError | None:
    """Why a value is none that the recipe can have; None where it goes with some values of the other axes."""
    first: UserError | None = None
    for combination in itertools.islice(itertools.product(*others.values()), COMBINATIONS):
        point = {other: text for other, text in zip(others, combination, strict=True) if text is not None}
        try:
            changed(name, recipe, point | {setting: value}).check(competition)
        except UserError as error:
            first = first or error
        else:
            return None
    return first
