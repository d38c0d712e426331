"""A search from the command line: its trials, what they share with ordinary runs, and what its best is worth."""

from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.api import LoadedCompetition
from harness.recipes import Network
from harness.scoring.metrics import METRICS
from harness.tuning import outcome
from harness.tuning.search import FarBehindError, Search
from harness.tuning.subject import subject
from harness.utils.files import NoRoomError, read_json, require_space, write_json
from harness.utils.signals import ended_by_signals
from harness.utils.workspace import Workspace


def searched(workspace: Workspace, recipe: str = "guess") -> dict:
    """The summary of the one search of a recipe."""
    (file,) = workspace.runs("insects").glob(f"{recipe}/search-*/search.json")
    found = read_json(file)
    assert found is not None
    return found


def test_luck_flatters_and_rows_that_the_search_did_not_see_tell(guesses: Workspace, harness):
    done = harness("tune", "insects", "guess", "--space", "luck=0..1", "--trials", "15")
    assert done.code == 0, done.err
    found = searched(guesses)
    own, tuned = found["scores"]["own"], found["scores"]["tuned"]
    assert tuned["seen"]["score"] > 0.5, "the best of 15 guesses of 15 rows, of which a third is right by chance"
    assert tuned["unseen"]["score"] < tuned["seen"]["score"] - 0.15
    assert own["seen"]["rows"] + own["unseen"]["rows"] == 29 and own["holdout"]["rows"] == 7
    values = [trial["value"] for trial in found["trials"] if trial["state"] == "complete"]
    assert max(values) == tuned["seen"]["score"] and found["trials"][0]["point"] == {"luck": "0.5"}
    assert "flattering" in done.out and "which it did not see: honest" in done.out and "hold-out: honest" in done.out


def test_skill_is_found_and_the_recipe_to_paste_is_that_recipe(guesses: Workspace, harness):
    done = harness("tune", "insects", "guess", "--trials", "8")  # the space is the recipe's own
    assert done.code == 0, done.err
    found = searched(guesses)
    assert found["scores"]["gains"]["unseen"]["verdict"] == "better"
    suggested = done.out.strip().splitlines()[-1].removeprefix("next: harness ").split()
    assert "guess: up to date" in harness(*suggested).err, "the best trial's run is finished, and found again"
    pasted = re.search(r"@recipe\n.*\n.*\n +return .*\n", done.out)
    assert pasted is not None
    recipes = guesses.competition("insects") / "recipes.py"
    recipes.write_text(f"import dataclasses\n{recipes.read_text()}\n\n{pasted[0]}")
    assert harness("train", "insects", "guess_tuned").code == 0
    scores = LoadedCompetition(guesses, "insects").train("guess_tuned").scores
    assert scores.loc["holdout", "score"] == found["scores"]["tuned"]["holdout"]["score"]


def test_a_trial_is_an_ordinary_run_of_which_only_the_folds_seen_are_made(guesses: Workspace, harness):
    assert harness("tune", "insects", "pixels", "--space", "c=1e-5..1:log", "--trials", "3").code == 0
    found = searched(guesses, "pixels")
    assert found["seen"] == 2 and found["folds"] == 4
    folder, best = guesses.runs("insects") / "pixels", found["best"]
    for trial in found["trials"]:
        files = sorted(file.parent.name for file in (folder / trial["run"]).glob("fold-*/predictions.h5"))
        is_finished = trial["number"] == best or trial["run"] == found["own"]
        if trial["state"] == "complete":
            assert files == [f"fold-{number}" for number in range(1, 5 if is_finished else 3)]
        assert (folder / trial["run"] / "metrics.json").exists() == is_finished, "no other is scored on the hold-out"
    other = next(
        trial for trial in found["trials"] if trial["number"] not in (best, 1) and trial["state"] == "complete"
    )
    kept = folder / other["run"] / "fold-1" / "predictions.h5"
    before = kept.stat().st_mtime_ns
    assert harness("train", "insects", "pixels", "--set", f"c={other['point']['c']}").code == 0
    assert (folder / other["run"] / "run.json").exists() and kept.stat().st_mtime_ns == before
    listed = harness("runs", "insects").out
    runs = {trial["run"] for trial in found["trials"]}
    finished = len([key for key in runs if (folder / key / "run.json").exists()])
    assert f"pixels: searched in 3 trials, {len(runs) - finished} of whose runs are not listed" in listed
    assert listed.count("pixels ") == len({other["run"], found["own"], found["trials"][best - 1]["run"]})


