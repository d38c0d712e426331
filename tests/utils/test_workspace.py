"""Where a command finds its workspace, and how files of it are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mine" / "competitions").mkdir(parents=True)
    return (tmp_path / "mine").resolve()


@pytest.fixture
def nothing_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders above the tests' own hold no workspace, whatever machine this is."""
    is_dir, found = Path.is_dir, Path.glob

    def is_ours(path: Path) -> bool:
        return path.is_relative_to(tmp_path.resolve())

    monkeypatch.setattr(Path, "is_dir", lambda path, **options: is_ours(path) and is_dir(path, **options))
    monkeypatch.setattr(Path, "glob", lambda path, *given: found(path, *given) if is_ours(path) else iter(()))


@pytest.mark.usefixtures("nothing_above")
def test_it_is_the_nearest_folder_above_with_competitions_and_else_the_checkout(
    root: Path, tmp_path: Path, monkeypatch
):
    inside = root / "runs" / "pets"
    inside.mkdir(parents=True)
    assert Workspace.find(inside).root == Workspace.find(root).root == root
    monkeypatch.chdir(tmp_path)
    assert Workspace.find().root == CHECKOUT
    # What was given and is none is not replaced in silence.
    with pytest.raises(UserError, match=r"neither .*/nowhere nor a folder above it has competitions/"):
        Workspace.find(tmp_path / "nowhere")


def test_a_path_that_is_told_can_be_used_from_where_it_is_told(root: Path, tmp_path: Path, monkeypatch):
    file = root / "runs" / "pets" / "report.html"
    file.parent.mkdir(parents=True)
    file.touch()
    for folder, told in ((root, "runs/pets/report.html"), (root / "runs", "pets/report.html")):
        monkeypatch.chdir(folder)
        assert shown_path(file) == told
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert shown_path(file) == str(file)
    assert shown_path(Path("given.csv")) == "given.csv"
    other.rmdir()
    assert shown_path(file) == str(file)  # the current folder is gone
