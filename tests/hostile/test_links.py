"""Links that lie where the harness will write are not followed; what is Kaggle's is nobody else's to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from harness.kaggle.ledger import Entry, Ledger
from harness.utils.files import lock, whole_folder, write_text

NAMES = {  # below the workspace: what a command would write, as far as its name can be guessed
    "data/insects/.dataset.csv.tmp.csv",
    "data/insects/dataset.csv",
    "data/insects/dataset.json",
    "data/insects/.dataset.csv.lock",
    "submissions/insects/ledger.csv.tmp",
}


def test_a_command_writes_into_no_file_that_a_link_leads_to(insects, harness, tmp_path: Path):
    assert harness("prepare", "insects").code == 0
    caches = [file.relative_to(insects.root) for file in insects.cache("insects").glob("*.h5")]
    names = NAMES | {f"{file}.part" for file in caches} | {str(file) for file in caches}
    names |= {str(file.parent / f".{file.name}.lock") for file in caches}
    victims = {}
    for number, name in enumerate(sorted(names)):
        path, victim = insects.root / name, tmp_path / f"victim-{number}"
        victim.write_text("mine")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(victim)
        victims[name] = victim
    for command in ("prepare", "train", "submit"):
        harness(command, "insects")
    assert {name for name, victim in victims.items() if victim.read_text() != "mine"} == set()


def test_a_lock_follows_no_link(tmp_path: Path):
    (tmp_path / "victim").write_text("mine")
    (tmp_path / ".x.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError), lock(tmp_path / "x", "something"):
        pass
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "folder"
    with whole_folder(target) as coming:
        (coming / "a").write_text("1")
        assert not target.exists()
    with pytest.raises(ZeroDivisionError), whole_folder(target) as coming:
        (coming / "a").write_text("2")
        raise ZeroDivisionError
    assert (target / "a").read_text() == "1"
    (tmp_path / ".folder.0123abcd.tmp").mkdir()  # left by a killed process
    with whole_folder(target) as coming:
        (coming / "b").write_text("3")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"] and [*target.iterdir()] == [target / "b"]


def test_what_is_private_is_readable_by_its_owner_alone(tmp_path: Path):
    before = os.umask(0)
    try:
        write_text(tmp_path / "board.csv", "x", private=True)
        write_text(tmp_path / "public.csv", "x")
        Ledger(tmp_path / "ledger.csv").append(
            Entry(time="", slug="pets", file="x.csv", sha256="0", recipe="", run="", message="")
        )
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.csv")}
    assert modes == {"board.csv": 0o600, "public.csv": 0o666, "ledger.csv": 0o600}
