"""Reading a CSV of folds that people share: each defect is told with its line and what would be right there."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np

from harness.data.splitting import ALWAYS_TRAIN
from harness.utils.errors import UserError, short, some

Array = np.ndarray

NUMBERING = "number folds 0, 1, 2, …; -1 means always train"
TEMPLATE = "use a folds-*.csv written by the harness as the template"


def assignment(path: Path, ids: tuple[str, ...]) -> Array:
    """The fold in which each row is validated, from a CSV with the columns id and fold (or one column a repeat).

    Args:
        path: the CSV, whose rows may be in any order.
        ids: (n,) the rows.

    Returns:
        (n, repeats) int.

    Raises:
        UserError: it is not such a CSV, is for other rows, or a fold of it would train on nothing or validate nothing.
    """
    folds_of, line_of = _rows(path)
    missing = [row_id for row_id in ids if row_id not in folds_of]
    known = set(ids)
    extra = [row_id for row_id in folds_of if row_id not in known]
    if missing or extra:
        problems = []
        if missing:
            problems.append(f"{len(missing):,} training ids are missing from it ({some(missing, 3)})")
        if extra:
            lines = some([f"line {line_of[row_id]}: {short(row_id)}" for row_id in extra], 3)
            problems.append(f"{len(extra):,} of its ids are not training rows ({lines})")
        raise UserError(
            f"{path} does not fit this data: {'; '.join(problems)}.",
            "give every training id one line and remove the others, or use folds made from the same data",
        )
    for repeat in range(len(folds_of[ids[0]])):
        _check_numbers({row_id: folds_of[row_id][repeat] for row_id in ids}, line_of, path)
    return np.array([folds_of[row_id] for row_id in ids], dtype=np.int64)


def _rows(path: Path) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Each id's folds, and the line that gives them."""
    folds_of: dict[str, list[int]] = {}
    line_of: dict[str, int] = {}
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.reader(file, strict=True)
            header = next(table, [])
            if header[:1] != ["id"] or len(header) < 2:
                raise _defect(path, 1, f"it is {short(','.join(header))}, and should be id,fold", TEMPLATE)
            while True:
                line = table.line_num + 1
                row = next(table, None)
                if row is None:
                    return folds_of, line_of
                _check_row(path, line, row, len(header))
                if row[0] in line_of:
                    again = f"it lists the id {short(row[0])} twice: line {line_of[row[0]]} has it too"
                    raise _defect(path, line, again, "remove one of the two lines")
                folds_of[row[0]], line_of[row[0]] = [int(cell) for cell in row[1:]], line
    except FileNotFoundError:
        raise UserError(f"there is no folds file {path}.", "check the path after --folds") from None
    except IsADirectoryError:
        raise UserError(f"{path} is not a CSV of folds: it is a folder.", "give a file after --folds") from None
    except UnicodeDecodeError as error:
        raise _defect(path, line, f"it, or one soon after it, is not UTF-8 text ({error.reason})", TEMPLATE) from None
    except csv.Error as error:
        raise _defect(path, line, str(error), TEMPLATE) from None


def _check_row(path: Path, line: int, row: list[str], cells: int) -> None:
    if len(row) != cells:
        held = f"it has {len(row)} cells, and the first line has {cells}: {short(','.join(row))}"
        raise _defect(path, line, held, "give it an id and as many folds as the first line names")
    for cell in row[1:]:
        if not re.fullmatch(r"-?[0-9]{1,30}", cell):
            raise _defect(path, line, f"the fold of {short(row[0])} is {short(cell)}, no whole number", NUMBERING)
        if int(cell) < ALWAYS_TRAIN:
            raise _defect(path, line, f"the fold of {short(row[0])} is {cell}, below -1", NUMBERING)


def _check_numbers(fold_of: dict[str, int], line_of: dict[str, int], path: Path) -> None:
    """Raise an error unless the numbers of one column are 0, 1, 2, …, and each fold trains on something."""
    numbers = set(fold_of.values()) - {ALWAYS_TRAIN}
    if not numbers:
        raise UserError(f"{path} validates no row: every line gives -1.", NUMBERING)
    absent = next((number for number in range(len(numbers)) if number not in numbers), None)
    if absent is not None:
        row_id, most = max(fold_of.items(), key=lambda item: item[1])
        raise _defect(path, line_of[row_id], f"it gives fold {most}, and no line gives {absent}: gaps", NUMBERING)
    if len(set(fold_of.values())) == 1:
        raise UserError(
            f"{path} gives every row fold 0, which leaves none to train on.", "give some rows fold 1, or -1 to train on"
        )


def _defect(path: Path, line: int, what: str, fix: str) -> UserError:
    return UserError(f"{path} is not a CSV of folds (id,fold with whole numbers): line {line}: {what}.", fix)
