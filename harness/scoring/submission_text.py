"""The text of a submission CSV. A kernel on Kaggle carries a copy of this module, so it imports little."""

from __future__ import annotations

import csv
import io

import numpy as np

from harness.data.targets.links import DECISION
from harness.scoring.positive import positive_value
from harness.scoring.submission_format import SubmissionFormat

Array = np.ndarray


def render(form: SubmissionFormat, ids: tuple[str, ...], classes: tuple[str, ...], probabilities: Array) -> str:
    """The text of a CSV of predictions.

    Args:
        form: the competition's format.
        ids: (n,) the rows' ids, in the order in which they are written.
        classes: class names by column.
        probabilities: (n, classes).
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form.separator, lineterminator="\n")
    if form.header:
        writer.writerow(form.columns(classes))
    writer.writerows([row_id, *cells] for row_id, cells in zip(ids, _cells(form, classes, probabilities), strict=True))
    return text.getvalue()


def _cells(form: SubmissionFormat, classes: tuple[str, ...], probabilities: Array) -> list[list[str]]:
    """The cells of each row, without its id."""
    if form.value == "probability":
        form.check(classes)
        number = classes.index(str(form.positive))
        positive = positive_value(probabilities, number)
        return [[f"{value:.{form.decimals}f}"] for value in positive]
    if form.value == "top":
        form.check(classes)
        return [[_best(row, form, classes)] for row in probabilities]
    if form.value == "labels":
        form.check(classes)
        return [[_given(row, form, classes)] for row in probabilities]
    if form.value == "columns" and form.decimals == 0:  # whether each label is given, as the metrics take it
        return [[str(int(value >= DECISION)) for value in row] for row in probabilities]
    if form.wide:
        return [[f"{value:.{form.decimals}f}" for value in row] for row in probabilities]
    if form.value == "quantity":
        if form.decimals == 0:  # not "-0", which some readers take for text
            return [[str(round(value))] for value in probabilities[:, 0].tolist()]
        return [[f"{value:.{form.decimals}f}"] for value in probabilities[:, 0]]
    predicted = probabilities.argmax(axis=1)
    return [[str(number) if form.value == "number" else classes[number]] for number in predicted]


def _given(row: Array, form: SubmissionFormat, classes: tuple[str, ...]) -> str:
    """The predicted labels of a row, in their order: (labels,) probabilities."""
    return form.list_separator.join(classes[number] for number in np.flatnonzero(row >= DECISION))


def _best(row: Array, form: SubmissionFormat, classes: tuple[str, ...]) -> str:
    """The most probable classes of a row, best first, equal ones in their order; those of probability 0 are not named.

    Args:
        row: (classes,) probabilities.
    """
    best = np.argsort(-row, kind="stable")[: form.top]
    return form.list_separator.join(classes[number] for number in best if row[number] > 0)
