"""What a table asks of each image: a class, a grade, several labels, a number; guessed, or as the user says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.data.targets import MULTICLASS, Multilabel, Ordinal, Regression, Targets
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, Targets] = {kind.name: kind for kind in (MULTICLASS, Ordinal(), Multilabel(), Regression())}
# Where no file says by which metric a board judges.
USUAL = {"multilabel": "log_loss", "regression": "rmse", "ordinal": "quadratic_weighted_kappa"}
FRACTION = r"[+-]?\d*\.\d*[1-9]\d*"
# Between the labels of a list. A blank comes last: names may have blanks.
SEPARATORS = ("|", ";", ",", " ")
OTHERWISE = "if it is something else: --targets " + ", ".join(KINDS)


def guess(
    rows: pd.DataFrame, label: str | tuple[str, ...], said: str | None, metric: str | None
) -> tuple[Targets, list[str]]:
    """The kind of the labels, and why, in words; no words for one class an image.

    Args:
        rows: the training rows.
        label: the column of labels, or the columns of 0 and 1.
        said: the name of a kind, as the user says it; None to guess.
        metric: the metric, where the user says it.

    Raises:
        UserError: the metric does not judge that kind.
    """
    if said == "multilabel" and isinstance(label, str):
        mark = next((mark for mark in SEPARATORS if rows[label].str.contains(mark, regex=False).any()), " ")
        return _told(Multilabel(mark), _between(mark) + "as you said", metric)
    return _told(*((KINDS[said], "as you said") if said is not None else _guessed(rows, label, metric)), metric)


def of_classes(said: str | None, metric: str | None) -> tuple[Targets, list[str]]:
    """The same of folders and names, which give each image one class or grade."""
    if said not in (None, "multiclass", "ordinal"):
        raise UserError(
            f"folders of classes and names with classes give each image one class. Received: --targets {said}",
            "--targets multiclass or ordinal; or give a CSV of labels",
        )
    return _told(*((KINDS[said], "as you said") if said is not None else _of_metric(metric)), metric)


def _told(targets: Targets, why: str, metric: str | None) -> tuple[Targets, list[str]]:
    if metric in METRICS and targets.name not in METRICS[metric].judged:
        fitting = [name for name, each in METRICS.items() if targets.name in each.judged]
        raise UserError(
            f"the labels are taken as {targets.name}{why and f', {why}'}, and {METRICS[metric].title} does not judge "
            "these.",
            f"--metric {' or '.join(fitting[:6])}; or {OTHERWISE}",
        )
    return targets, [f"targets: {targets.name}, {why}"] if targets != MULTICLASS else []


def _of_metric(metric: str | None) -> tuple[Targets, str]:
    if metric == "quadratic_weighted_kappa":
        return Ordinal(), f"since the metric is of grades; {OTHERWISE}"
    return MULTICLASS, ""


def _guessed(rows: pd.DataFrame, label: str | tuple[str, ...], metric: str | None) -> tuple[Targets, str]:
    if isinstance(label, tuple):
        several = (rows[[*label]].map(_is_one).sum(axis=1) != 1).any()
        return (
            (Multilabel(), f"since some rows do not have exactly one 1; {OTHERWISE}") if several else (MULTICLASS, "")
        )
    cells = rows[label]
    if cells.str.fullmatch(FRACTION).any():
        return Regression(), f"since {label!r} holds fractions; {OTHERWISE}"
    combinations = cells.drop_duplicates()
    for mark in SEPARATORS:
        kind = Multilabel(mark)
        lists = [kind.split(cell) for cell in combinations]
        names = {name for parts in lists for name in parts}
        if any(len(parts) > 1 for parts in lists) and len(names) < len(combinations):
            why = f"since {label!r} lists {len(names):,} names in {len(combinations):,} combinations; {OTHERWISE}"
            return kind, _between(mark) + why
    return _of_metric(metric)


def _between(mark: str) -> str:
    return "" if mark == " " else f"with {mark!r} between labels, "


def _is_one(cell: str) -> bool:
    return cell.strip() in ("1", "1.0")
