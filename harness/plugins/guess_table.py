"""A CSV that names images: which column holds ids, which labels, and where the images lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.data.readers import Table
from harness.data.readers.reader import is_image, walk
from harness.data.readers.table import read_csv
from harness.data.targets import Multilabel, Targets
from harness.plugins import guess_targets
from harness.plugins.guess_columns import further_columns
from harness.plugins.guess_paths import Paths, each, fits, of_test, pattern_of
from harness.plugins.guessed import AmbiguousError, Choices, Guess
from harness.plugins.sample import Sample, only_sample, samples_in
from harness.utils.errors import UserError, nearest, some

if TYPE_CHECKING:
    import pandas as pd


def of_table(folder: Path, choices: Choices) -> Guess | None:
    """A CSV that names images; None if there is none.

    Raises:
        UserError: it could be taken for several things; the fix names the option to give.
    """
    samples, sample = samples_in(folder), only_sample(folder)
    files = sorted(path for path in folder.glob("*.csv") if path.is_file())
    of_the_test = [file for file in files if file.stem.lower().startswith("test")]
    images = [path for path, _ in walk(folder) if is_image(path)]
    tables = [file for file in files if file not in (*samples, *of_the_test)]
    labelled = _labelled(folder, tables, images, choices)
    if labelled is None:
        return None
    file, rows, id_column, path = labelled
    label = _label(file, rows, id_column, [*sample.value_columns] if sample else [], choices.label)
    train_paths = tuple(one.replace(f"{{{id_column}}}", "{id}") for one in each(path))
    test_path = _test_path(sample, images, train_paths)
    wanted = sample.ids if sample else []
    if test_path is not None and each(test_path) == train_paths:
        # One folder holds the images of both; where ids are shared too, only the training images are there.
        test_path = None if set(rows[id_column]) & {*wanted} else test_path
    targets, why = guess_targets.guess(rows, label, choices.targets, choices.metric)
    if choices.group is not None and choices.group not in rows:
        raise UserError(
            f"{file.name} has no column {choices.group!r}. {nearest(choices.group, [*rows])}", "--group COLUMN"
        )
    used = {id_column, *(label if isinstance(label, tuple) else [label])}
    tests = {one: read_csv(one) for one in of_the_test}
    further = further_columns(rows, used | {choices.group or id_column}, id_column, tests, wanted if test_path else [])
    reader = Table(
        csv=file.name,
        id=id_column,
        label=label,
        path=path,
        sample=sample.name if sample else None,
        test_path=test_path or Table.test_path,
        test_csv=further.test_csv,
        group=choices.group,
        empty=isinstance(label, str) and targets.may_be_empty and bool((rows[label].str.strip() == "").any()),
        numbers=further.numbers,
        categories=further.categories,
    )
    said = [
        f"training rows: {file.name}, {len(rows):,} rows, ids in {id_column!r}, images at {_told(path)}",
        f"labels: {'columns ' + ', '.join(label) if isinstance(label, tuple) else f'column {label!r}'}",
        *why,
        f"test rows: {sample.name}, images at {_told(test_path) if test_path else 'no place that was found'}"
        if sample
        else "test rows: none",
    ]
    said += further.said
    said += _said_of_groups(rows, used, choices.group)
    decimals = _decimals(sample, rows[[*each(label)]]) if sample else None
    if decimals == 0 and targets.link == "identity":
        said.append(f"CSV: whole numbers, as in {sample.name if sample else ''} and among the labels")
    return Guess(reader, folder, said, targets, sample, decimals, _list_separator(sample, rows, label, targets))


def _labelled(
    folder: Path, tables: list[Path], images: list[str], choices: Choices
) -> tuple[Path, pd.DataFrame, str, Paths] | None:
    """The CSV that names images of the folder, with its rows, the column of their ids, and their paths' pattern.

    Raises:
        UserError: several do.
    """
    found = []
    for file in tables:
        rows = read_csv(file)
        if (named := pattern_of(rows, images, "train", choices.path)) is not None:
            found.append((file, rows, *named))
    if len(found) > 1:
        names = ", ".join(file.name for file, *_ in found)
        raise UserError(f"several CSVs in {folder} name its images: {names}.", "move those without labels elsewhere")
    return found[0] if found else None


def _list_separator(sample: Sample | None, rows: pd.DataFrame, label: str | tuple[str, ...], targets: Targets) -> str:
    """What stands between labels in the sample; where it lists no two, the same as between those of the training."""
    if not isinstance(targets, Multilabel):
        return " "
    known = targets.separator
    names = {name for cell in rows[label] for name in targets.split(cell)} if isinstance(label, str) else {*label}
    cells = [] if sample is None else sample.rows.iloc[:, 1:].iloc[:, -1:].stack().astype(str).str.strip().tolist()
    lists = [cell for cell in cells if cell not in names]  # a name may have a blank in it

    def splits(mark: str) -> bool:
        parts = [[part.strip() for part in cell.split(mark)] for cell in lists]
        return any(len(one) > 1 and {*one} <= names for one in parts)

    return next((mark for mark in (known, *guess_targets.SEPARATORS) if splits(mark)), known)


def _decimals(sample: Sample, labels: pd.DataFrame) -> int | None:
    """The most decimals of a number in the sample; 0 where sample and labels are whole numbers; else None."""
    cells = sample.rows.iloc[:, 1:].stack().astype(str).str.strip()
    if not len(cells) or not cells.str.fullmatch(r"[+-]?\d+(\.\d*)?").all():
        return None
    most = int(cells.str.partition(".")[2].str.len().max())
    are_whole = labels.stack().str.strip().str.fullmatch(r"[+-]?\d+").all()
    return most if most or are_whole else None


def _told(paths: Paths) -> str:
    return " and ".join(each(paths))


def _test_path(sample: Sample | None, images: list[str], of_train: tuple[str, ...]) -> Paths | None:
    """Where the test images are: at the same places as those of the training, if they are there."""
    if sample is None:
        return None
    rows = sample.rows.iloc[:, :1].set_axis(["id"], axis=1)
    alike = of_test(of_train)
    if alike != of_train and fits(alike, rows, images):
        return alike if len(alike) > 1 else alike[0]
    try:
        found = pattern_of(rows, images, "test", None)
    except AmbiguousError as error:
        raise UserError(str(error), "move the others elsewhere, or write test_path= by hand (docs/data.md)") from None
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
