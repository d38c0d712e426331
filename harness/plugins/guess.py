"""What a folder of images is: its layout, its labels and its test ids, with what was taken for what in words."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.data.readers import ClassFolders, Table
from harness.data.readers.reader import Reader, file_name, find, images_below, is_image, natural, walk
from harness.data.readers.table import read_csv
from harness.data.targets import MULTICLASS, Targets
from harness.plugins import guess_targets
from harness.scoring.metrics import METRICS
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError, nearest, some
from harness.utils.fingerprint import default_of

if TYPE_CHECKING:
    import pandas as pd

# Names of folders that are parts of a data set, not classes of it.
TRAIN_NAMES = ("train", "training")
HELD_OUT_NAMES = ("val", "valid", "validation", "test", "testing")
# So many rows decide which column holds the ids; the pattern of paths is then tried on all.
TRIED = 50


@dataclass(frozen=True)
class Choices:
    """What the user says about files that do not say it.

    Args:
        metric, label, path, group, holdout: names as in ``competition.py``; None to guess.
        targets: the kind's name: multiclass, ordinal, multilabel or regression; None to guess.
    """

    metric: str | None = None
    label: str | None = None
    path: str | None = None
    group: str | None = None
    holdout: str | None = None
    targets: str | None = None


class AmbiguousError(UserError):
    """What a user can say and the files do not.

    Args:
        what, fix: as for any error.
        choice: the field of ``Choices`` that settles it.
        options: its values to choose from.
    """

    def __init__(self, what: str, fix: str, choice: str, options: list[str]) -> None:
        super().__init__(what, fix)
        self.choice = choice
        self.options = options


@dataclass(frozen=True)
class Guess:
    """A layout.

    Args:
        reader: reads it.
        folder: where it was found.
        id_column, value_columns: the columns of the sample submission; ``id`` and ``label`` without one.
        said: what was taken for what.
        targets: the kind of the labels.
    """

    reader: Reader
    folder: Path
    id_column: str = "id"
    value_columns: tuple[str, ...] = ("label",)
    said: list[str] = field(default_factory=list)
    targets: Targets = MULTICLASS


def guess(folder: Path, choices: Choices) -> Guess:
    """Look at a folder: a CSV that names images, or folders of classes.

    Raises:
        UserError: no layout is recognised, or it could be taken for several things; the fix names the option to give.
    """
    inside = [path for path in folder.iterdir() if path.name[0] != "." and path.name != "__MACOSX"]
    if len(inside) == 1 and inside[0].is_dir():
        return guess(inside[0], choices)
    found = _table(folder, choices)
    if found is None:
        found = _with_sample(_class_folders(folder, choices))
    return found


def code(value: object) -> str:
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


def submission(found: Guess, metric: str, classes: tuple[str, ...]) -> SubmissionFormat:
    """The format of the CSV: the sample's columns, and what the metric judges."""
    judged = METRICS[metric]
    columns = SubmissionFormat(id_column=found.id_column, value_column=found.value_columns[0])
    if found.targets.link == "identity":
        return dataclasses.replace(columns, value="quantity", decimals=9)
    if found.targets.link == "sigmoid":
        if len(found.value_columns) > 1 or judged.judges in ("probabilities", "order"):
            return SubmissionFormat(id_column=found.id_column, value="columns", decimals=15)
        if judged.judges == "classes":
            return dataclasses.replace(columns, value="labels")
    if len(found.value_columns) > 1:
        return SubmissionFormat(id_column=found.id_column, value="probabilities", decimals=15)
    if judged.judges == "ranking":
        places = int("".join(re.findall(r"\d", metric)) or 5)
        return dataclasses.replace(columns, value="top", top=places)
    if judged.judges == "classes":
        return columns
    if len(classes) == 2:
        return dataclasses.replace(columns, value="probability", positive=classes[1], decimals=15)
    return SubmissionFormat(id_column=found.id_column, value="probabilities", decimals=15)


# Tables.


