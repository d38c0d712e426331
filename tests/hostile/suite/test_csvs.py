"""Mutated submissions against an oracle that shares no code with the linter."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from harness.scoring.lint import examine, lint
from harness.scoring.predictions import Predictions
from harness.scoring.submission_format import SubmissionFormat
from tests.hostile.suite import csv_mutations
from tests.hostile.suite.csv_oracle import BAD, GOOD, Verdict, judge
from tests.hostile.suite.tally import Tally

EACH = 500  # times twelve formats


@pytest.mark.parametrize("name", [*csv_mutations.FORMS])
def test_mutated_csvs(name: str, draw: random.Random, tmp_path: Path, record_property):
    form = csv_mutations.FORMS[name]
    tally = Tally(f"mutated CSVs, {name}")
    for number in range(EACH):
        ids, classes, rows = csv_mutations.drawn(draw, form)
        content = csv_mutations.mutated(draw, form, rows)
        verdict = judge(form, content, ids, classes)
        what = f"{name} {number}: {verdict.verdict} {verdict.why[:3]} ids={ids} classes={classes} {content!r}"
        with tally.case(what):
            defects, predictions = examine(form, content, ids, classes)
            told = [defect for defect in defects if defect.severity != "warning"]
            tally.expect(verdict.verdict != BAD or told, f"missed: {what}")
            tally.expect(verdict.verdict != GOOD or not told, f"false alarm {told}: {what}")
            if verdict.verdict == GOOD and predictions is not None:
                tally.expect(_same(form, verdict, predictions), f"read as {predictions.probabilities}: {what}")
            if number % 20 == 0:
                file = tmp_path / "x.csv"
                file.write_bytes(content)
                again = [one.text for one in lint(form, file, ids, classes, {}) if one.severity != "warning"]
                tally.expect(bool(again) == bool(told), f"the file is judged otherwise than its bytes: {what}")
    tally.close(record_property)


def _same(form: SubmissionFormat, verdict: Verdict, predictions: Predictions) -> bool:
    """Whether predictions say what the file says."""
    for name, row in zip(predictions.ids, predictions.probabilities, strict=True):
        said = verdict.values[name]
        if isinstance(said, str):
            if not _names_same(form, said.split(" ") if form.value in ("top", "labels") else [said], row, predictions):
                return False
        elif form.value == "probability":
            if abs(row[predictions.classes.index(form.positive)] - said[0]) > 1e-6:
                return False
        elif form.value == "probabilities":
            if not np.allclose(row / row.sum(), np.array(said) / sum(said), atol=1e-5):
                return False
        elif not np.allclose(row, said, rtol=1e-6, atol=1e-7):
            return False
    return True


def _names_same(form: SubmissionFormat, names: list[str], row: np.ndarray, predictions: Predictions) -> bool:
    if form.value == "labels":
        return {predictions.classes[number] for number in np.flatnonzero(row > 0.5)} == set(names)
    best = [predictions.classes[number] for number in np.argsort(-row, kind="stable")[: len(names)]]
    return best == names
