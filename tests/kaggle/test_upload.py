"""The whole way, with the real client: download, recipe, CSV, upload, score, ledger, place."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import py7zr
import pytest

from harness.kaggle import client
from harness.kaggle.board import boards
from harness.kaggle.ledger import Entry, Ledger, now
from harness.plugins import loading
from harness.scoring.lint import digest
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, RECIPES, draw, edit
from tests.kaggle.conftest import SECRET, SHORT, zipped

REDUX = "dogs-vs-cats-redux-kernels-edition"


def jpeg(label: int, number: int) -> bytes:
    done, content = cv2.imencode(".jpg", draw(label, number, 30, 40)[..., ::-1])
    assert done
    return content.tobytes()


def redux() -> bytes:
    """A small archive of the real one's form: a zip of zips."""
    train = {
        f"train/{name}.{number}.jpg": jpeg(label, number)
        for label, name in enumerate(("cat", "dog"))
        for number in range(20)
    }
    test = {f"test/{number}.jpg": jpeg(number % 2, 100 + number) for number in range(1, 31)}
    return zipped({
        "train.zip": zipped(train), "test.zip": zipped(test), "sample_submission.csv": b"id,label\n1,0.5\n",
    })  # fmt: skip


@pytest.fixture
def dogs(workspace: Workspace) -> Workspace:
    """The real competition, with recipes that take no time."""
    folder = workspace.competition("dogs_vs_cats")
    shutil.copytree(CHECKOUT / "competitions" / "dogs_vs_cats", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "recipes.py").write_text(RECIPES)
    return workspace


def everything_written(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


def test_dress_rehearsal(dogs: Workspace, stub, harness):
    stub.slug, stub.archive, stub.score, stub.pending = REDUX, redux(), ("0.05100", "0.05038"), 2
    done = harness("submit", "dogs-vs-cats", "--upload", "--message", "a rehearsal")
    assert done.code == 0, done.err
    for told in (f"{REDUX}: 4 submissions left today", "data: data/dogs_vs_cats/unpacked", "waiting for the score"):
        assert told in done.err
    for told in (
        "score: log loss",
        "rank: ",
        "forecast: rank",
        "uploaded: reference 1000, public score 0.051, private score 0.05038",
        "rank on the private leaderboard: about rank 65 of 1,314 (interpolated between 51 and 65), top 4.9 %, silver",
        "by Kaggle's score rank 65",
    ):
        assert told in done.out, told
    (csv,) = stub.uploads.values()
    assert len(csv.splitlines()) == 31
    ledger = Ledger(dogs.submissions("dogs_vs_cats") / "ledger.csv")
    (entry,) = ledger.latest()
    assert (entry.status, entry.reference, entry.private, entry.rank) == ("complete", "1000", 0.05038, 65)
    assert entry.message.startswith("a rehearsal [") and entry.holdout is not None and entry.recipe == "blend"
    assert stub.calls["DownloadDataFiles"] == stub.calls["CreateSubmission"] == 1

    stub.limits = {"numToday": 5, "numTotal": 12}  # none is left, and none is needed
    again = harness("submit", "dogs-vs-cats", "--upload")
    assert again.code == 0 and "was sent before: complete, public score 0.051" in again.err
    assert "uploaded: reference 1000, public score 0.051" in again.out
    assert stub.calls["CreateSubmission"] == 1 and stub.calls["DownloadDataFiles"] == 1

    listed = harness("submissions", "dogs-vs-cats")
    assert listed.code == 0 and "complete" in listed.out and "0.05038" in listed.out and "~ 65" in listed.out
    told = everything_written(dogs.root) + "".join([*done[1:], *again[1:], *listed[1:]]).encode()
    assert SECRET.encode() not in told


def test_any_csv_is_uploaded_once_and_waited_for_later(dogs: Workspace, stub, harness, tmp_path: Path):
    stub.slug, stub.archive = REDUX, redux()
    assert harness("download", "dogs-vs-cats").code == 0
    file = tmp_path / "colleague.csv"
    file.write_text("id,label\n" + "".join(f"{n},{n / 100}\n" for n in range(1, 31)))
    stub.pending = 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "PATIENCE", dataclasses.replace(SHORT, score=0.2))
        done = harness("upload", "dogs-vs-cats", file, "--message", "a colleague's")
    assert done.code == 0 and "uploaded: reference 1000; no score yet" in done.out, done
    assert stub.submissions[0]["description"].startswith("a colleague's [")
    stub.pending = 0
    waited = harness("submissions", "dogs-vs-cats", "--wait")
    assert waited.code == 0 and "uploaded: reference 1000, public score 0.5, private score 0.25" in waited.out
    calls = stub.calls.total()
    again = harness("upload", "dogs-vs-cats", file)
    assert again.code == 0 and "was sent before: complete, public score 0.5" in again.err
    assert stub.calls.total() == calls and stub.most_copies == 1
    assert "two to select" not in waited.out
    for reference, code in (("1000", 0), ("77", 2)):
        assert harness("submissions", "dogs-vs-cats", "--wait", reference).code == code
    assert harness("upload", "dogs-vs-cats", file, "--again").code == 0 and stub.most_copies == 2
    listed = harness("submissions", "dogs-vs-cats").out
    assert "sent again since" in listed and "not from here" not in listed
    assert "was sent again since 1000" in harness("submissions", "dogs-vs-cats", "--wait", "1000").err
    file.write_text("id,label\n1,0.5\n")
    refused = harness("upload", "dogs-vs-cats", file)
    assert refused.code == 2 and "29 ids are missing" in refused.err and stub.calls["CreateSubmission"] == 2
    assert "no file" in harness("upload", "dogs-vs-cats", tmp_path / "none.csv").err


