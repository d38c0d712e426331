"""A push is killed, wherever it stands, and started again at once: nothing is at Kaggle twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, RECIPES, heed_interrupts
from tests.kaggle.code_stub import CodeStub
from tests.kaggle.kernels import pets, pets_competition
from tests.kaggle.test_kill import DOUBT, wait_for

STAGES = ["PUT", "CreateDataset", "SaveKernel", "CreateCodeSubmission"]


def start(root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.kaggle.pushing", str(DOUBT)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "how"),
    [*((call, signal.SIGKILL) for call in STAGES), ("SaveKernel", signal.SIGTERM), ("CreateDataset", signal.SIGINT)],
    ids=str,
)
def test_it_is_killed_and_started_again_at_once(
    code_stub: CodeStub, workspace: Workspace, tmp_path: Path, call: str, how: signal.Signals
):
    """What it had asked for goes on at Kaggle, two seconds later."""
    LoadedCompetition(pets_competition(workspace, pets(tmp_path / "organiser"), RECIPES), "pets").train("coarse")
    code_stub.faults[call] = [("slow", 2.0)]
    first = start(workspace.root)
    wait_for(code_stub, call)
    first.send_signal(how)
    _, told = first.communicate(timeout=60)
    assert first.returncode != 0
    out, more = start(workspace.root).communicate(timeout=300)
    time.sleep(2.0)  # an orphan would have had time enough
    assert "uploaded: reference 1000, public score 0.5" in out, (told, more)
    (models,), (kernel,) = (*code_stub.datasets.values(),), (*code_stub.kernels.values(),)
    assert len(models) == len(kernel) == len(code_stub.submissions) == kernel[0]["submitted"] == 1, (told, more)
