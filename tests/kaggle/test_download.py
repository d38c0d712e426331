"""Downloads by the real client: whole in the end or nothing in place, and gone on with where they broke off."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from harness.cli.new import run_new
from harness.kaggle import download
from harness.kaggle.client import Client, Patience
from harness.kaggle.failures import KaggleError
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError
from tests.kaggle.conftest import zipped

NOISE = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture(autouse=True)
def archive(request: pytest.FixtureRequest) -> bytes:
    content = zipped({"train/1.bin": NOISE, "notes.txt": b"hello"})
    if "stub" in request.fixturenames:
        request.getfixturevalue("stub").archive = content
    return content


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))


def test_an_archive_is_downloaded_verified_and_not_downloaded_again(stub, real: Client, tmp_path: Path):
    file = download.data(real, tmp_path)
    assert file == tmp_path / "pets.zip" and file.read_bytes() == stub.archive and left(tmp_path) == ["pets.zip"]
    calls = stub.calls.total()
    assert download.data(real, tmp_path) == file and stub.calls.total() == calls


def test_a_broken_archive_is_replaced_by_a_whole_one(stub, real: Client, tmp_path: Path):
    damaged = bytearray(stub.archive)
    damaged[1_000_000] ^= 255
    (tmp_path / "pets.zip").write_bytes(damaged)
    assert download.data(real, tmp_path).read_bytes() == stub.archive


# Each takes some seconds: the client waits two between its own attempts.
@pytest.mark.parametrize(
    "faults",
    [
        ["truncate", "html"],
        pytest.param(["truncate"], marks=pytest.mark.slow),
        pytest.param(["truncate", 500], marks=pytest.mark.slow),
        pytest.param(["html"], marks=pytest.mark.slow),
        pytest.param([503], marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_what_goes_wrong_on_the_way_is_repaired(stub, real: Client, tmp_path: Path, faults):
    """The client's own retries may leave an error page inside the archive, and say that all went well."""
    stub.faults["GET"] = [*faults]
    assert download.data(real, tmp_path).read_bytes() == stub.archive
    assert left(tmp_path) == ["pets.zip"]


@pytest.mark.slow
def test_a_connection_that_stalls_is_cut_and_gone_on_with(stub, tmp_path: Path):
    stub.faults["GET"] = ["stall"]
    client = Client(stub.slug, Patience(stall=15, retry=0.05))
    assert download.data(client, tmp_path).read_bytes() == stub.archive
    assert stub.calls["resumed"] >= 1


@pytest.mark.slow
def test_when_nothing_helps_what_arrived_is_kept_and_the_next_run_goes_on(stub, tmp_path: Path):
    client = Client(stub.slug, Patience(stall=15, retry=0.05))
    stub.faults["GET"] = ["stall"] * 20
    with pytest.raises(KaggleError, match=r"4 attempts were made; the .* kept, and the same command resumes"):
        download.data(client, tmp_path)
    assert not (tmp_path / "pets.zip").exists()
    resumed, stub.faults["GET"] = stub.calls["resumed"], []
    assert download.data(client, tmp_path).read_bytes() == stub.archive
    assert stub.calls["resumed"] > resumed


@pytest.mark.slow
def test_what_is_broken_at_the_source_is_told_and_leaves_nothing_in_place(stub, real: Client, tmp_path: Path):
    stub.archive = stub.archive[:-100]
    with pytest.raises(KaggleError, match="the archive from Kaggle for pets is damaged"):
        download.data(real, tmp_path)
    assert left(tmp_path) == []


def test_a_refusal_is_told_at_once(stub, real: Client, tmp_path: Path):
    stub.faults["ListDataFiles"] = [403]
    with pytest.raises(KaggleError, match="rules are not accepted"):
        download.data(real, tmp_path)
    assert stub.calls["ListDataFiles"] == 1 and stub.calls["GET"] == 0 and left(tmp_path) == []


def test_a_disk_without_room_is_told_before(stub, real: Client, tmp_path: Path):
    stub.faults["ListDataFiles"] = [{"files": [{"name": "x", "totalBytes": 1 << 60}]}]
    with pytest.raises(UserError, match="needs"):
        download.data(real, tmp_path)
    assert stub.calls["DownloadDataFiles"] == 0


BOARD = "\ufeffRank,TeamId,TeamName,LastSubmissionDate,Score\n1,7,=cmd(),2016-01-01,0.9\n2,8,Ann,2016-01-01,0.8\n"


def test_a_leaderboard_is_kept_without_names_and_never_over_the_data(stub, real: Client, tmp_path: Path):
    (tmp_path / "pets.zip").write_bytes(b"the data")
    stub.board = zipped({"pets-publicleaderboard.csv": BOARD.encode()})
    assert download.leaderboard(real, tmp_path / "leaderboard.csv") == 2
    board = Leaderboard.load(tmp_path / "leaderboard.csv", METRICS["accuracy"])
    assert [(point.rank, point.score) for point in board.points] == [(1, 0.9), (2, 0.8)] and board.teams == 2
    assert "Ann" not in (tmp_path / "leaderboard.csv").read_text()
    assert (tmp_path / "pets.zip").read_bytes() == b"the data"
    assert left(tmp_path) == ["leaderboard.csv", "pets.zip"]


class Sends:
    """A client that puts down whatever it is given."""

    slug = "pets"

    def __init__(self, content: bytes) -> None:
        self.content = content

    def leaderboard(self, folder: Path) -> None:
        (folder / "pets.zip").write_bytes(self.content)


def bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x.csv", b"\0" * (65 << 20))
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"<html>", b"", zipped({}), zipped({"a.csv": b"", "b.csv": b""}), zipped({"x.csv": b"Rank\n1\n"}),
     zipped({"x.csv": b"Rank,Score\n1,nan\n"}), zipped({"x.csv": b"\xff\xfe"}), bomb()],
    ids=["html", "nothing", "empty zip", "two", "no score", "nan", "no text", "bomb"],
)  # fmt: skip
def test_what_is_no_leaderboard_is_told_and_the_old_one_kept(tmp_path: Path, content):
    (tmp_path / "leaderboard.csv").write_text("old")
    with pytest.raises(KaggleError, match="is not a leaderboard"):
        download.leaderboard(Sends(content), tmp_path / "leaderboard.csv")
    assert (tmp_path / "leaderboard.csv").read_text() == "old" and left(tmp_path) == ["leaderboard.csv"]


@pytest.mark.skipif(os.name == "nt", reason="needs ulimit")
def test_a_full_disk_is_told_at_once_and_what_arrived_is_kept(stub, tmp_path: Path):
    """A limit on a file's size stands for the full disk; the client takes it for a broken connection."""
    limited = tmp_path / "python"
    limited.write_text(f'#!/bin/sh\nulimit -f 1000\nexec "{sys.executable}" "$@"\n')
    limited.chmod(0o755)
    folder = tmp_path / "raw"
    with pytest.raises(KaggleError, match="the disk is full") as told:
        download.data(Client(stub.slug, python=str(limited)), folder)
    assert "resumes" in told.value.fix and stub.calls["GET"] == 1
    assert download.data(Client(stub.slug), folder).read_bytes() == stub.archive and stub.calls["resumed"] == 1


def test_the_sizes_of_many_files_are_read_page_by_page(stub, real: Client):
    stub.files = {f"{number}.jpg": number for number in range(5_250)}
    stub.page_cap = 1_000
    assert real.data_files() == stub.files and stub.calls["ListDataFiles"] == 53


@pytest.mark.parametrize("zipped_up", [False, True])
def test_a_single_file_is_downloaded_unzipped_and_not_again(stub, real: Client, tmp_path: Path, zipped_up: bool):
    content = b"id,label\n1,0.5\n"
    stub.files = {"x/labels.csv": len(content), "other.csv": 7}
    stub.archive, stub.sent_as = (zipped({"labels.csv": content}), "labels.csv.zip") if zipped_up else (content, "")
    file = download.one_file(real, tmp_path, "x/labels.csv")
    assert file == tmp_path / "labels.csv" and file.read_bytes() == content and left(tmp_path) == ["labels.csv"]
    assert download.one_file(real, tmp_path, "x/labels.csv") == file and stub.calls["DownloadDataFile"] == 1
    with pytest.raises(UserError, match=r"has no file x/label.csv\. Did you mean x/labels.csv"):
        download.one_file(real, tmp_path, "x/label.csv")


def test_a_single_file_of_another_size_is_not_put_in_place(stub, real: Client, tmp_path: Path):
    stub.files, stub.archive = {"labels.csv": 100}, b"<html>"
    with pytest.raises(KaggleError, match="is not the file of 100 B"):
        download.one_file(real, tmp_path, "labels.csv")
    assert left(tmp_path) == []


def test_a_damaged_zip_of_a_single_file_is_refused_and_fetched_anew(stub, real: Client, tmp_path: Path):
    content = b"id,label\n1,0.5\n" * 40
    stub.files, whole = {"labels.csv": len(content)}, zipped({"labels.csv": content})
    damaged = bytearray(whole)
    damaged[45] ^= 255
    stub.archive, stub.sent_as = bytes(damaged), "labels.csv.zip"
    with pytest.raises(KaggleError, match="is not the file of"):
        download.one_file(real, tmp_path, "labels.csv")
    assert left(tmp_path) == []
    stub.archive = whole
    assert download.one_file(real, tmp_path, "labels.csv").read_bytes() == content


def test_a_single_file_with_a_blank_in_its_name_has_it_here_too(stub, real: Client, tmp_path: Path):
    stub.files, stub.archive = {"my labels.csv": 7}, b"id,name"
    assert download.one_file(real, tmp_path, "my labels.csv") == tmp_path / "my labels.csv"
    assert left(tmp_path) == ["my labels.csv"]


def test_a_new_competition_out_of_a_download(stub, workspace, monkeypatch: pytest.MonkeyPatch, capsys):
    stub.archive = zipped({f"train/{kind}/{number}.png": b"image" for kind in "ab" for number in range(4)})
    options = Namespace(name="our-pets", source=None, kaggle=stub.slug, metric=None, label=None, path=None, group=None)
    options.holdout = options.targets = None
    stub.competition["evaluationMetric"] = "Log Loss"
    run_new(workspace, options)
    text = (workspace.competition("our_pets") / "competition.py").read_text()
    assert 'metric="log_loss"' in text and "metric: log loss, for Kaggle calls it 'Log Loss'" in capsys.readouterr().out
    assert f'slug="{stub.slug}"' in text and "ClassFolders(" in text and "2 classes" in text
    assert (workspace.raw("our_pets") / f"{stub.slug}.zip").is_file()
    calls = stub.calls.total()
    with pytest.raises(UserError, match="exists already"):
        run_new(workspace, options)
    assert stub.calls.total() == calls  # nothing is downloaded for a name that is taken
