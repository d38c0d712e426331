"""Where the images of a table's rows lie: the pattern of paths that gives an image for each row, or several of each."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from harness.data.readers.reader import natural
from harness.plugins.guessed import AmbiguousError
from harness.utils.errors import some

if TYPE_CHECKING:
    import pandas as pd

# A pattern, or those of the several images of each row.
Paths = str | tuple[str, ...]

# So many rows decide which column holds the ids; the pattern of paths is then tried on all.
TRIED = 50
# Words by which the images of one row are told apart: two eyes, hands, cameras. One digit after a word is another.
SIDES = (
    {"left", "right"}, {"l", "r"}, {"front", "back"}, {"front", "rear"}, {"top", "bottom"}, {"os", "od"},
    {"frontal", "lateral"}, {"cc", "mlo"},
)  # fmt: skip
NUMBERED = re.compile(r"([a-z]*)\d")


def pattern_of(rows: pd.DataFrame, images: list[str], part: str, given: str | None) -> tuple[str, Paths] | None:
    """The column of ids and the pattern of paths that gives an image for each row; None if there is none.

    Args:
        rows: of the table, all cells text.
        images: the paths that there are.
        part: "train" or "test".
        given: the pattern, or several with commas between them, where the user says it.

    Raises:
        AmbiguousError: several patterns do, none of them alone is of the part, and no words tell sides apart.
    """
    there, places = set(images), _places(images, nested=bool(len(rows)) and any("/" in cell for cell in rows.iloc[0]))
    for column in sorted(rows.columns, key=lambda name: _later(name, rows[name], places, given)):
        tried = rows[column].drop_duplicates().head(TRIED)
        if not len(tried):
            continue
        patterns = _named_so(column, tried, rows, places) or _with_more_in_the_name(column, tried, images)
        if given is not None:
            said = tuple(given.split(",")) if "," in given else (given,)
            fits = patterns and all(_fits(pattern, rows, there) for pattern in said)
            fitting: list[str] = []
            if fits:
                return column, said if len(said) > 1 else given
        else:
            fitting = sorted({pattern for pattern in patterns if _fits(pattern, rows, there)}, key=natural)
        if fitting:
            return column, _one_of(fitting, part)
    return None


def _later(name: str, cells: pd.Series, places: dict[str, Any], given: str | None) -> tuple[bool, ...]:
    """Which columns are looked at last: others may be names of images too.

    Those that the given pattern does not name; a table's index, which has no name; labels, which repeat a lot; and what
    repeats and is only a part of images' names, as a patient is.
    """
    is_part = not cells.is_unique and not all(value in places for value in cells.drop_duplicates().head(TRIED))
    is_named = given is None or f"{{{name}}}" in given
    return not is_named, name.startswith("Unnamed: "), 2 * cells.nunique() < len(cells), is_part


def each(paths: Paths) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths


def of_test(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """The same places below a folder of the test instead of one of the training."""
    return tuple(pattern.replace("train", "test").replace("Train", "Test") for pattern in patterns)


def fits(paths: Paths, rows: pd.DataFrame, images: list[str]) -> bool:
    """Whether there is an image for each row at all of its paths."""
    there = set(images)
    return all(_fits(path, rows, there) for path in each(paths))


def _places(images: list[str], nested: bool) -> dict[str, set[tuple[str, str]]]:
    """The folders and suffixes of the images of each name, with and without its suffix, and of names with folders."""
    places: dict[str, set[tuple[str, str]]] = {}
    for image in images:
        path = PurePosixPath(image)
        for parent in path.parents if nested else (path.parent,):
            name = path.relative_to(parent)
            for text, suffix in ((name.as_posix(), ""), (name.with_suffix("").as_posix(), path.suffix)):
                places.setdefault(text, set()).add((parent.as_posix(), suffix))
    return places


def _named_so(column: str, tried: pd.Series, rows: pd.DataFrame, places: dict[str, set[tuple[str, str]]]) -> list[str]:
    """Patterns where values are the names of images, with or without their suffix."""
    if not all(value in places for value in tried):
        return []
    folders = {place for value in tried for place in places[value]}
    patterns = [f"{parent}/{{{column}}}{suffix}" for parent, suffix in folders]
    for other in rows.columns.drop(column):
        above = {(PurePosixPath(parent).parent.as_posix(), suffix) for parent, suffix in folders}
        patterns += [f"{parent}/{{{other}}}/{{{column}}}{suffix}" for parent, suffix in above]
    return [pattern.removeprefix("./") for pattern in patterns]


def _with_more_in_the_name(column: str, tried: pd.Series, images: list[str]) -> list[str]:
    """Patterns where values are parts of names, as ``17`` of ``17_left.png``: those of the first value's images."""
    value = str(tried.iloc[0])
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])") if value else None
    patterns = []
    for image in images:
        above, slash, name = image.rpartition("/")
        found = word.search(name) if word else None
        if found:
            patterns.append(f"{above}{slash}{name[: found.start()]}{{{column}}}{name[found.end() :]}")
    return patterns


def _fits(pattern: str, rows: pd.DataFrame, there: set[str]) -> bool:
    """Whether a pattern gives an image that is there for each row."""
    pieces = re.split(r"{([^{}]*)}", pattern)
    if not all(name in rows for name in pieces[1::2]):
        return False
    columns = [rows[piece] if place % 2 else [piece] * len(rows) for place, piece in enumerate(pieces)]
    return all("".join(parts) in there for parts in zip(*columns, strict=True))


def _one_of(patterns: list[str], part: str) -> Paths:
    of_part = [pattern for pattern in patterns if part in pattern.partition("{")[0].lower()]
    left = of_part if len(patterns) > 1 else patterns
    if len(left) == 1:
        return left[0]
    places = left or patterns
    if _are_sides(places):
        return tuple(places)
    together = ",".join(places)
    raise AmbiguousError(
        f"the {part} images could be at {some(places)}.",
        f"say which: --path '{places[0]}'; or, if each row has several images: --path '{together}'",
        "path",
        [*places, together],
    )


def _are_sides(patterns: list[str]) -> bool:
    """Whether patterns differ in one word alone, by which the images of a row are told apart."""
    words = [re.split(r"[^A-Za-z0-9]+", pattern) for pattern in patterns]
    if len(patterns) < 2 or len({len(one) for one in words}) > 1:
        return False
    unlike = [{word.lower() for word in place} for place in zip(*words, strict=True) if len(set(place)) > 1]
    if len(unlike) != 1 or len(unlike[0]) < len(patterns):
        return False
    numbered = [NUMBERED.fullmatch(word) for word in unlike[0]]
    return unlike[0] in SIDES or (len({found and found[1] for found in numbered}) == 1 and numbered[0] is not None)
