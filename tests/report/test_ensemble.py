"""The report of an ensemble says what was found: members, weights, honest score, gain, place, and what was left out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from harness.ensembles.calibration import calibrate
from harness.ensembles.combine import Average
from harness.ensembles.crossfit import Fitting
from harness.ensembles.gain import examine
from harness.report.ensemble import decisions, show
from harness.scoring.leaderboard import Leaderboard, Point
from harness.scoring.metrics import METRICS
from tests.ensembles.cases import case, named

LOG_LOSS = METRICS["log_loss"]
EMPTY = Leaderboard((), LOG_LOSS)


def printed(fit, skills: tuple[float, ...], board: Leaderboard = EMPTY, **changes) -> tuple[str, dict]:
    members, labels = case(0, skills, 400, 3)
    found = examine(Fitting(fit, named(members), labels, np.arange(400) % 4), LOG_LOSS) | {"left_out": {}} | changes
    out = io.StringIO()
    show("both", found, board, ("a", "b"), "softmax", Console(file=out, width=200))
    return out.getvalue(), found


def mean(members, labels):
    return Average(np.array([3.0, 1.0][: len(members.names)]))


def test_members_their_weights_and_the_verdict_are_told():
    text, found = printed(mean, (3.0, 0.0), left_out={"third": "MemoryError: no room"})
    assert "both: 2 members on 400 out-of-fold rows" in text
    assert "left out: third failed. MemoryError: no room" in text
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("member 0")}
    assert len(lines) == 1 and "0.750" in text and "0.250" in text
    assert "most similar" in text and f"member 001 ({found['correlation'][0][1]:.2f})" in text
    assert text.rstrip().endswith(found["gain"]["verdict"]) and found["gain"]["verdict"] == "worse"
    assert f"ensemble, fitted to other rows {found['honest']:.4f}" in " ".join(text.split())


@pytest.mark.parametrize("points", [(), (Point(1, 0.01, "private", ""), Point(9, 2.0, "private", ""))])
def test_places_are_told_where_the_board_is_known(points):
    text, _ = printed(
        lambda members, labels: calibrate(members.probabilities, labels), (2.0,), Leaderboard(points, LOG_LOSS)
    )
    assert ("interpolated between 2 and 9" in text) == bool(points)
    assert "temperature: " in text and "weight" not in text


def test_thresholds_are_told_in_words():
    assert "probability of 0.432 on" in decisions([0.4316, 0.4316], ("cat", "dog"), "sigmoid")
    assert "of 0.100 (cat), 0.900 (dog) on" in decisions([0.1, 0.9], ("cat", "dog"), "sigmoid")
    assert decisions([0.5, 1.25], ("mild", "bad", "worse"), "softmax") == "The expected grade is cut at 0.500, 1.250."
