"""The trials of a study: shared, resumed, and the same whatever happened. Nothing is trained."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.recipes.space import Choice, Range
from harness.runs.searches import COMPLETE, FAILED, PRUNED, RUNNING
from harness.tuning.study import Study
from harness.utils.errors import UserError

SPACE = (Range("c", 1e-4, 1.0, log=True), Choice("side", ("160", "224")))
FIRST = {"c": 0.5, "side": "160"}


def study(folder: Path, space=SPACE, first=FIRST, name: str = "lite0-1") -> Study:
    return Study(folder, name, space, first, maximize=True, seed=7)


def worth(point: dict[str, str]) -> float:
    """Best at c = 0.01 and a side of 224."""
    return -abs(float(point["c"]) - 0.01) - (point["side"] == "160")


def finish(one: Study, total: int) -> list[dict[str, str]]:
    while (trial := one.next(total)) is not None:
        trial.complete(worth(trial.point))
        trial.release()
    return [tried.point for tried in one.tried()]


def end(one: Study, total: int) -> list[tuple[dict[str, str], str, str]]:
    """Have one trial be stopped early, one fail, and the others be equally good."""
    while (trial := one.next(total)) is not None:
        number = len(one.tried())
        if number == 4:
            trial.stop("far behind")
        elif number == 6:
            trial.fail("broken")
        else:
            trial.complete(0.0)
        trial.release()
    return [(tried.point, tried.state, tried.reason) for tried in one.tried()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The points of sixteen trials, the first ten of which Optuna draws by chance."""
    return finish(study(tmp_path_factory.mktemp("undisturbed")), 16)


def test_the_recipes_own_settings_come_first_and_the_best_is_found(tmp_path: Path, undisturbed):
    assert undisturbed[0] == {"c": "0.5", "side": "160"}
    assert len({tuple(point.items()) for point in undisturbed}) > 12
    again = study(tmp_path)
    assert finish(again, 16) == undisturbed
    best = again.best()
    assert best is not None and best.value == max(map(worth, undisturbed)) and best.state == COMPLETE
    assert finish(again, 16) == undisturbed, "as many as wanted have been"


@pytest.mark.parametrize("seed", [1])
def test_a_study_that_is_left_at_random_moments_tries_the_same_points(tmp_path: Path, undisturbed, seed: int):
    moments = random.Random(seed)
    left = 0
    while True:
        one = study(tmp_path)  # as a new process would open it
        trial = one.next(16)
        if trial is None:
            break
        if moments.random() < 0.4:
            left += 1
        else:
            trial.complete(worth(trial.point))
        trial.release()
        if moments.random() < 0.3:  # killed in the middle of a line
            with (tmp_path / "journal.log").open("ab") as journal:
                journal.write(b'{"op_code":6,"work')
    assert left > 2
    assert [tried.point for tried in study(tmp_path).tried()] == undisturbed
    assert {tried.state for tried in study(tmp_path).tried()} == {COMPLETE}


@pytest.mark.parametrize("space", [SPACE, (Choice("side", ("128", "160", "224")), Range("depth", 1, 4, whole=True))])
def test_a_study_killed_after_any_line_of_its_journal_tries_the_same_points(tmp_path: Path, space):
    first = FIRST if space is SPACE else {"side": "224", "depth": 2}
    expected = end(study(tmp_path / "whole", space, first), 12)
    assert [state for _, state, _ in expected].count(COMPLETE) == 10
    lines = (tmp_path / "whole" / "journal.log").read_bytes().splitlines(keepends=True)
    assert len(expected) == 12 and len(lines) > 60
    for kept in range(1, len(lines)):
        folder = tmp_path / f"{kept} lines"
        folder.mkdir()
        (folder / "journal.log").write_bytes(b"".join(lines[:kept]))
        assert end(study(folder, space, first), 12) == expected, kept


def test_processes_share_the_trials_and_none_is_run_twice(tmp_path: Path):
    ours, theirs = study(tmp_path), study(tmp_path)
    first, second = ours.next(3), theirs.next(3)
    assert first is not None and second is not None and first.point != second.point
    third = ours.next(3)
    assert third is not None and theirs.next(3) is None, "three have begun"
    assert [one.state for one in theirs.tried()] == [RUNNING] * 3
    for trial in (first, third):
        trial.complete(worth(trial.point))
        trial.release()
    assert theirs.next(3) is None
    assert ours.wait_for_others(0.01), "it is not over after that time either"
    assert theirs.tried()[1].state == RUNNING
    second.release()  # its process ends in the middle
    assert ours.wait_for_others(), "there is one that is not over"
    anew = ours.next(3)
    assert anew is not None and anew.point == second.point
    anew.complete(0.0)
    anew.release()
    assert not theirs.wait_for_others()
    assert [one.number for one in theirs.tried()] == [1, 2, 3] and theirs.next(3) is None


def test_a_trial_that_ends_while_others_are_taken_over_is_left_alone(tmp_path: Path, monkeypatch):
    ours, theirs = study(tmp_path), study(tmp_path)
    first = theirs.next(3)
    assert first is not None
    running = ours._running

    def ends_meanwhile():
        found = running()
        if first._held.is_locked:
            first.complete(1.0)
            first.release()
        return found

    monkeypatch.setattr(ours, "_running", ends_meanwhile)
    second = ours.next(3)
    assert second is not None and second.point != first.point
    assert [tried.state for tried in ours.tried()] == [COMPLETE, RUNNING]


