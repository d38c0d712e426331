"""Code runs only from workspaces that the user made or trusts."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

import harness as api
from harness.plugins import trust
from harness.plugins.scaffold import create
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace, enclosing
from tests.conftest import CHECKOUT


@pytest.fixture(autouse=True)
def nobody_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_TRUSTED")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def plant(root: Path) -> Path:
    """A workspace of somebody else's; its code leaves a file where it ran."""
    folder = root / "competitions" / "evil"
    folder.mkdir(parents=True)
    (folder / "competition.py").write_text(f"open({str(root / 'ran')!r}, 'w').close()\n")
    return root / "ran"


COMMANDS = [
    ("list",),
    ("list", "evil"),
    ("status", "evil"),
    ("prepare", "evil"),
    ("submit", "evil"),
    ("score", "evil", "x.csv"),
    ("cache", "ls", "evil"),
    ("download", "evil"),
    ("submissions", "evil"),
    ("inspect", "evil"),
    ("new", "pets", "--from", "."),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_strange_workspace_runs_nothing_and_the_command_that_trusts_it_is_named(workspace, harness, command):
    ran = plant(workspace.root)
    told = harness(*command)
    assert told.code == 2 and "not said you trust" in told.err and f"harness trust {workspace.root}" in told.err
    assert not ran.exists()


def test_a_workspace_is_trusted_once_and_forgotten(workspace, harness):
    ran = plant(workspace.root)
    assert "evil" in harness("trust").out
    assert harness("list").code == 0 and ran.exists()
    ran.unlink()
    assert harness("trust", workspace.root, "--forget").code == 0
    assert harness("list").code == 2 and not ran.exists()


def test_what_harness_new_made_is_trusted_but_not_what_lies_there_already(
    workspace, class_folders, tmp_path, monkeypatch
):
    create(workspace, "insects", class_folders())
    assert api.load("insects", workspace=workspace.root).name == "insects"
    stranger = Workspace(tmp_path / "stranger")
    ran = plant(stranger.root)
    with pytest.raises(UserError, match="not said you trust"):
        create(stranger, "insects", tmp_path / "photos")
    with pytest.raises(UserError, match="not said you trust"):
        api.load("evil", workspace=stranger.root)
    assert not ran.exists()
    # Another user's folder: what lies there tomorrow is not ours.
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    others = Workspace(tmp_path / "others")
    others.competitions.mkdir(parents=True)
    create(others, "insects", tmp_path / "photos")
    assert not trust.is_trusted(others.root)


def test_the_checkout_and_folders_of_the_variable_are_trusted(tmp_path, monkeypatch):
    assert trust.is_trusted(CHECKOUT) and not trust.is_trusted(tmp_path)
    monkeypatch.setenv("HARNESS_TRUSTED", os.pathsep.join(["/nowhere", str(tmp_path)]))
    assert trust.is_trusted(tmp_path) and trust.is_trusted(tmp_path / "below") and not trust.is_trusted(tmp_path.parent)
    assert not trust.is_trusted(Path(f"{tmp_path}-other"))


@pytest.mark.parametrize(
    "inside", ["data/insects/raw", "data/insects/unpacked/deep/er", "submissions/x", "runs/insects"]
)
def test_nothing_among_the_files_of_a_workspace_runs(workspace, class_folders, harness, monkeypatch, inside):
    create(workspace, "insects", class_folders())
    ran = plant(workspace.root / inside)
    monkeypatch.setenv("HARNESS_TRUSTED", str(workspace.root))
    monkeypatch.chdir(ran.parent)
    told = harness("list")  # the fixture's commands run at the workspace's root; this one runs inside
    assert Workspace.find(ran.parent).root == workspace.root == enclosing(ran.parent)
    assert told.code == 0 and "insects" in told.out and "evil" not in told.out
    refused = harness("trust", ran.parent)
    assert refused.code == 2 and "never run from there" in refused.err
    with pytest.raises(UserError, match="not said you trust"):
        trust.require(Workspace(ran.parent))
    assert not ran.exists()


def test_a_list_that_was_edited_or_cannot_be_read_trusts_nobody(workspace, tmp_path):
    trust.add(workspace.root)
    file = tmp_path / "state" / "harness" / "trusted.json"
    written = file.read_text()
    for text in (written.replace("workspace", "workspacf"), "", "[]", '{"workspaces": 3}', f'["{workspace.root}"]'):
        file.write_text(text)
        assert not trust.is_trusted(workspace.root)
    file.write_text(written)
    assert trust.is_trusted(workspace.root)
    file.unlink()
    file.mkdir()
    assert not trust.is_trusted(workspace.root)
    with pytest.raises(UserError, match="cannot be written"):
        trust.add(workspace.root)


@pytest.mark.parametrize(("answer", "runs"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_is_asked_once(workspace, tmp_path, answer: str, runs: bool):
    ran = plant(workspace.root)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "list"],
        cwd=workspace.root,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
    )  # fmt: skip
    os.close(theirs)
    seen, until = b"", time.monotonic() + 300
    while b"[y/N]" not in seen and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            seen += os.read(ours, 4096)
    assert b"evil" in seen
    os.write(ours, answer.encode())
    while process.poll() is None:  # a full terminal would block it
        if select.select([ours], [], [], 0.1)[0]:
            try:
                os.read(ours, 4096)
            except OSError:
                break
    assert process.wait(60) == (0 if runs else 2)
    os.close(ours)
    assert ran.exists() == runs == trust.is_trusted(workspace.root)
