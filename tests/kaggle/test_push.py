"""A code competition: models, notebook and submission are sent once, whatever happens, and the score comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.api import LoadedCompetition
from harness.kaggle import kernel as kernel_folder
from harness.kaggle import process
from harness.kaggle.client import Client
from harness.kaggle.code_destinations import DatasetVersions
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
    (folder,) = (trained.submissions("pets") / "kernels").glob("coarse-*")
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
    assert harness("kernel", "pets", "coarse").code == 0  # whose it is stays known
    with pytest.MonkeyPatch.context() as patch:  # a newer version of the harness writes another notebook for it
        newer = trained.root / "newer.template"
        newer.write_text(kernel_folder.CELL.read_text() + "print('newer')\n")
        patch.setattr(kernel_folder, "CELL", newer)
        assert harness("kernel", "pets", "coarse", "--push").code == 0
        assert "newer" in (folder / "kernel" / "submission.ipynb").read_text()
    assert code_stub.calls.total() == calls and lines(trained) == DONE
    listed = harness("submissions", "pets")
    assert listed.code == 0 and "harness-pets-coarse.ipynb" in listed.out and "models" not in listed.out
    assert harness("kernel", "pets", "coarse", "--push", "--again").code == 0
    assert kernel["submitted"] == 2 and len(code_stub.kernels["ann/harness-pets-coarse"]) == 1
    assert SECRET not in done.out + done.err + again.err


def test_the_upload_tells_its_bytes(code_stub: CodeStub, monkeypatch, tmp_path: Path):
    monkeypatch.setattr(process, "ask", ask_here)
    sizes, folder = {"a.npz": 300_000, "b.keras": 20, "c.json": 0}, tmp_path / "dataset"
    folder.mkdir()
    for name, size in sizes.items():
        (folder / name).write_bytes(bytes(size))
    about = {"id": "ann/harness-x-models", "title": "harness x models", "licenses": [{"name": "other"}]}
    (folder / "dataset-metadata.json").write_text(json.dumps(about))
    told: list[int] = []
    versions = DatasetVersions(Client("pets"), "ann", "harness-x-models")
    assert versions.submit(folder, "[0123456789ab]", tmp_path / "hold", lambda: None, told.append) == "1"
    assert told == sorted(told) and told[-1] == sum(sizes.values())
    assert versions.submissions()[0]["message"] == "[0123456789ab]"
    told.clear()
    Client("pets").submit(folder / "a.npz", "x", uploaded=lambda: None, bytes_sent=told.append)
    assert told[-1] == sizes["a.npz"]


@pytest.mark.slow
def test_a_kernel_that_fails_shows_the_end_of_its_log_and_may_be_sent_again(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    pieces = [{"stream_name": "stdout", "time": n, "data": f"line {n}\x1b[2J\n"} for n in range(100)]
    code_stub.run = lambda version: ("ERROR", json.dumps(pieces))
    failed = harness("kernel", "pets", "coarse", "--push")
    assert failed.code == 2 and "Kaggle rejected harness-pets-coarse (reference 1): Your notebook failed" in failed.err
    assert "line 99" in failed.err and "line 80" not in failed.err and "\x1b" not in failed.err
    (log,) = (trained.submissions("pets") / "kernels").glob("*/kernel.log")
    assert len(log.read_text().splitlines()) == 100 and str(log.relative_to(trained.root)) in failed.err
    assert not code_stub.submissions
    code_stub.run = lambda version: ("COMPLETE", "")
    assert harness("kernel", "pets", "coarse", "--push").code == 0
    assert lines(trained)[1:] == [("ann/harness-pets-coarse", "complete", "2"), ("pets", "complete", "1000")]
    assert len(code_stub.datasets["ann/harness-pets-coarse-models"]) == 1


@pytest.mark.slow
def test_a_kernel_that_fails_on_the_hidden_images_says_so(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    code_stub.score_of = lambda version: None
    failed = harness("kernel", "pets", "coarse", "--push")
    assert failed.code == 2 and "Notebook Threw Exception" in failed.err and "may be sent again" in failed.err
    code_stub.score_of = lambda version: "0.25"
    done = harness("kernel", "pets", "coarse", "--push")
    assert done.code == 0 and "public score 0.25" in done.out and len(code_stub.submissions) == 2
    assert len(code_stub.kernels["ann/harness-pets-coarse"]) == 1


@pytest.mark.slow
def test_what_another_machine_sent_is_found_and_not_sent_again(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    assert harness("kernel", "pets", "coarse", "--push").code == 0
    (trained.submissions("pets") / "ledger.csv").unlink()
    assert harness("kernel", "pets", "coarse", "--push").code == 0
    assert lines(trained) == DONE and code_stub.calls["SaveKernel"] == code_stub.calls["CreateDataset"] == 1
    assert code_stub.calls["CreateDatasetVersion"] == 0 and len(code_stub.submissions) == 1


@pytest.mark.slow
def test_another_run_is_another_version_and_an_earlier_one_comes_back(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    first = LoadedCompetition(trained, "pets").train("coarse").key
    code_stub.faults["SaveKernel"] = [400]
    assert harness("kernel", "pets", f"coarse/{first}", "--push").code == 2  # its models are there, its kernel is not
    second = LoadedCompetition(trained, "pets").train("coarse", c=2.0).key
    assert harness("kernel", "pets", f"coarse/{second}", "--push").code == 0
    assert harness("kernel", "pets", f"coarse/{first}", "--push").code == 0
    versions = code_stub.datasets["ann/harness-pets-coarse-models"]
    assert len(versions) == 3 and versions[0]["files"] == versions[2]["files"] != versions[1]["files"]
    kernels = code_stub.kernels["ann/harness-pets-coarse"]
    assert [one["models"][0] for one in kernels] == [versions[1]["files"], versions[2]["files"]]
    assert [one["submitted"] for one in kernels] == [1, 1]


@pytest.mark.slow
def test_a_dataset_of_which_kaggle_tells_nothing_is_not_sent_again(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    code_stub.with_notes = False
    code_stub.faults["CreateDataset"] = ["lost"]
    refused = harness("kernel", "pets", "coarse", "--push")
    assert refused.code == 2 and "It is unknown whether the file arrived" in refused.err
    assert "the same command with --again" in refused.err and "kaggle.com/datasets/ann/harness-pets" in refused.err
    assert harness("kernel", "pets", "coarse", "--push").code == 2 and code_stub.calls["CreateDatasetVersion"] == 0
    assert harness("kernel", "pets", "coarse", "--push", "--again").code == 0
    assert code_stub.calls["CreateDatasetVersion"] == 1 and len(code_stub.submissions) == 1


@pytest.mark.slow
def test_a_competition_that_takes_only_notebooks_says_how_to_send_one(trained, code_stub, harness, monkeypatch):
    monkeypatch.setattr(process, "ask", ask_here)
    refused = harness("submit", "pets", "--upload")
    assert refused.code == 2 and "harness kernel pets RUN --push" in refused.err
    code_stub.limits = {"numToday": 5, "numTotal": 12}
    refused = harness("kernel", "pets", "coarse", "--push")
    assert refused.code == 2 and "no submission to pets is left" in refused.err and not code_stub.datasets


@pytest.mark.slow
def test_kaggles_own_client_sends_the_folders_too(trained, code_stub, harness, tmp_path):
    """Without any option: nothing lies in a subfolder, which it would leave out without a word."""
    assert harness("kernel", "pets", "coarse", "--owner", "ann", "--to", tmp_path / "new").code == 0
    code = "import sys; from kaggle import api; api.dataset_create_new(sys.argv[1]); api.kernels_push(sys.argv[2])"
    folders = [str(tmp_path / "new" / name) for name in ("dataset", "kernel")]
    code_stub.public = True
    subprocess.run([sys.executable, "-c", code, *folders], check=True, capture_output=True)
    (version,) = code_stub.datasets["ann/harness-pets-coarse-models"]
    assert {*version["files"]} == {path.name for path in (tmp_path / "new" / "dataset").iterdir()} - {
        "dataset-metadata.json"
    }
    assert len(code_stub.kernels["ann/harness-pets-coarse"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_at_each_call_loses_nothing_and_sends_nothing_twice(trained, code_stub, harness, monkeypatch, when: str):
    calls: list[str] = []
    stop = -1

    def ask(python, request, limit, **more):
        calls.append(request["call"])
        if len(calls) - 1 == stop and when == "before":
            raise KeyboardInterrupt
        answer = ask_here(python, request, limit, **more)
        if len(calls) - 1 == stop:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(process, "ask", ask)
    assert harness("kernel", "pets", "coarse", "--push").code == 0
    everything = [*calls]
    assert {"send_dataset", "send_kernel", "submit_code", "dataset", "kernel", "submission"} <= {*everything}
    for stop in range(len(everything)):
        (trained.submissions("pets") / "ledger.csv").unlink(missing_ok=True)
        code_stub.datasets.clear(), code_stub.kernels.clear(), code_stub.submissions.clear(), calls.clear()
        stopped = harness("kernel", "pets", "coarse", "--push")
        assert stopped.code == 130 and "Traceback" not in stopped.err, stopped.err
        calls[:] = [""] * 1000
        done = harness("kernel", "pets", "coarse", "--push")
        assert done.code == 0 and "public score" in done.out, done.err
        assert lines(trained) == DONE, (everything[stop], lines(trained))
        assert code_stub.most_copies == len(code_stub.submissions) == 1
        assert [len(one) for one in (*code_stub.datasets.values(), *code_stub.kernels.values())] == [1, 1]
