"""Submission CSVs: writing predictions by id, and reading a CSV of any origin."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from harness.scoring import lint
from harness.scoring.metrics import positive_value
from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.errors import UserError
from harness.utils.files import write_text


def write(form: SubmissionFormat, path: Path, predictions: Predictions) -> None:
    """Write predictions as a CSV, atomically, after checking that the text can be read back.

    Raises:
        UserError: the text is not in the competition's format.
    """
    text = render(form, predictions)
    parse(form, text.encode(), predictions.ids, predictions.classes, str(path))
    write_text(path, text)


def render(form: SubmissionFormat, predictions: Predictions) -> str:
    """The text of a CSV of predictions."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form.separator, lineterminator="\n")
    if form.header:
        writer.writerow(form.columns(predictions.classes))
    writer.writerows([row_id, *cells] for row_id, cells in zip(predictions.ids, _cells(form, predictions), strict=True))
    return text.getvalue()


def read(form: SubmissionFormat, path: Path, ids: tuple[str, ...], classes: tuple[str, ...]) -> Predictions:
    """Read a CSV of any origin for the rows ``ids``, in any order, as predictions in the order of ``ids``.

    A class is read as a probability of one.

    Raises:
        UserError: the file has defects; the message lists all of them, with counts and examples.
    """
    return parse(form, lint.read(path), ids, classes, str(path))


def parse(
    form: SubmissionFormat, content: bytes, ids: tuple[str, ...], classes: tuple[str, ...], name: str
) -> Predictions:
    """The same as ``read``, from the bytes of a CSV; ``name`` is its name in messages."""
    defects, predictions = lint.examine(form, content, ids, classes)
    if predictions is None:
        raise UserError(
            f"{name} is not in the competition's format:\n" + "\n".join(f"  - {defect.text}" for defect in defects),
            "correct the file; harness submit writes one in the format",
        )
    return predictions


def _cells(form: SubmissionFormat, predictions: Predictions) -> list[list[str]]:
    """The cells of each row, without its id."""
    if form.value == "probability":
        form.check(predictions.classes)
        number = predictions.classes.index(str(form.positive))
        positive = positive_value(predictions.probabilities, number)
        return [[f"{value:.{form.decimals}f}"] for value in positive]
    if form.value == "top":
        form.check(predictions.classes)
        return [[_best(row, form.top, predictions.classes)] for row in predictions.probabilities]
    if form.value == "probabilities":
        return [[f"{value:.{form.decimals}f}" for value in row] for row in predictions.probabilities]
    predicted = predictions.probabilities.argmax(axis=1)
    return [[str(number) if form.value == "number" else predictions.classes[number]] for number in predicted]


def _best(row: np.ndarray, top: int, classes: tuple[str, ...]) -> str:
    """The most probable classes of a row, best first, equal ones in their order; those of probability 0 are not named.

    Args:
        row: (classes,) probabilities.
    """
    best = np.argsort(-row, kind="stable")[:top]
    return " ".join(classes[number] for number in best if row[number] > 0)
