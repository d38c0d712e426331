"""A code competition: models, notebook and submission are sent once, whatever happens, and the score comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.api import LoadedCompetition
from harness.kaggle import process
from harness.kaggle.ledger import Ledger
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES
from tests.kaggle.code_stub import CodeStub
from tests.kaggle.conftest import SECRET
from tests.kaggle.kernels import pets, pets_competition
from tests.kaggle.test_faults import ask_here


@pytest.fixture
def trained(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A code competition with a finished run."""
    found = pets_competition(workspace, pets(tmp_path / "organiser"), RECIPES)
    LoadedCompetition(found, "pets").train("coarse")
    return found


def lines(workspace: Workspace) -> list[tuple[str, str, str]]:
    ledger = Ledger(workspace.submissions("pets") / "ledger.csv")
    return [(one.slug, one.status, one.reference) for one in ledger.latest()]


DONE = [
    ("ann/harness-pets-coarse-models", "complete", "1"),
    ("ann/harness-pets-coarse", "complete", "1"),
    ("pets", "complete", "1000"),
]


@pytest.fixture(params=["here", pytest.param("in a process a call", marks=pytest.mark.slow)])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the real client's calls are made."""
    if request.param == "here":
        monkeypatch.setattr(process, "ask", ask_here)


def test_a_run_is_pushed_submitted_and_scored_once(asked, trained: Workspace, code_stub: CodeStub, harness):
    code_stub.unpacking = code_stub.running_for = code_stub.pending = 2
    done = harness("kernel", "pets", "coarse", "--push", "--message", "a kernel")
    assert done.code == 0, done.err
    assert "uploaded: reference 1000, public score 0.5" in done.out
    for told in (
        "pets: 4 submissions left today",
        "harness-pets-coarse-models was sent as 1; waiting for Kaggle to unpack it",
        "harness-pets-coarse was sent as 1; waiting for its run on the public images",
        "harness-pets-coarse.ipynb was sent as 1000; waiting for the score on the hidden images",
    ):
        assert told in done.err, told
    assert lines(trained) == DONE
    (folder,) = (trained.submissions("pets") / "kernels").iterdir()
    sent = {path.name: path.read_bytes() for path in (folder / "dataset").iterdir() if path.suffix != ".json"}
    sent["model.json"] = (folder / "dataset" / "model.json").read_bytes()
    (version,) = code_stub.datasets["ann/harness-pets-coarse-models"]
    assert version["files"] == sent and len(sent) > 1
    (kernel,) = code_stub.kernels["ann/harness-pets-coarse"]
    assert json.loads(kernel["text"])["nbformat"] == 4 and kernel["submitted"] == 1
    assert kernel["request"]["competitionDataSources"] == ["pets"]
    assert code_stub.submissions[0]["description"].startswith("a kernel [")

    calls = code_stub.calls.total()
    again = harness("kernel", "pets", "coarse", "--push")
    assert again.code == 0 and "was sent before: complete, public score 0.5" in again.err
    assert code_stub.calls.total() == calls and lines(trained) == DONE
    listed = harness("submissions", "pets")
    assert listed.code == 0 and "harness-pets-coarse.ipynb" in listed.out and "models" not in listed.out
    assert harness("kernel", "pets", "coarse", "--push", "--again").code == 0
    assert kernel["submitted"] == 2 and len(code_stub.kernels["ann/harness-pets-coarse"]) == 1
    assert SECRET not in done.out + done.err + again.err