def _table(folder: Path, choices: Choices) -> Guess | None:
    """A CSV that names images; None if there is none."""
    files = sorted(path for path in folder.glob("*.csv") if path.is_file())
    samples = [path for path in files if "sample" in path.name.lower()]
    sample = samples[0] if len(samples) == 1 else None
    images = [path for path, _ in walk(folder) if is_image(path)]
    candidates = []
    for file in files:
        if file in samples or file.stem.lower().startswith("test"):
            continue
        rows = read_csv(file)
        if (named := _pattern(rows, images, "train", choices.path)) is not None:
            candidates.append((file, rows, *named))
    if not candidates:
        return None
    if len(candidates) > 1:
        names = ", ".join(file.name for file, *_ in candidates)
        raise UserError(f"several CSVs in {folder} name its images: {names}.", "move those without labels elsewhere")
    (file, rows, id_column, path) = candidates[0]
    header = [*read_csv(sample, rows=1).columns] if sample else ["id", "label"]
    label = _label(file, rows, id_column, header[1:] if sample else [], choices.label)
    test_path = _test_path(sample, images)
    if sample is not None and test_path == path.replace(f"{{{id_column}}}", "{id}"):
        # One folder holds the images of both; where ids are shared too, only the training images are there.
        shared = set(rows[id_column]) & set(read_csv(sample).iloc[:, 0])
        test_path = None if shared else test_path
    targets, why = guess_targets.guess(rows, label, choices.targets, choices.metric)
    reader = Table(
        csv=file.name,
        id=id_column,
        label=label,
        path=path,
        sample=sample.name if sample else None,
        test_path=test_path or Table.test_path,
        group=choices.group,
        empty=isinstance(label, str) and targets.may_be_empty and bool((rows[label].str.strip() == "").any()),
    )
    said = [
        f"training rows: {file.name}, {len(rows):,} rows, ids in {id_column!r}, images at {path}",
        f"labels: {'columns ' + ', '.join(label) if isinstance(label, tuple) else f'column {label!r}'}",
        *why,
        f"test rows: {sample.name}, images at {test_path or 'no place that was found'}"
        if sample
        else "test rows: none",
    ]
    used = {id_column, *(label if isinstance(label, tuple) else [label])}
    said += _said_of_groups(rows, used, choices.group)
    return Guess(reader, folder, header[0], tuple(header[1:]), said, targets)


def _pattern(rows: pd.DataFrame, images: list[str], part: str, given: str | None) -> tuple[str, str] | None:
    """The column of ids and the pattern of paths that gives an image for each row; None if there is none.

    Raises:
        UserError: several patterns do, and none of them alone is of the part ("train" or "test").
    """
    there, places = set(images), dict[str, set[tuple[str, str]]]()
    for image in images:
        path = PurePosixPath(image)
        for name, suffix in ((path.name, ""), (path.stem, path.suffix)):
            places.setdefault(name, set()).add((path.parent.as_posix(), suffix))
    for column in rows.columns:
        tried = rows[column].drop_duplicates().head(TRIED)
        if not len(tried) or not all(value in places for value in tried):
            continue
        folders = {place for value in tried for place in places[value]}
        patterns = [f"{parent}/{{{column}}}{suffix}".removeprefix("./") for parent, suffix in folders]
        for other in rows.columns.drop(column):
            above = {(PurePosixPath(parent).parent.as_posix(), suffix) for parent, suffix in folders}
            patterns += [f"{parent}/{{{other}}}/{{{column}}}{suffix}".removeprefix("./") for parent, suffix in above]
        fitting = sorted({pattern for pattern in patterns if _fits(pattern, rows, there)}, key=natural)
        if given is not None:
            fitting = [given] if _fits(given, rows, there) else []
        if fitting:
            return column, _one_of(fitting, part)
    return None


def _fits(pattern: str, rows: pd.DataFrame, there: set[str]) -> bool:
    """Whether a pattern gives an image that is there for each row."""
    pieces = re.split(r"{([^{}]*)}", pattern)
    if not all(name in rows for name in pieces[1::2]):
        return False
    columns = [rows[piece] if place % 2 else [piece] * len(rows) for place, piece in enumerate(pieces)]
    return all("".join(parts) in there for parts in zip(*columns, strict=True))


def _one_of(patterns: list[str], part: str) -> str:
    of_part = [pattern for pattern in patterns if part in pattern.partition("{")[0].lower()]
    left = of_part if len(patterns) > 1 else patterns
    if len(left) != 1:
        places = left or patterns
        raise AmbiguousError(
            f"the {part} images could be at {some(places)}.", f"say which: --path '{places[0]}'", "path", places
        )
    return left[0]


def _test_path(sample: Path | None, images: list[str]) -> str | None:
    if sample is None:
        return None
    rows = read_csv(sample).iloc[:, :1].set_axis(["id"], axis=1)
    found = _pattern(rows, images, "test", None)
    return found[1] if found else None


