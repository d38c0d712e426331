"""Trials of a search on two workers: as many as wanted, each once, whatever is killed; and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.utils.files import read_json
from harness.utils.workspace import Workspace
from tests.cluster.test_local import WORKERS, Disturbed, finish
from tests.conftest import edit

pytestmark = pytest.mark.slow

# Notes each fit when it is over, takes its time, and can end its process as a lack of memory does.
RECIPES = '''
import os
import time
from dataclasses import dataclass

import numpy as np

from harness.recipes import recipe
from harness.recipes.recipe import FoldRecipe


@dataclass(frozen=True, kw_only=True)
class Slow(FoldRecipe):
    """Guesses.

    Args:
        luck: another number guesses anew.
        deadly: whether the process is killed.
    """

    luck: float = 0.5
    deadly: bool = False

    def fit(self, fold):
        if self.deadly:
            os.kill(os.getpid(), 9)
        time.sleep(1)
        with open("fits", "a") as file:
            file.write(f"{self.luck} {fold.title}\\n")
        drawn = np.random.default_rng([round(self.luck * 1e6), fold.seed])
        return drawn.random((len(fold.predicted()), len(fold.classes)), dtype=np.float32)


@recipe
def slow():
    """Slow."""
    return Slow()


default = slow
'''
TUNE = ("tune", "insects", "slow", "--trials", "6")
LUCK = ("--space", "luck=0..1")


@pytest.fixture
def root(insects: Workspace) -> Path:
    """A workspace with that recipe, on four folds."""
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(RECIPES)
    declaration = folder / "competition.py"
    edit(declaration, "KFold(2)", "KFold(4)")
    return insects.root


@pytest.fixture
def disturbed(root: Path) -> Iterator[Disturbed]:
    found = Disturbed(root, *TUNE, *LUCK, *WORKERS)
    yield found
    found.kill()


def fits(root: Path) -> Counter[str]:
    """How often each fold of each trial was fitted."""
    return Counter((root / "fits").read_text().splitlines())


def trials(root: Path) -> list[dict]:
    (file,) = (root / "runs" / "insects" / "slow").glob("search-*/search.json")
    found = read_json(file)
    assert found is not None
    return found["trials"]


def running(found: dict[psutil.Process, str]) -> list[psutil.Process]:
    """The processes that run trials."""
    return [process for process, words in found.items() if "harness job trial insects slow" in words]


def wait_for_fits(disturbed: Disturbed, root: Path, count: int) -> None:
    until = time.monotonic() + 240
    while not (root / "fits").exists() or sum(fits(root).values()) < count:
        assert disturbed.process.poll() is None and time.monotonic() < until, "".join(disturbed.said)
        disturbed.processes()
        time.sleep(0.02)


def require_six_complete(root: Path, ended: int) -> None:
    """Six trials on the two folds that the search sees, and two of these on the others too.

    Each process that was ended may have fitted a fold that it had not kept yet.
    """
    found = trials(root)
    assert [trial["number"] for trial in found] == [1, 2, 3, 4, 5, 6]
    assert {trial["state"] for trial in found} <= {"complete", "stopped early"}
    assert len({trial["run"] for trial in found}) == 6
    assert sum(count - 1 for count in fits(root).values()) <= ended, "a fold was fitted twice"
    others = [title for title in fits(root) if re.search(r"fold [34] of 4", title)]
    assert len(others) in (2, 4), "only the recipe as it was and the best trial are finished"


def test_where_a_trials_process_is_killed_it_is_tried_again_and_none_is_lost(root: Path, disturbed: Disturbed) -> None:
    wait_for_fits(disturbed, root, 1)
    disturbed.wait_for("ready in", running).kill()
    assert disturbed.end() == 0, "".join(disturbed.said)
    require_six_complete(root, ended=1)
    assert disturbed.left() == []
    assert finish(root, *TUNE, *LUCK, *WORKERS).count("slow: up to date") == 2, "nothing was left to do"


def test_ctrl_c_leaves_no_process_and_one_process_goes_on(root: Path, disturbed: Disturbed) -> None:
    wait_for_fits(disturbed, root, 3)
    os.killpg(disturbed.process.pid, signal.SIGINT)
    assert disturbed.end() == 128 + signal.SIGINT, "".join(disturbed.said)
    assert disturbed.left() == []
    assert 2 <= len(trials(root)) < 6
    finish(root, *TUNE, *LUCK)
    require_six_complete(root, ended=2)


def test_a_trial_whose_process_always_dies_is_failed_with_its_log(root: Path) -> None:
    said = finish(root, *TUNE, "--space", "luck=[0.1,0.2],deadly=[False,True]", *WORKERS)
    found = trials(root)
    assert len(found) == 4
    for trial in found:
        assert (trial["state"] == "failed") == (trial["point"]["deadly"] == "True")
        if trial["state"] == "failed":
            assert "SIGKILL (out of memory?)" in trial["reason"] and trial["reason"] in said
            assert f"'luck': '{trial['point']['luck']}'" in Path(trial["reason"].split()[-1]).read_text()
