"""The command line: exit codes that tell the truth, and words in place of tracebacks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace

import h5py
import pytest

from harness.cli.main import _stopped, parser
from harness.cluster.jobs import JobKilledError
from harness.pipeline.graph import Pipeline
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, edit, start


def test_everything_in_one_command_and_what_to_type_next(insects: Workspace, harness):
    done = harness("submit", "insects")
    assert done.code == 0
    (file,) = insects.submissions("insects").glob("*.csv")
    for told in (
        str(file.relative_to(insects.root)),
        "score: accuracy",
        "95 % Wilson interval",
        "coarse",
        "time:",
        "next:",
    ):
        assert told in done.out
    again = harness("submit", "insects")
    assert again.code == 0 and "all was up to date" in again.out and "blend: up to date" in again.err


def test_the_same_csv_scores_the_same_by_hand(insects: Workspace, harness):
    told = harness("submit", "insects").out
    (line,) = [line for line in told.splitlines() if line.startswith("score:")]
    (file,) = insects.submissions("insects").glob("*.csv")
    assert line in harness("score", "insects", file).out
    assert line in harness("score", "insects").out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("submit", "insect"), "Did you mean insects?"),
        (("submit", "zebra"), "Known: insects"),
        (("submit", "insects", "--recipe", "corse"), "Did you mean coarse"),
        (("train", "insects", "fin"), "Did you mean fine"),
        (("train", "insects", "--set", "iteration=3"), "iterations"),
        (("train", "insects", "--set", "c=strong"), "a number is wanted"),
        (("train", "insects", "--set", "c=strong"), "c: inverse strength of the L2 penalty"),
        (("train", "insects", "--set", "c=-1"), "(c: inverse strength of the L2 penalty)"),
        (("train", "insects", "--set", "c=-1"), "above 0"),
        (("prepare", "insects", "--data", "nowhere"), "there is no"),
        (("prepare", "insects", "--data", "competitions"), "no known layout"),
        (("prepare", "insects", "--folds", "none.csv"), "there is no folds file"),
        (("score", "insects"), "there is no CSV"),
        (("score", "insects", "none.csv"), "no file"),
        (("submit", "insects", "--upload"), "no Kaggle competition"),
        (("new", "insects", "--from", "."), "exists already"),
        (("new", "Bad name!", "--from", "."), "small letters"),
        (("new", "others", "--from", "none"), "there is no folder"),
        (("new", "others", "--from", "competitions/insects/recipes.py"), "is neither a folder nor an archive"),
        (("submit", "insects", "--message", "mine"), "--message without --upload would be lost"),
        (("kernel", "insects", "coarse", "--again"), "--again without --push would be lost"),
        (("score", "insects", "competitions"), "competitions is a folder, not a CSV"),
        (("train", "insects", "coarse", "--from-epoch", "2"), "coarse trains no network, so there is no epoch"),
        (("inspect", "coarse"), "a recipe: harness inspect COMP RECIPE"),
        (("cache", "rm"), "needs the competition"),
        (("export", "tensorbord", "insects", "--to", "curves"), "Did you mean tensorboard?"),
        (("diff", "insects", "coarse", "fine"), "insects has no finished run 'coarse'. There are none."),
    ],
)
def test_a_mistake_of_the_user_is_told_in_words_with_a_way_out(insects: Workspace, harness, arguments, told):
    found = harness(*arguments)
    assert found.code == 2
    assert told in found.err
    assert "error: " in found.err and "fix: " in found.err and "Traceback" not in found.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sumbit", "insects"), "there is no command 'sumbit'. Did you mean submit?"),
        (("qqq",), "there is no command 'qqq'. Known: "),
        (("submit",), "the following arguments are required: COMP."),
        (("train", "insects", "--from-epoch", "x"), "argument --from-epoch: a whole number is wanted. Received: 'x'."),
        (("submit", "insects", "--recpie", "fine"), "harness submit takes no --recpie fine. Did you mean --recipe?"),
        (("check", "insects", "please"), "harness check takes no please."),
    ],
)
def test_a_mistyped_command_is_told_with_the_one_that_was_meant(harness, capsys, arguments, told):
    with pytest.raises(SystemExit) as left:
        harness(*arguments)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert f"error: {told}" in error and "fix: harness" in error and "--help" in error


def test_settings_after_one_set_are_told_with_a_set_for_each(insects: Workspace, harness, capsys):
    with pytest.raises(SystemExit) as left:
        harness("train", "insects", "coarse", "--set", "c=0.3", "iterations=7")
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert "error: each setting needs a --set before it." in error
    (fix,) = (line for line in error.splitlines() if line.startswith("  fix: "))
    assert fix == "  fix: harness train insects coarse --set c=0.3 --set iterations=7"
    assert harness(*fix.removeprefix("  fix: harness ").split()).code == 0


def test_what_is_suggested_next_takes_the_settings_that_it_has(insects: Workspace, harness):
    trained = harness("train", "insects", "coarse", "fine", "--set", "coarse.c=0.3", "--set", "iterations=7")
    (line,) = (line for line in trained.out.splitlines() if line.startswith("next: "))
    assert line == "next: harness submit insects --recipe fine --set iterations=7"
    assert harness(*line.removeprefix("next: harness ").split()).code == 0
    # Members of the blend would have unlike folds, which status would refuse.
    done = harness("submit", "insects", "--recipe", "coarse", "--set", "coarse.folds=1")
    assert done.code == 0 and done.out.strip().endswith("harness status insects")


def test_a_job_that_was_killed_is_no_bug_of_ours(insects: Workspace, harness, monkeypatch: pytest.MonkeyPatch):
    def killed(*_, **__):
        raise JobKilledError("coarse, fold 1 of 2: its process on here was killed by SIGKILL. The log, x, ends:\n")

    monkeypatch.setattr(Pipeline, "perform", killed)
    found = harness("train", "insects", "coarse")
    assert found.code == 2 and "killed by SIGKILL" in found.err and "fewer --workers" in found.err
    assert "Traceback" not in found.err


def test_a_competition_without_a_command_is_told_with_one(insects: Workspace, harness, capsys):
    with pytest.raises(SystemExit) as left:
        harness("insects")
    assert left.value.code == 2
    assert (
        "insects is a competition: a command comes before it.\n  fix: harness submit insects" in capsys.readouterr().err
    )


def test_what_is_suggested_next_keeps_the_settings_that_were_given(insects: Workspace, harness):
    trained = harness("train", "insects", "coarse", "--set", "c=0.3", "--set", "coarse.iterations=7")
    (line,) = (line for line in trained.out.splitlines() if line.startswith("next: "))
    assert line == "next: harness submit insects --recipe coarse --set c=0.3 --set coarse.iterations=7"
    done = harness(*line.removeprefix("next: harness ").split())
    assert done.code == 0 and "coarse: up to date" in done.err
    assert "harness status insects --set c=0.3 --set coarse.iterations=7" in done.out
    smoke = harness("submit", "insects", "--smoke", "--recipe", "coarse", "--set", "c=0.3")
    assert "next: harness submit insects --recipe coarse --set c=0.3" in smoke.out


def test_settings_that_make_no_sense_for_the_default_recipe_reach_the_page(insects: Workspace, harness):
    done = harness("submit", "insects", "--recipe", "coarse", "--set", "coarse.folds=1")  # of two members one alone
    assert done.code == 0 and "page: runs/insects/coarse/" in done.out, done.err
    recipes = insects.competition("insects") / "recipes.py"
    edit(recipes, "default = blend", "default = coarse")
    done = harness("submit", "insects", "--recipe", "blend", "--set", "how=geometric")
    assert done.code == 0 and "page: runs/insects/blend/" in done.out, done.err


def test_square_brackets_in_names_and_errors_are_shown_as_they_are(insects: Workspace, harness):
    file = insects.competition("insects") / "competition.py"
    edit(file, 'title="Insects"', 'title="Insects [red] [/b]"')
    broken = insects.competition("broken")
    broken.mkdir()
    (broken / "competition.py").write_text("raise ValueError('[bold] is no [/class]')\n")
    found = harness("list")
    assert found.code == 0
    assert "Insects [red] [/b]" in found.out and "[bold] is no [/class]" in found.out


def test_hyphens_and_underscores_are_the_same(insects: Workspace, harness):
    insects.competition("insects").rename(insects.competition("small_insects"))
    for name in ("small-insects", "small_insects"):
        assert harness("list", name).code == 0


def test_lists_name_broken_competitions_and_recipes(insects: Workspace, harness):
    broken = insects.competition("broken")
    broken.mkdir()
    (broken / "competition.py").write_text("1 / 0\n")
    found = harness("list")
    assert found.code == 0
    assert "ZeroDivisionError" in found.out and "insects" in found.out
    assert "(default)" in harness("list", "insects").out


def test_status_shows_the_graph_before_and_after(insects: Workspace, harness):
    before = harness("status", "insects")
    assert before.code == 0 and "missing" in before.out and "harness prepare insects" in before.out
    harness("prepare", "insects")
    prepared = harness("status", "insects").out
    assert "up to date" in prepared and "missing" in prepared
    harness("submit", "insects")
    done = harness("status", "insects").out
    assert "missing" not in done and "stale" not in done
    assert "stale" in harness("status", "insects", "--set", "c=0.3").out


def test_caches_are_listed_verified_and_removed(insects: Workspace, harness):
    assert "no caches" in harness("cache", "ls").out
    harness("prepare", "insects", "--compress")
    assert harness("cache", "ls", "insects").out.count("compressed") == 2
    harness("cache", "rm", "insects")
    harness("prepare", "insects")
    assert harness("cache", "ls", "insects").out.count("plain") == 2
    assert harness("cache", "verify").out.count("verified") == 2
    file = sorted(insects.cache("insects").glob("*.h5"))[0]
    with h5py.File(file) as h5:
        pixel = h5["images"].id.get_offset() + 7
    content = bytearray(file.read_bytes())
    content[pixel] ^= 255
    file.write_bytes(content)
    damaged = harness("cache", "verify", "insects")
    assert damaged.code == 2 and file.name in damaged.err
    assert harness("submit", "insects").code == 0
    assert harness("cache", "verify").code == 0
    file.unlink()
    file.symlink_to("nowhere")
    assert "damaged" in harness("cache", "ls", "insects").out
    assert "removed 2" in harness("cache", "rm", "insects").out
    assert not list(insects.cache("insects").glob("*.h5"))


def test_a_bug_of_ours_is_told_apart_from_the_users_mistakes(insects: Workspace, harness, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("harness.cli.data.run_list", bug)
    found = harness("list")
    assert found.code == 1 and "Traceback" in found.err and "bug in the harness" in found.err


def test_stopped_training_is_told_how_to_go_on_with_another_learning_rate(insects: Workspace, harness, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    for name in ("train", "submit"):
        monkeypatch.setattr(f"harness.cli.{name}.run_{name}", stopped)
        found = harness(name, "insects")
        assert found.code == 130 and "the same command goes on from here" in found.err
        assert ("harness train insects RECIPE --from-epoch N --set learning_rate=" in found.err) == (name == "train")


def test_help_and_lists_need_no_heavy_library():
    code = (
        "import sys\nfrom harness.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print([n for n in ('tensorflow', 'keras', 'jax', 'cv2', 'sklearn', 'matplotlib') if n in sys.modules])"
    )
    for arguments in (["--help"], ["submit", "--help"], ["list"], ["list", "digits"]):
        answer = subprocess.run([sys.executable, "-c", code, *arguments], cwd=CHECKOUT, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.splitlines()[-1] == "[]", arguments


def test_output_cut_short_by_its_reader_is_no_failure(insects: Workspace):
    command = f"{sys.executable} -m harness list insects | true; exit ${{PIPESTATUS[0]}}"
    answer = subprocess.run(
        ["bash", "-c", command],
        cwd=insects.root,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0 and "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "words",
    [
        "train cifar10 --smoke minivggnet",
        "train cifar10 --set epochs=3 minivggnet --set c=2",
        "score digits --answers a.csv my.csv",
        "inspect digits --size 64 minivggnet",
    ],
)
def test_names_may_come_after_options(words: str):
    first, competition, *others = words.split()
    name = next(word for word in others if word in ("minivggnet", "my.csv"))
    others.remove(name)
    expected = parser().parse([first, competition, name, *others])
    assert vars(parser().parse(words.split())) == vars(expected)


@pytest.mark.parametrize(("changes", "suggested"), [({}, True), ({"assignments": ["epochs=4"]}, False)])
def test_what_is_suggested_after_ctrl_c_goes_on_from_the_run_that_was_stopped(changes: dict, suggested: bool):
    made = {"command": "train", "competition": "x", "assignments": [], "from_epoch": None, "folds": None, "smoke": True}
    told = _stopped(Namespace(**made | changes))
    assert ("harness train x RECIPE --smoke --from-epoch N" in told) == suggested


def wait_for(what, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


SLOW = '''
from dataclasses import dataclass
import time

import numpy as np

from harness.recipes import recipe
from harness.recipes.recipe import FoldRecipe


@dataclass(frozen=True, kw_only=True)
class Slow(FoldRecipe):
    """Takes its time, unless a file says otherwise."""

    def fit(self, fold):
        from pathlib import Path

        fold.folder.mkdir(parents=True, exist_ok=True)
        (fold.folder / "begun").touch()
        end = time.monotonic() + 600
        while not Path("quick").exists() and time.monotonic() < end:
            time.sleep(0.02)
        return np.full((len(fold.predicted()), len(fold.classes)), 1 / len(fold.classes), np.float32)

    def check(self, competition):
        pass


@recipe
def slow():
    """Slow."""
    return Slow()


default = slow
'''


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_ctrl_c_leaves_with_a_word_and_the_same_command_goes_on(insects: Workspace, number: int, code: int):
    (insects.competition("insects") / "recipes.py").write_text(SLOW)
    process = start(insects.root, "submit", "insects")
    wait_for(lambda: list(insects.root.glob("runs/insects/slow/*/fold-1/begun")))
    process.send_signal(number)
    _, told = process.communicate(timeout=300)
    assert process.returncode == code
    assert "the same command goes on from here" in told and "Traceback" not in told
    (insects.root / "quick").touch()
    process = start(insects.root, "submit", "insects")
    process.communicate(timeout=300)
    assert process.returncode == 0


@pytest.mark.slow
def test_of_two_runs_at_once_the_second_waits_and_finds_all_done(insects: Workspace):
    (insects.competition("insects") / "recipes.py").write_text(SLOW)
    first = start(insects.root, "submit", "insects")
    wait_for(lambda: list(insects.root.glob("runs/insects/slow/*/fold-1/begun")))
    second = start(insects.root, "submit", "insects")
    assert second.stderr is not None and any("waiting for it" in line for line in second.stderr)
    (insects.root / "quick").touch()
    outcomes = [process.communicate(timeout=300) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    scores = [[line for line in out.splitlines() if line.startswith("score:")] for out, _ in outcomes]
    assert scores[0] == scores[1] and len(scores[0]) == 1
