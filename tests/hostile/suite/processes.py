"""Commands in processes of their own, and a workspace in which they take seconds."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, create_insects, start

NETWORK = '''

@recipe
def net():
    """On 16x16 pixels."""
    return Network(network="minivggnet", size=(16, 16), epochs=2, batch_size=8, learning_rate=1e-3)


@recipe
def both():
    """The two."""
    return Blend(of=("coarse", "net"))


default = both
'''


def made(root: Path, photos: Path, network: bool = False) -> Workspace:
    """A workspace with the competition ``insects``."""
    (root / "competitions").mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root)
    with_network = RECIPES.replace("import Blend,", "import Blend, Network,") + NETWORK
    create_insects(workspace, photos, with_network if network else RECIPES)
    return workspace


def finish(root: Path, *arguments: object) -> tuple[int, str]:
    """Run a command to its end: its exit code, and all that it said."""
    process = start(root, *arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out + err


def measured(root: Path, *arguments: object) -> float:
    """Run a command to its end: the seconds of CPU time that it took, which a busy machine hardly changes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, told = finish(root, *arguments)
    assert code == 0, told
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wait_for_work(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until a command has used so many seconds of CPU time, or has ended, or does nothing for long."""
    until, ticks = time.monotonic() + 120, os.sysconf("SC_CLK_TCK")
    while process.poll() is None and time.monotonic() < until:
        # What follows the name in parentheses: state, ..., utime (the 14th field of all) and stime.
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / ticks >= seconds:
            return
        time.sleep(0.005)


def csvs(workspace: Workspace) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(workspace.submissions("insects").glob("[!.]*.csv"))}


def begin_anew(workspace: Workspace) -> None:
    """Remove all that commands made, so that there is something to interrupt again."""
    for folder in (workspace.runs("insects"), workspace.submissions("insects"), workspace.cache("insects")):
        shutil.rmtree(folder, ignore_errors=True)
    for file in workspace.data("insects").glob("[!s]*.*"):
        if file.is_file():
            file.unlink()


def wait_for_start(process: subprocess.Popen[str]) -> None:
    """Wait until a command hears signals: its listening thread runs then."""
    tasks, until = Path(f"/proc/{process.pid}/task"), time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if len([*tasks.iterdir()]) > 1:
            return
        time.sleep(0.005)
