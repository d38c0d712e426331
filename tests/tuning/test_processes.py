"""Several processes on one search, kills and Ctrl-C: the trials of an undisturbed search, each run once."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.utils.files import read_json
from tests.conftest import start

pytestmark = pytest.mark.slow

COMMAND = ("tune", "insects", "pixels", "--space", "c=1e-5..1:log,size=[(6,6),(12,12)]", "--trials", "16")


def summary(root: Path, recipe: str = "pixels") -> dict:
    (file,) = (root / "runs" / "insects" / recipe).glob("search-*/search.json")
    found = read_json(file)
    assert found is not None
    return found


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def written(root: Path) -> int:
    """The lines that processes have written into a search's journal: a clock that a fast machine turns faster."""
    return sum(file.read_bytes().count(b"\n") for file in root.glob("runs/insects/pixels/search-*/journal.log"))


def wait(process: subprocess.Popen[str], root: Path, lines: int) -> bool:
    """Wait until a journal has so many lines; give whether the process still works."""
    while process.poll() is None and written(root) < lines:
        time.sleep(0.002)
    return process.poll() is None


def without_times(found: dict) -> dict:
    return found | {"trials": [trial | {"seconds": 0} for trial in found["trials"]]}


def test_a_search_killed_at_random_moments_ends_as_an_undisturbed_one(guesses, tmp_path: Path):
    disturbed = tmp_path / "disturbed"
    shutil.copytree(guesses.root, disturbed)
    expected = finish(start(guesses.root, *COMMAND))
    moments, sixth, stopped = random.Random(1), written(guesses.root) // 6, 0
    for how in (signal.SIGKILL, signal.SIGINT) * 3:
        process = start(disturbed, *COMMAND)
        stopped += wait(process, disturbed, written(disturbed) + moments.randint(1, sixth))
        process.send_signal(how)
        process.communicate()
        assert process.returncode in (0, 130, -signal.SIGKILL)
    assert stopped >= 3, "most were killed at work"
    found = finish(start(disturbed, *COMMAND))
    assert found.replace(str(disturbed), "") == expected.replace(str(guesses.root), "")
    assert without_times(summary(disturbed)) == without_times(summary(guesses.root))


def test_two_processes_share_a_search_and_a_third_takes_over_from_a_killed_one(guesses):
    processes = [start(guesses.root, *COMMAND) for _ in range(3)]
    assert wait(processes[0], guesses.root, 20), "it had ended before it was killed"
    processes[0].kill()
    processes[0].communicate()
    told = [finish(process) for process in processes[1:]]
    assert told[0] == told[1], "both tell the same end"
    trials = summary(guesses.root)["trials"]
    assert [trial["number"] for trial in trials] == [*range(1, 17)]
    assert {trial["state"] for trial in trials} <= {"complete", "stopped early"}
    again = finish(start(guesses.root, *COMMAND))
    assert again == told[0]


NET = '''
from harness.recipes import Network, recipe


@recipe
def net():
    """On 16x16 pixels."""
    return Network(
        network="minivggnet", size=(16, 16), epochs=3, batch_size=8, learning_rate=0.01, monitor="last", checkpoint=1
    )


default = net
'''


@pytest.mark.model
def test_a_network_that_does_not_learn_is_stopped_by_its_epochs(guesses, harness):
    (guesses.competition("insects") / "recipes.py").write_text(NET)
    rates = "0.01,0.011,0.012,0.013,0.014,0.015,1e-9"
    done = harness("tune", "insects", "net", "--space", f"learning_rate=[{rates}]", "--trials", "7")
    assert done.code == 0, done.err
    trials = summary(guesses.root, "net")["trials"]
    last = next(trial for trial in trials if trial["point"]["learning_rate"] == "1e-9")
    assert last["state"] == "stopped early" and "on fold 1 after epoch" in last["reason"]
    history = read_json(guesses.runs("insects") / "net" / last["run"] / "fold-1" / "history.json")
    assert history is not None and 1 <= len(history["loss"]) < 3
    assert not (guesses.runs("insects") / "net" / last["run"] / "fold-1" / "predictions.h5").exists()