def test_the_same_command_goes_on_and_a_longer_one_says_that_the_holdout_was_opened_before(guesses, harness):
    command = ("tune", "insects", "guess", "--space", "luck=0..1", "--trials")
    assert harness(*command, "4").code == 0
    first = searched(guesses)
    assert harness(*command, "4").code == 0 and searched(guesses) == first
    again = harness(*command, "12")
    found = searched(guesses)
    assert found["trials"][:4] == first["trials"] and len(found["trials"]) == 12
    assert found["best"] != first["best"] and found["opened"] == 2
    assert "opened for 2 best trials" in again.out


def test_a_search_that_is_interrupted_goes_on_with_the_same_trials(guesses: Workspace, monkeypatch):
    declared = LoadedCompetition(guesses, "insects").pipeline.artifacts.recipes["guess"]

    def search(trials: int) -> Search:
        pipeline = LoadedCompetition(guesses, "insects").pipeline
        monkeypatch.setattr(type(pipeline.artifacts.recipes["guess"]), "fit", pressed_once)
        return Search(subject(pipeline, "guess", "luck=0..1"), trials)

    class Pressed(KeyboardInterrupt):
        pass

    fit = type(declared).fit
    fitted: list[tuple[float, int]] = []

    def pressed_once(self, fold):
        fitted.append((self.luck, fold.left))
        if len(fitted) == 4:
            raise Pressed
        return fit(self, fold)

    with pytest.raises(Pressed):
        search(4).run()
    one = search(4)
    one.run()
    assert [trial.state for trial in one.study.tried()] == ["complete"] * 4
    assert len(fitted) == 9 and len(set(fitted)) == 8, "only the fold that was interrupted is fitted again"
    assert outcome.outcome(one).best.number == one.study.best().number


def test_a_trial_that_fails_is_listed_and_where_all_fail_it_is_told(guesses: Workspace, harness):
    done = harness("tune", "insects", "guess", "--space", "broken=[False,True],luck=0..1", "--trials", "7")
    assert done.code == 0, done.err
    failed = [trial for trial in searched(guesses)["trials"] if trial["state"] == "failed"]
    assert failed and {trial["reason"] for trial in failed} == {"ValueError: broken as asked"}
    assert f"{len(failed)} failed" in done.out
    told = harness("tune", "insects", "guess", "--space", "luck=0..1", "--set", "broken=True")
    assert told.code == 2 and "the first 3 trials failed" in told.err and "broken as asked" in told.err
    (log,) = re.findall(r"is in (\S+)", told.err)
    assert "ValueError: broken as asked" in Path(log).read_text()