def test_a_submission_in_doubt_is_listed_as_such(dogs: Workspace, stub, harness):
    stub.slug = REDUX
    ledger = Ledger(dogs.submissions("dogs_vs_cats") / "ledger.csv")
    made = {"slug": REDUX, "file": "x.csv", "sha256": "0" * 64, "recipe": "", "run": ""}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "PATIENCE", dataclasses.replace(SHORT, doubt=900))
        ledger.append(Entry(time=now(), status="sending", **made))
        listed = harness("submissions", "dogs-vs-cats")
    assert listed.code == 0 and "in doubt" in listed.out, listed.err
    assert "x.csv is not sent again before" in listed.out and ledger.latest()[0].status == "sending"
    assert harness("submissions", "dogs-vs-cats").code == 0
    assert ledger.latest()[0].status == "sending"  # an empty list proves nothing where submissions were made


def test_what_is_known_of_a_files_run_stays_when_it_is_sent_by_its_name(dogs: Workspace, stub, harness, tmp_path: Path):
    stub.slug, stub.archive = REDUX, redux()
    assert harness("download", "dogs-vs-cats").code == 0
    file = tmp_path / "blend-0123.csv"
    file.write_text("id,label\n" + "".join(f"{n},{n / 100}\n" for n in range(1, 31)))
    ledger = Ledger(dogs.submissions("dogs_vs_cats") / "ledger.csv")
    made = {"slug": REDUX, "file": file.name, "sha256": digest(file), "recipe": "blend", "run": "0123", "holdout": 0.3}
    ledger.append(Entry(time=now(), status="failed", message="the blend", **made))
    assert harness("upload", "dogs-vs-cats", file).code == 0
    (last,) = ledger.latest()
    assert (last.status, last.recipe, last.run, last.holdout) == ("complete", "blend", "0123", 0.3)
    assert last.message == "the blend" and last.public == 0.5


def test_a_smoke_run_does_not_spend_a_submission(dogs: Workspace, stub, harness):
    refused = harness("submit", "dogs-vs-cats", "--upload", "--smoke")
    assert refused.code == 2 and "would spend a submission" in refused.err and not stub.calls.total()


def test_a_private_score_is_never_placed_on_a_public_board(dogs: Workspace, stub, harness):
    """The shipped points are those of the private board; the downloaded board is the public one."""
    stub.slug = REDUX
    stub.board = zipped({"board.csv": b"Score\n" + b"".join(b"%.5f\n" % (n / 10_000) for n in range(1, 401))})
    assert harness("leaderboard", "dogs-vs-cats", "--download").code == 0
    found = boards(dogs, loading.load(dogs, "dogs-vs-cats"))
    assert found.place(0.0291, 0.05038)[0] == "private" and found.rank(0.0291, 0.05038) == 65
    assert found.place(0.0291, None)[0] == "public" and found.rank(0.0291, None) == 291
    stub.private_board = ["0.02", "0.06", "0.07"]
    done = harness("leaderboard", "dogs-vs-cats", "--private")
    assert done.code == 0 and "Kaggle's private leaderboard, 3 teams" in done.err, done.err
    assert "3 teams; by Kaggle's rules" in done.out
    known = boards(dogs, loading.load(dogs, "dogs-vs-cats"))
    assert known.rank(0.0291, 0.05038) == 2 == known.expected.standing(0.05038).rank
    stub.private_board = []
    refused = harness("leaderboard", "dogs-vs-cats", "--private")
    assert refused.code == 2 and "no private leaderboard" in refused.err