def _label(
    file: Path, rows: pd.DataFrame, id_column: str, sampled: list[str], given: str | None
) -> str | tuple[str, ...]:
    """The column of labels, or the columns of a one-hot table."""
    others = [column for column in rows.columns if column != id_column]
    if given is not None:
        if given not in others:
            raise UserError(f"{file.name} has no column {given!r}. {nearest(given, others)}", "--label COLUMN")
        return given
    if len(sampled) > 1 and set(sampled) <= set(others):
        return tuple(sampled)
    same = [column for column in others if len(sampled) > 1 and set(rows[column]) == set(sampled)]
    same += [column for column in others if len(sampled) == 1 and column == sampled[0]]
    left = same or (others if len(others) == 1 else [])
    if len(left) != 1:
        raise AmbiguousError(
            f"nothing says which column of {file.name} holds the labels: {some(left or others)}.",
            f"say which: --label {(left or others or ['COLUMN'])[0]}",
            "label",
            left or others,
        )
    return left[0]


def _said_of_groups(rows: pd.DataFrame, used: Iterable[str], given: str | None) -> list[str]:
    if given is not None:
        return [f"groups: column {given!r}; no fold separates its {rows[given].nunique():,} values"]
    repeated = [name for name in rows.columns if name not in used and 1 < rows[name].nunique() < len(rows)]
    if not repeated:
        return []
    return [f"groups: none; if rows with the same value belong together: --group {' or '.join(repeated[:5])}"]


# Folders of classes.


def _with_sample(found: Guess) -> Guess:
    """The same with the ids and the columns of the sample submission, where its ids are the names of test images."""
    samples = sorted(found.folder.glob("*sample*.csv"))
    if not samples:
        return found
    assert isinstance(found.reader, ClassFolders)
    rows = read_csv(samples[0])
    paths = images_below(found.folder, found.reader.test) if found.reader.test else []
    if len(samples) > 1 or set(rows.iloc[:, 0]) != {file_name(path) for path in paths}:
        unused = some([path.name for path in samples])
        found.said.append(f"not used: {unused}; ids are paths, such as train/class/1.jpg, not the board's")
        return found
    found.said.append(f"ids of the test: names of images, as in {samples[0].name}")
    header = tuple(rows.columns)
    reader = dataclasses.replace(found.reader, test_ids="name")
    return dataclasses.replace(found, reader=reader, id_column=header[0], value_columns=header[1:])


def _class_folders(folder: Path, choices: Choices) -> Guess:
    """Folders of classes, at the top or below ``train/``, with a hold-out and a test folder beside it."""
    names = sorted((path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"), key=natural)
    parts = [name for name in names if name.lower() in (*TRAIN_NAMES, *HELD_OUT_NAMES)]
    train = [name for name in parts if name.lower() in TRAIN_NAMES]
    if not train:
        if set(parts) - {"test"}:
            raise UserError(
                f"{folder} has folders that are parts of a data set, not classes, and no train/: {some(parts)}.",
                "rename the folder of training images to train/",
            )
        found, at = find((ClassFolders(test="test"),), folder)
        return Guess(found, at, said=["labels: the names of the folders"])
    labelled = [name for name in parts if name not in train and ClassFolders(train=name).matches(folder)]
    if choices.holdout is not None:
        labelled = [name for name in labelled if name == choices.holdout]
    if len(labelled) > 1:
        raise AmbiguousError(
            f"{' and '.join(labelled)} in {folder} both have labels, and one of them is the hold-out.",
            f"say which: --holdout {labelled[-1]}",
            "holdout",
            labelled,
        )
    unlabelled = [name for name in parts if name.lower().startswith("test") and name not in labelled]
    unlabelled = [name for name in unlabelled if not ClassFolders(train=name).matches(folder)]
    reader = ClassFolders(
        train=train[0], holdout=labelled[0] if labelled else None, test=unlabelled[0] if unlabelled else None
    )
    if not reader.matches(folder):
        raise UserError(
            f"{folder / train[0]} has neither two folders of classes, nor a CSV beside it that names its images.",
            f"put the images into {train[0]}/<class>/, or a CSV of labels beside it",
        )
    unused = sorted(set(names) - {reader.train, reader.holdout, reader.test})
    said = [f"labels: the names of the folders in {train[0]}/"]
    said += [f"hold-out: {reader.holdout}/"] if reader.holdout else []
    said += [f"test rows: {reader.test}/"] if reader.test else ["test rows: none"]
    said += [f"not used: {', '.join(unused)}"] if unused else []
    return Guess(reader, folder, said=said)
