"""Submission CSVs: writing predictions by id, and reading a CSV of any origin."""

from __future__ import annotations

from pathlib import Path

from harness.scoring import lint, submission_text
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
    return submission_text.render(form, predictions.ids, predictions.classes, predictions.probabilities)


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
