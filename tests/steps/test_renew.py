"""``make same-results``: what is noted, what is taken, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.utils.versions import Step
from tests.steps import code, results
from tests.steps.renew import renew
from tests.steps.results import ROUNDING, Numbers, Regression, as_json


class Steps:
    """Made-up steps: what they are and give now can be changed."""

    def __init__(self) -> None:
        self.table = {"dealing": Step(1, ()), "training": Step(1, ())}
        self.code = {"dealing": "aa", "training": "bb"}
        self.numbers: dict[str, Numbers] = {"dealing": {"rows": [1, 2]}, "training": {"loss": 0.5, "epochs": 3}}

    def kept(self) -> tuple[dict, dict]:
        """What the two files say."""
        return json.loads(code.KEPT.read_text()), json.loads(results.KEPT.read_text())

    def notes(self, *names: str) -> dict:
        return {name: {"version": self.table[name].version, "code": self.code[name]} for name in names or self.table}

    def regressions(self) -> dict[str, list[Regression]]:
        return {step: [Regression(lambda _, step=step: self.numbers[step], ROUNDING)] for step in self.table}


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr("tests.steps.renew.STEPS", made.table)
    monkeypatch.setattr(code, "KEPT", tmp_path / "code.json")
    monkeypatch.setattr(code, "code", lambda step: made.code[step])
    monkeypatch.setattr(results, "KEPT", tmp_path / "results.json")
    monkeypatch.setattr(results, "registered", made.regressions)
    code.KEPT.write_text(json.dumps(made.notes()))
    results.KEPT.write_text(as_json(made.numbers))
    return made


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Renew, and give what was said with the exit code before it."""

    def run(everything: bool = False) -> str:
        return f"{renew(everything)} {capsys.readouterr().out}"

    return run


def test_nothing_has_changed(steps: Steps, told):
    before = steps.kept()
    assert told() == "0 nothing has changed\n"
    assert told(everything=True) == "0 dealing: its results are the same\ntraining: its results are the same\n"
    assert steps.kept() == before


def test_the_code_of_a_refactored_step_is_noted(steps: Steps, told):
    steps.code["training"] = "cc"
    assert told() == "0 training: its results are the same, and its code is noted\n"
    assert steps.kept() == (steps.notes(), steps.numbers)
    assert told() == "0 nothing has changed\n"


def test_numbers_within_the_tolerance_stay_as_they_were(steps: Steps, told):
    before = steps.kept()[1]
    steps.code["training"], steps.numbers["training"]["loss"] = "cc", 0.50001
    assert told().startswith("0 training: its results are the same")
    assert steps.kept() == (steps.notes(), before)


def test_other_results_of_the_same_version_are_refused_and_the_rest_is_noted(steps: Steps, told):
    before = steps.kept()
    steps.code |= {"dealing": "dd", "training": "cc"}
    steps.numbers["dealing"]["rows"] = [1, 3]
    assert told() == (
        "1 dealing is refused: its results are not the same.\n"
        "  rows: [1] 2 was kept, 3 is found\n"
        "  raise the version of dealing in harness/utils/versions.py, or mend its code (or that of a step that it goes "
        "through)\n"
        "training: its results are the same, and its code is noted\n"
    )
    assert steps.kept() == (before[0] | steps.notes("training"), before[1])
    assert told().startswith("1 dealing is refused")


def test_of_a_raised_version_the_new_numbers_are_taken(steps: Steps, told):
    steps.table["training"] = Step(2, ())
    steps.code["training"], steps.numbers["training"]["loss"] = "cc", 0.7
    assert told() == "0 training: version 2, its numbers are taken anew\n"
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_numbers_of_other_steps_follow_those_of_a_raised_one(steps: Steps, told):
    steps.table["dealing"] = Step(2, ())
    steps.numbers["dealing"]["rows"], steps.numbers["training"]["loss"] = [9, 9], 0.7
    assert told() == (
        "0 dealing: version 2, its numbers are taken anew\n"
        "training: its numbers are taken anew, for they follow dealing\n"
    )
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_a_raised_version_waits_until_nothing_is_refused(steps: Steps, told):
    before = steps.kept()
    steps.table["dealing"] = Step(2, ())
    steps.code["training"], steps.numbers["training"]["loss"] = "cc", 0.7
    found = told()
    assert "training is refused" in found and found.endswith(
        "dealing: version 2 waits until what is refused is mended\n"
    )
    assert steps.kept() == before
    steps.numbers["training"]["loss"] = 0.5
    assert told().startswith("0 ")
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_a_lowered_version_is_refused(steps: Steps, told):
    steps.table["dealing"] = Step(0, ())
    found = told()
    assert found.startswith("1 dealing is refused: its version was lowered from 1 to 0")


def test_new_steps_are_added_and_removed_ones_dropped(steps: Steps, told):
    for what, value in ((steps.table, Step(1, ())), (steps.code, "ee"), (steps.numbers, {"score": 0.25})):
        del what["dealing"]
        what["scoring"] = value
    assert told() == "0 dealing: there is no such step any more\nscoring: new, its numbers are taken anew\n"
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_what_is_measured_now_and_what_is_not_any_more_is_said(steps: Steps, told):
    steps.code["training"], steps.numbers["training"] = "cc", {"loss": 0.5, "rate": 0.1}
    assert "(new: rate) (not measured any more: epochs)" in told()
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_numbers_that_were_removed_are_taken_anew_where_the_code_is_the_one_noted(steps: Steps, told):
    steps.numbers["dealing"]["rows"] = [4]  # as new libraries would have it
    assert "its code has not changed" in told(everything=True)
    results.KEPT.write_text(as_json({"training": steps.numbers["training"]}))
    steps.code["dealing"] = "dd"
    assert told().startswith("1 dealing is refused: there are no numbers to compare its results with.")
    steps.code["dealing"] = "aa"
    assert told() == "0 dealing: its numbers are taken anew\n"
    assert steps.kept() == (steps.notes(), steps.numbers)


def test_a_regression_that_fails_refuses_its_step(steps: Steps, told):
    steps.code["dealing"] = "dd"
    del steps.numbers["dealing"]
    found = told()
    assert found.startswith("1 dealing is refused: its regression fails.") and "KeyError: 'dealing'" in found