def test_a_trial_that_is_far_behind_is_stopped_after_its_first_fold(guesses: Workspace, harness):
    done = harness("tune", "insects", "guess", "--space", "skill=[1.0,0.0],luck=[0.1,0.2]", "--trials", "4")
    assert done.code == 0, done.err
    found = searched(guesses)
    stopped = [trial for trial in found["trials"] if trial["state"] == "stopped early"]
    assert stopped and {trial["point"]["skill"] for trial in stopped} == {"0.0"}
    assert all("after fold 1" in trial["reason"] and "the best" in trial["reason"] for trial in stopped)
    folder = guesses.runs("insects") / "guess"
    left = [
        sorted((folder / one["run"]).glob("fold-*/predictions.h5")) for one in stopped if one["run"] != found["own"]
    ]
    assert all(len(files) == 1 for files in left)
    assert "stopped early" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pixels",), "pixels declares no space"),
        (("pixels", "--space", "size=[6,8]"), "values like 32,32 is wanted"),
        (("pixels", "--space", "cc=1..2"), "Did you mean c?"),
        (("pixels", "--space", "c=-1..1"), "c must be above 0"),
        (("both", "--space", "how=[mean,rank]"), "both is a Blend, made of guess, pixels"),
        (("guesss",), "Did you mean guess"),
        (("guess@2",), "guess@2 is guess with another seed"),
        (("both",), "both is a Blend"),
        (("guess", "--space", ""), "--space names no setting"),
        (("guess", "--search-folds", "4"), "--search-folds must be 1 to 3"),
        (("guess", "--search-folds", "0"), "--search-folds must be 1 to 3"),
    ],
)
def test_what_cannot_be_searched_is_told(guesses: Workspace, harness, arguments, said: str):
    told = harness("tune", "insects", *arguments)
    assert told.code == 2 and said in told.err, told.err
    assert "fix:" in told.err


def test_a_declared_space_is_checked_when_the_recipes_are_read(guesses: Workspace, harness):
    recipes = guesses.competition("insects") / "recipes.py"
    text = recipes.read_text()
    for space, said in (("'skil=0..1'", "Did you mean skill"), ("'skill=1..0'", "the lower bound"), ("3", "a text")):
        recipes.write_text(text.replace('"skill=0..1"', space))
        told = harness("list", "insects")
        assert (
            told.code == 2 and said in told.err and re.search(r"recipes.py, line \d+: the space of 'guess'", told.err)
        )


def test_numbers_of_the_command_are_checked(guesses: Workspace, harness, capsys):
    for option, value, said in (
        ("--trials", "0", "a whole number from 1 on"),
        ("--trials", "many", "a whole number from 1 on"),
        ("--timeout", "soon", "a time such as 90s, 30min or 2h"),
        ("--timeout", "0h", "a time such as 90s, 30min or 2h"),
    ):
        with pytest.raises(SystemExit) as ended:
            harness("tune", "insects", "guess", option, value)
        assert ended.value.code == 2 and said in capsys.readouterr().err


def test_without_folds_that_it_does_not_see_the_holdout_alone_is_honest(guesses: Workspace, harness):
    done = harness("tune", "insects", "guess", "--space", "luck=0..1", "--trials", "2", "--set", "folds=1")
    assert done.code == 0, done.err
    assert set(searched(guesses)["scores"]["own"]) == {"seen", "holdout"} and "did not see" not in done.out


@pytest.mark.usefixtures("heeding_interrupts")
@pytest.mark.parametrize("how", ["no room", "Ctrl-C of which a library made another error"])
def test_no_point_is_failed_for_what_is_not_its_fault(guesses: Workspace, monkeypatch, how: str):
    search = Search(subject(LoadedCompetition(guesses, "insects").pipeline, "guess", "luck=0..1"), 2)
    expected: type[Exception] = NoRoomError if how == "no room" else ImportError

    def value(trial):
        if how == "no room":
            require_space(guesses.root, 10**18, "a cache")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise ImportError("an odd error")

    with monkeypatch.context() as patched, ended_by_signals() as ending, pytest.raises(expected):
        patched.setattr(search, "_value", value)
        try:
            search.run()
        finally:
            ending.over = True
    assert [trial.state for trial in search.study.tried()] == ["running"]
    search.run()
    assert [trial.state for trial in search.study.tried()] == ["complete"] * 2


def test_where_all_points_failed_it_is_told_how_they_are_tried_anew(guesses: Workspace, harness):
    command = ("tune", "insects", "guess", "--space", "broken=[True]", "--trials", "2")
    for _ in range(2):
        told = harness(*command)
        assert told.code == 2 and "journal.log away: then the same command tries them anew" in told.err, told.err
    (journal,) = guesses.runs("insects").glob("guess/search-*/journal.log")
    journal.unlink()
    assert "broken as asked" in harness(*command).err