def test_a_trial_that_another_process_took_over_is_not_failed_with_the_job_that_left_it(tmp_path: Path):
    one, other = study(tmp_path), study(tmp_path)
    assert one.fail_left("never begun", "killed") is None
    first = one.next(2)
    assert first is not None
    first.note(job="1")
    first.release()  # as when its process is killed
    anew = other.next(2)
    assert anew is not None and anew.point == first.point
    anew.note(job="2")
    assert one.fail_left("1", "killed") == 0 and one.fail_left("2", "killed") == 0, "it is being run"
    anew.release()
    assert one.fail_left("2", "killed") == 1 and one.fail_left("2", "killed") == 0
    assert [(tried.state, tried.reason) for tried in one.tried()] == [(FAILED, "killed")]


def test_a_small_space_is_tried_whole_and_no_point_twice(tmp_path: Path):
    space = (Choice("side", ("160", "224")), Range("epochs", 5, 7, whole=True))
    one = study(tmp_path, space, None)
    assert len(finish_any(one, 2)) == 2, "fewer than there are"
    tried = finish_any(one, 50)
    assert len(tried) == 6 == len({tuple(point.items()) for point in tried})
    assert {point["epochs"] for point in tried} == {"5", "6", "7"}


@pytest.mark.parametrize("seed", range(5))
def test_a_point_that_was_drawn_twice_takes_no_other_ones_place(tmp_path: Path, seed: int):
    space = (Choice("side", ("160", "224")), Range("epochs", 5, 7, whole=True))
    one = Study(tmp_path, "lite0-1", space, None, maximize=True, seed=seed)
    finish_any(one, 5)
    assert one.left(5) == 0 and one.left(6) > 0
    assert len({tuple(point.items()) for point in finish_any(one, 30)}) == 6 and one.left(30) == 0


def finish_any(one: Study, total: int) -> list[dict[str, str]]:
    while (trial := one.next(total)) is not None:
        trial.complete(0.0)
        trial.release()
    return [tried.point for tried in one.tried()]


def test_of_equal_trials_the_first_is_the_best_and_stopped_ones_are_none(tmp_path: Path):
    one = study(tmp_path)
    for value in (0.5, 0.5, None, None):
        trial = one.next(4)
        assert trial is not None
        if value is not None:
            trial.complete(value)
        elif one.tried()[-1].number == 3:
            trial.stop("far behind")
        else:
            trial.fail("broken")
        trial.release()
    best = one.best()
    assert best is not None and best.number == 1
    assert [tried.state for tried in one.tried()] == [COMPLETE, COMPLETE, PRUNED, FAILED]
    assert [tried.reason for tried in one.tried()] == ["", "", "far behind", "broken"]
    assert one.importance() == {}, "the complete ones do not differ"


def test_epochs_behind_the_median_of_complete_trials_are_told(tmp_path: Path):
    one = study(tmp_path)
    for level in (1.0, 2.0, 3.0, 4.0, 5.0):
        trial = one.next(7)
        assert trial is not None and not trial.report_epochs([level]) and not trial.report_epochs([level, level])
        trial.complete(level)
        trial.release()
    behind = one.next(7)
    assert behind is not None and behind.report_epochs([2.9]) == 1
    behind.release()  # and killed before it was stopped
    behind = study(tmp_path).next(7)
    assert behind is not None and behind.report_epochs([2.9, 9.0, 9.0]) == 1, "each epoch is judged, though it recovers"
    behind.stop("behind")
    behind.release()
    ahead = one.next(7)
    assert ahead is not None and not ahead.report_epochs([3.1])


def test_a_setting_that_explains_all_is_the_important_one(tmp_path: Path):
    one = study(tmp_path)
    while (trial := one.next(8)) is not None:
        trial.complete(1.0 if trial.point["side"] == "224" else 0.0)
        trial.release()
    shares = one.importance()
    assert shares["side"] > 0.9 and sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"op_code"', '"op_c', 1), "is damaged in line 1"),
        (lambda text: "[1]\n" + text, "is damaged in line 1"),
        (lambda text: text + "\x00\x00\n", "is damaged in line"),
        (lambda text: text.replace("lite0-1", "lite0-2"), "of another study, lite0-2; this one is lite0-1"),
        (lambda text: "".join(text.splitlines(True)[1:]), "is of no study"),
        (lambda text: text.replace('"values":', '"vals":'), "is damaged"),
    ],
)
def test_a_damaged_journal_and_another_studys_are_told(tmp_path: Path, spoil, said: str):
    finish(study(tmp_path), 2)
    journal = tmp_path / "journal.log"
    journal.write_text(spoil(journal.read_text()))
    with pytest.raises(UserError) as refused:
        study(tmp_path)
    assert said in refused.value.what and "move it away" in (refused.value.fix or "")


def test_no_trial_is_behind_before_five_are_complete_nor_in_its_first_epochs(tmp_path: Path):
    one = Study(tmp_path, "lite0-1", SPACE, FIRST, maximize=True, seed=7, warmup=2)
    for values in ([5.0, 5.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0], [0.0, 0.0]):
        trial = one.next(9)
        assert trial is not None and trial.report_epochs(values) == 0
        trial.complete(len(one.tried()))
        trial.release()
    behind = one.next(9)
    assert behind is not None and behind.report_epochs([0.0]) == 0 and behind.report_epochs([0.0, 0.0]) == 2


def test_of_four_trials_nothing_is_important(tmp_path: Path):
    one = study(tmp_path)
    while (trial := one.next(4)) is not None:
        trial.complete(float(len(one.tried())))
        trial.release()
    assert one.importance() == {}
