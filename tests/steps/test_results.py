"""Each step's regressions against the committed numbers: what a version stands for is what it still does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.models.inference import on_gpu
from harness.utils.versions import STEPS
from tests.steps.results import PIXELS, ROUNDING, TRAINED, Measured, differences, kept, measure, registered

# Other backends draw other random numbers, and a GPU computes in half precision.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ["KERAS_BACKEND"] != "tensorflow" or on_gpu(), reason="the numbers are those of TensorFlow on a CPU"
    ),
]

DIFFER = """
The step {step!r} gives other numbers than those kept of its version {version}:
  {differences}
- Should they change? Raise its version in harness/utils/versions.py: what it made is made again.
- Should they not? Then its code is wrong, or that of a step that it goes through.
Then run: make same-results"""


@pytest.mark.parametrize("step", STEPS)
def test_a_step_gives_the_numbers_of_its_version(step: str, tmp_path: Path):
    before, found = kept()[step], measure(step, tmp_path)
    apart = differences(before, found)
    told = DIFFER.format(step=step, version=STEPS[step].version, differences="\n  ".join(apart))
    assert not apart, told
    assert before.keys() == found.keys(), f"{step} measures other things than are kept: make same-results"


def test_every_step_has_regressions_and_nothing_else_has():
    assert set(registered()) == set(STEPS) == set(kept())


@pytest.mark.parametrize(
    ("before", "now", "tolerance", "same"),
    [
        (1.0, 1.0005, ROUNDING, True),
        (1.0, 1.01, ROUNDING, False),
        (1.0, 1.01, TRAINED, True),
        (1.0, 1.03, TRAINED, False),
        (0.0, 1e-5, ROUNDING, True),
        (0.0, 1e-3, ROUNDING, False),
        (100.0, 101.0, PIXELS, True),
        (100.0, 102.0, PIXELS, False),
        (1.0, float("nan"), TRAINED, False),
        (3, 3, TRAINED, True),
        (3, 4, TRAINED, False),
        (3, 3.0, TRAINED, False),
        ("9f", "9f", TRAINED, True),
        ("9f", "9e", TRAINED, False),
        ([[1.0], [2.0]], [[1.0], [2.0001]], ROUNDING, True),
        ([[1.0], [2.0]], [[1.0], [2.1]], ROUNDING, False),
        ([1.0], [1.0, 1.0], ROUNDING, False),
        ([1.0], 1.0, ROUNDING, False),
    ],
)
def test_floats_may_be_apart_by_their_tolerance_and_all_else_must_be_equal(before, now, tolerance, same):
    assert (differences({"it": before}, {"it": Measured(now, tolerance)}) == []) == same


def test_a_difference_is_told_with_its_name_its_place_and_its_size():
    found = {"losses": Measured([0.5, 0.9, 2.0], ROUNDING), "more": Measured(1, ROUNDING)}
    told = differences({"losses": [0.5, 0.6, 1.0], "gone": 2}, found)
    assert told == ["losses: [1] 0.6 was kept, 0.9 is found: off by 0.3, 0.5 of it (and 1 more of 3)"]
