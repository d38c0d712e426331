"""Commands in processes of their own, and a workspace in which they take seconds."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from harness.plugins.scaffold import create
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, start

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
    create(workspace, "insects", photos)
    folder = workspace.competition("insects")
    recipes = RECIPES.replace("import Blend,", "import Blend, Network,")
    (folder / "recipes.py").write_text(recipes + NETWORK if network else RECIPES)
    declaration = folder / "competition.py"
    declaration.write_text(declaration.read_text().replace("KFold(5)", "KFold(2)"))
    return workspace


def finish(root: Path, *arguments: object) -> tuple[int, str]:
    """Run a command to its end: its exit code, and all that it said."""
    process = start(root, *arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out + err


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
