"""The ledger: lines are only added, each whole, and the last one about a file is what holds."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kaggle.ledger import FIELDS, Entry, Ledger, agreement
from harness.utils.errors import UserError


def entry(sha256: str = "aa", **changes) -> Entry:
    made = {"time": "2026-01-01T00:00:00+00:00", "slug": "pets", "file": "x.csv", "recipe": "blend", "run": "0123"}
    return Entry(sha256=sha256, **(made | changes))


text = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), max_size=20)


@given(message=text, file=text, holdout=st.none() | st.floats(allow_nan=False), rank=st.none() | st.integers())
def test_what_is_written_is_read_back(message, file, holdout, rank, tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.csv")
    made = entry(message=message, file=file, holdout=holdout, rank=rank)
    ledger.append(made)
    ledger.append(made, made)
    assert ledger.entries() == [made] * 3


def test_the_last_line_about_a_file_holds_and_nothing_is_ever_changed(tmp_path: Path):
    ledger = Ledger(tmp_path / "a" / "ledger.csv")
    assert ledger.entries() == [] and ledger.latest() == [] and ledger.sent("pets") == {}
    first = entry()
    ledger.append(first, entry("bb"), entry("aa", slug="other"))
    before = ledger.path.read_bytes()
    ledger.append(first.changed(status="complete", reference="7", public=0.5), entry("bb", status="failed"))
    assert ledger.path.read_bytes().startswith(before)
    assert [(e.slug, e.sha256, e.status) for e in ledger.latest()] == [
        ("pets", "aa", "complete"), ("pets", "bb", "failed"), ("other", "aa", "uploading"),
    ]  # fmt: skip
    sent = ledger.sent("pets")
    assert [*sent] == ["aa"]  # what never arrived may be sent again
    assert "complete, public score 0.5, reference 7" in sent["aa"]


def test_a_message_never_makes_two_lines_of_one(tmp_path: Path):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.append(entry(message="one\r\ntwo\n\nthree"))
    assert len(ledger.path.read_text().splitlines()) == 2
    assert ledger.entries()[0].message == "one two three"


def test_a_line_cut_off_is_told_and_does_not_swallow_the_next(tmp_path: Path):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.append(entry())
    ledger.path.write_bytes(ledger.path.read_bytes() + b"2026-01-01,pets,x")
    ledger.append(entry("bb"))
    with pytest.raises(UserError, match="line 3: 3 cells"):
        ledger.entries()
    lines = ledger.path.read_text().splitlines(keepends=True)
    ledger.path.write_text("".join(lines[:2] + lines[3:]))
    assert [e.sha256 for e in ledger.entries()] == ["aa", "bb"]


def test_a_number_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "ledger.csv").write_text(",".join(FIELDS) + "\n" + ",".join("x" for _ in FIELDS) + "\n")
    with pytest.raises(UserError, match="line 2"):
        Ledger(tmp_path / "ledger.csv").entries()


def _append(path: Path, name: str) -> None:
    for number in range(20):
        Ledger(path).append(entry(f"{name}{number}", message="x" * 5_000))


def test_lines_of_several_processes_do_not_mix(tmp_path: Path):
    path = tmp_path / "ledger.csv"
    processes = [multiprocessing.get_context("spawn").Process(target=_append, args=(path, n)) for n in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len(Ledger(path).entries()) == 40


def test_agreement_is_told_once_there_are_three():
    scored = [entry(str(n), holdout=0.1 * n, public=0.2 * n + 0.01 * (n == 2)) for n in range(1, 4)]
    assert agreement(scored[:2]) is None
    assert agreement([*scored[:2], entry("x", holdout=0.5)]) is None
    assert "of 3 submissions: r = 1.00, rank correlation 1.00" in agreement(scored)
    backward = [entry(str(n), holdout=0.1 * n, public=1 - 0.2 * n) for n in range(1, 5)]
    assert "r = -1.00" in agreement(backward)
    assert "same score" in agreement([entry(str(n), holdout=0.1 * n, public=0.5) for n in range(1, 5)])


def test_a_line_that_did_not_get_to_the_disk_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(tmp_path / "ledger.csv")
    ledger.append(entry())
    before = ledger.path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(os, "fsync", full)
        ledger.append(entry("bb"))
    assert ledger.path.read_bytes() == before
    ledger.append(entry("cc"))
    assert [one.sha256 for one in ledger.entries()] == ["aa", "cc"]