def test_a_dry_run_shows_all_and_sends_nothing(dogs: Workspace, stub, harness):
    stub.slug, stub.archive = REDUX, redux()
    done = harness("submit", "dogs-vs-cats", "--upload", "--dry-run")
    assert done.code == 0
    for told in ("would send: submissions/dogs_vs_cats/blend-", "sha256", f"to: {REDUX}", "with the message: blend"):
        assert told in done.out
    assert not stub.calls["StartSubmissionUpload"] and not list(dogs.root.glob("submissions/*/ledger.csv"))


def test_what_stands_in_the_way_of_an_upload_is_told_before_any_work(dogs: Workspace, stub, harness):
    stub.slug, stub.limits = REDUX, {"numToday": 5, "numTotal": 12}
    refused = harness("submit", "dogs-vs-cats", "--upload")
    assert refused.code == 2 and "no submission to dogs-vs-cats-redux" in refused.err and "12 in all" in refused.err
    assert not stub.calls["DownloadDataFiles"] and not (dogs.root / "data").exists()


def test_the_closed_edition_is_explained_before_training(dogs: Workspace, no_credentials, harness):
    file = dogs.competition("dogs_vs_cats") / "competition.py"
    edit(file, f'slug="{REDUX}"', 'slug="dogs-vs-cats"')
    for more in ((), ("--dry-run",)):
        refused = harness("submit", "dogs-vs-cats", "--upload", *more)
        assert refused.code == 2 and "dogs-vs-cats is closed" in refused.err and REDUX in refused.err
    assert not (dogs.root / "data").exists() and not (dogs.root / "runs").exists()


def test_without_credentials_nothing_is_done_and_it_is_said_where_to_get_them(dogs, no_credentials, harness):
    for command in (("submit", "dogs-vs-cats", "--upload"),):
        refused = harness(*command)
        assert refused.code == 2 and "no Kaggle credentials" in refused.err and "kaggle.com/settings" in refused.err
    assert "no data for dogs_vs_cats" in harness("submit", "dogs-vs-cats").err  # and no download is tried


def test_downloads_of_data_and_leaderboard_do_not_meet(dogs: Workspace, stub, harness):
    stub.slug, stub.archive = REDUX, redux()
    stub.board = zipped({"board.csv": b"TeamId,TeamName,SubmissionDate,Score\n1,a,2017,0.03\n2,b,2017,0.04\n"})
    assert harness("leaderboard", "dogs-vs-cats", "--download").code == 0
    done = harness("download", "dogs-vs-cats")
    assert done.code == 0 and "harness prepare dogs_vs_cats --data data/dogs_vs_cats/raw" in done.out
    assert (dogs.raw("dogs_vs_cats") / f"{REDUX}.zip").read_bytes() == stub.archive
    shown = harness("leaderboard", "dogs-vs-cats")
    assert shown.code == 0 and "2 teams" in shown.out and "0.04" in shown.out and "harness submit" in shown.out
    assert harness("prepare", "dogs-vs-cats").code == 0


def test_cifar10_whose_archive_holds_7zs(workspace: Workspace, stub, harness, tmp_path: Path):
    shutil.copytree(CHECKOUT / "competitions" / "cifar10", workspace.competition("cifar10"))
    inside = {
        "trainLabels.csv": b"id,label\n" + b"".join(b"%d,%s\n" % (n, b"cat dog".split()[n % 2]) for n in range(40))
    }
    for name, count in (("train", 40), ("test", 4)):
        with py7zr.SevenZipFile(tmp_path / f"{name}.7z", "w") as archive:
            for number in range(count):
                archive.writestr(jpeg(number % 2, number), f"{name}/{number}.jpg")
        inside[f"{name}.7z"] = (tmp_path / f"{name}.7z").read_bytes()
    stub.slug, stub.archive = "cifar-10", zipped(inside)
    done = harness("download", "cifar10")
    assert done.code == 0, done.err
    assert "harness prepare cifar10 --data data/cifar10/raw" in done.out
    assert len([*(workspace.data("cifar10") / "unpacked").rglob("test/*.jpg")]) == 4
    done = harness("prepare", "cifar10")
    assert done.code == 0, done.err


def test_data_without_the_organisers_test_cannot_be_uploaded(dogs: Workspace, stub, harness):
    stub.slug = REDUX
    stub.archive = zipped({f"train/{name}.{n}.jpg": jpeg(n % 2, n) for name in ("cat", "dog") for n in range(12)})
    refused = harness("submit", "dogs-vs-cats", "--upload")
    assert refused.code == 2 and "has no test images" in refused.err and not (dogs.root / "runs").exists()