def test_what_a_search_was_worth_stays_when_it_is_begun_to_be_made_longer(guesses: Workspace, harness):
    assert harness("tune", "insects", "guess", "--space", "luck=0..1", "--trials", "3").code == 0
    before = searched(guesses)
    outcome.keep(Search(subject(LoadedCompetition(guesses, "insects").pipeline, "guess", "luck=0..1"), 9), None)
    assert searched(guesses) == before


def test_the_epochs_of_a_kept_fold_are_judged_too(guesses: Workspace):
    search = Search(subject(LoadedCompetition(guesses, "insects").pipeline, "guess", "luck=0..1"), 1)
    told: list[dict] = []
    search._watch = lambda trial, recipe: told.append  # type: ignore[method-assign, assignment, return-value]
    run = search.subject.pipeline_with({"luck": "0.5"}).artifacts.run_of("guess")
    write_json(run.folder / "fold-1" / "history.json", {"val_log_loss": [2.0, 1.0]})
    assert search.run_next()
    assert told == [{"val_log_loss": [2.0, 1.0]}]


def test_a_search_out_of_time_says_how_it_goes_on(guesses: Workspace, harness):
    told = harness("tune", "insects", "guess", "--timeout", "0.000001s")
    assert told.code == 2 and "no trial of guess is complete yet" in told.err and "the same command goes on" in told.err


def test_what_searches_is_an_extra(guesses: Workspace, harness, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    told = harness("tune", "insects", "guess")
    assert told.code == 2 and "Optuna, the extra 'tune'" in told.err and "make tune" in told.err


def test_what_the_command_sets_is_in_the_recipe_to_paste(guesses: Workspace, harness):
    command = ("tune", "insects", "guess", "--space", "skill=[0.5,0.9]", "--set", "luck=0.25", "--trials", "2")
    done = harness(*command)
    assert done.code == 0 and "dataclasses.replace(guess(), luck=0.25, skill=0.9)" in done.out, done.err + done.out
    assert "next: harness train insects guess --set luck=0.25 --set skill=0.9" in done.out
    unchanged = harness("tune", "insects", "guess", "--space", "skill=[0.0]")
    assert "The best settings are those that guess has." in unchanged.out
    smoke = harness(*command, "--smoke")
    assert smoke.code == 0 and "not which settings are best" in smoke.out, smoke.err


@pytest.mark.parametrize("quantity", ["val_log_loss", "val_squared_error"])
def test_the_epochs_of_classes_and_of_numbers_are_watched(quantity: str):
    asked: list[list[float]] = []
    trial = SimpleNamespace(report_epochs=lambda losses: asked.append(losses) or len(losses) * (losses[-1] > 2))
    subject = SimpleNamespace(space=(), metric=METRICS["rmse"])
    recipe = Network(network="minivggnet", size=(16, 16), epochs=3, learning_rate=0.1)
    watch = Search._watch(SimpleNamespace(subject=subject), trial, recipe)  # type: ignore[arg-type]
    assert watch is not None
    watch({quantity: [1.5], "val_accuracy": [0.1]})
    with pytest.raises(FarBehindError, match="its loss on fold 1 after epoch 2"):
        watch({quantity: [1.5, 2.5]})
    assert asked == [[1.5], [1.5, 2.5]]


def test_with_repeats_no_row_that_the_search_saw_is_among_the_others(guesses: Workspace, harness):
    declaration = guesses.competition("insects") / "competition.py"
    declaration.write_text(re.sub(r"KFold\(\d\)", "KFold(2, repeats=2)", declaration.read_text()))
    done = harness("tune", "insects", "guess", "--space", "luck=0..1", "--trials", "2", "--search-folds", "1")
    assert done.code == 0, done.err
    own = searched(guesses)["scores"]["own"]
    assert own["seen"]["rows"] + own["unseen"]["rows"] == 29
