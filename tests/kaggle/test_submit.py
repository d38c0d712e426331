"""Sending a file: seen to before, sent once, and never thought sent when it was not, whatever Kaggle does."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.kaggle import reconcile
from harness.kaggle.client import Client
from harness.kaggle.failures import KaggleError
from harness.kaggle.ledger import Entry, Ledger
from harness.kaggle.submit import Clock, Sender
from harness.kaggle.words import LONGEST_MESSAGE, message, verdict
from harness.scoring.lint import Defect, digest
from harness.utils.errors import UserError
from tests.kaggle.conftest import SECRET, SHORT

TEXT = "id,label\n1,cat\n"


class Fake:
    """A Kaggle in memory, for what is ours to decide.

    Args:
        faults: exceptions that the next calls of a method raise; None for none.
    """

    slug = "pets"
    patience = SHORT

    def __init__(self, **faults: list[Exception | None]) -> None:
        self.faults = faults
        self.list: list[dict[str, Any]] = []
        self.told = {
            "disabled": False, "notebooks_only": False, "entered": True, "left": 4, "today": 1, "total": 7,
            "deadline": "2017-03-02T00:00:00",
        }  # fmt: skip
        self.scored: dict[str, Any] = {"status": "complete", "public": 0.5, "private": 0.25}

    def _fail(self, method: str) -> None:
        waiting = self.faults.get(method)
        if waiting and (fault := waiting.pop(0)) is not None:
            raise fault

    def about(self) -> dict[str, Any]:
        self._fail("about")
        return self.told

    def submit(self, file: Path, text: str, hold: Path, uploaded: Callable[[], None], sent: Callable) -> str:
        self._fail("before")
        uploaded()
        self._fail("asked")
        reference = str(1000 + len(self.list))
        self.list.insert(0, {
            "reference": reference, "date": "2026", "file": file.name, "message": text, "status": "pending",
            "why": "", "public": None, "private": None,
        })  # fmt: skip
        self._fail("after")
        return reference

    def submissions(self) -> list[dict[str, Any]]:
        self._fail("submissions")
        return self.list

    def submission(self, reference: str) -> dict[str, Any]:
        self._fail("submission")
        return next(one for one in self.list if one["reference"] == reference) | self.scored


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "blend-0123.csv"
    made.write_text(TEXT)
    return made


def entry(file: Path) -> Entry:
    sha256 = digest(file)
    return Entry(
        time="2026", slug="pets", file=file.name, sha256=sha256, recipe="blend", run="0123", holdout=0.3,
        message=message("try", sha256), forecast=30, forecast_best=20, forecast_worst=61,
    )  # fmt: skip


def sender(client: Any, file: Path) -> Sender:
    return Sender(client, Ledger(file.with_name("ledger.csv")), place, "pets")


def place(public: float | None, private: float | None) -> int | None:
    return None if private is None else int(private * 100)


def test_two_attempts_that_never_arrived_are_over_once_a_list_proves_it(file):
    found = sender(Fake(asked=[passing()]), file)
    found.destination.told["total"] = 1
    with pytest.raises(UserError, match="unknown whether the file arrived"):
        found.send(file, entry(file), [])
    found.destination.faults = {"before": [KaggleError("No.", "x", status=403)]}
    with pytest.raises(KaggleError):
        found.send(file, entry(file), [], again=True)
    assert stands(found) == [("sending", "")], "the first attempt is still in doubt"
    found.destination.told["total"] = 0
    found.refresh()
    assert stands(found) == [("failed", "")]
    lines = len(found.ledger.entries())
    found.refresh()
    assert len(found.ledger.entries()) == lines
    assert found.send(file, entry(file), []).reference == "1000" and len(found.destination.list) == 1


def test_one_sent_again_that_did_not_arrive_is_told_though_the_first_one_is_there(file):
    found = sender(Fake(), file)
    found.wait(found.send(file, entry(file), []))
    found.destination.faults = {"asked": [passing()]}
    with pytest.raises(UserError, match="did not arrive"):
        found.send(file, entry(file), [], again=True)
    assert found.last(entry(file).sha256).reference == "1000" and len(found.destination.list) == 1


class Dead(BaseException):
    """The process was killed."""


def stands(found: Sender) -> list[tuple[str, str]]:
    return [(one.status, one.reference) for one in found.ledger.latest()]


# Before anything is sent.


@pytest.mark.parametrize(
    ("changes", "told", "mend"),
    [
        ({"disabled": True}, "accepts no more submissions", "kaggle.com/c/pets"),
        ({"notebooks_only": True}, "accepts only notebooks", "notebook"),
        ({"left": 0, "today": 5}, "no submission to pets is left: 5 were made today", "after midnight UTC"),
        ({"left": 0, "today": 0, "total": 0, "entered": False}, "has not joined", "kaggle.com/c/pets/rules"),
    ],
)
def test_what_stands_in_the_way_is_told_before(no_credentials, monkeypatch, file, changes, told, mend):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    client = Fake()
    assert "4 submissions left today (1 made); deadline 2017-03-02" in sender(client, file).preflight()
    client.told |= changes
    with pytest.raises(UserError, match=told) as refused:
        sender(client, file).preflight()
    assert mend in refused.value.fix


def test_a_first_submission_is_not_taken_for_a_quota_used_up(no_credentials, monkeypatch, file):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    client = Fake()
    client.told |= {"left": 0, "today": 0, "total": 0}
    assert "the first submission" in sender(client, file).preflight()


def test_the_closed_edition_is_explained_without_a_call(no_credentials, file):
    client = Fake(about=[AssertionError("nobody was to be asked")])
    client.slug = "dogs-vs-cats"
    with pytest.raises(UserError, match="dogs-vs-cats is closed") as refused:
        sender(client, file).preflight()
    assert "dogs-vs-cats-redux-kernels-edition" in refused.value.fix


def test_without_credentials_nobody_is_asked(no_credentials, file):
    with pytest.raises(UserError, match="no Kaggle credentials"):
        sender(Fake(about=[AssertionError()]), file).preflight()


def test_a_file_with_an_error_is_not_sent_and_a_warning_is_no_error(file):
    found = sender(Fake(), file)
    with pytest.raises(UserError, match="is not sent:\n  - constant\n  - missing"):
        wrong = [Defect("a", "constant", "error"), Defect("b", "formula", "warning"), Defect("c", "missing", "fatal")]
        found.send(file, entry(file), wrong)
    assert found.destination.list == [] and found.ledger.entries() == []
    assert found.send(file, entry(file), [Defect("b", "formula", "warning")]).status == "pending"


# Sending once.


def test_a_file_is_sent_scored_and_written_down(file):
    found = sender(Fake(), file)
    scored = found.wait(found.send(file, entry(file), []))
    assert (scored.status, scored.public, scored.private, scored.rank) == ("complete", 0.5, 0.25, 25)
    assert [one.status for one in found.ledger.entries()] == ["uploading", "sending", "pending", "complete"]
    assert verdict(scored) == (
        "forecast from the hold-out: about rank 30, between 20 and 61; by Kaggle's score rank 25: inside"
    )
    outside = dataclasses.replace(scored, rank=62)
    assert "outside" in verdict(outside) and "inside" in verdict(dataclasses.replace(outside, forecast_worst=0))
    assert verdict(dataclasses.replace(scored, rank=None)) is None


def test_the_same_file_is_never_sent_twice_from_here_or_from_another_machine(file, tmp_path: Path, capsys):
    client = Fake()
    first = sender(client, file)
    first.send(file, entry(file), [])
    assert first.send(file, entry(file), []).reference == "1000"
    assert "was sent before: pending, reference 1000" in capsys.readouterr().err
    elsewhere = Sender(client, Ledger(tmp_path / "other" / "ledger.csv"), place, "pets")
    assert elsewhere.send(file, entry(file), []).reference == "1000"
    assert "was sent before: pending, reference 1000" in capsys.readouterr().err
    assert len(client.list) == 1


def test_a_scored_file_is_told_without_asking_anybody(file):
    found = sender(Fake(), file)
    scored = found.wait(found.send(file, entry(file), []))
    found.destination.faults = {"submissions": [AssertionError("nobody was to be asked")]}
    assert found.send(file, entry(file), []) == scored


def test_it_is_sent_again_when_that_is_asked_for(file):
    found = sender(Fake(), file)
    found.wait(found.send(file, entry(file), []))
    assert found.send(file, entry(file), [], again=True).reference == "1001"
    assert stands(found) == [("pending", "1001")] and len(found.destination.list) == 2


class Lagging(Fake):
    """A Kaggle that lists nothing before so many looks."""

    looks = 0

    def submissions(self) -> list[dict[str, Any]]:
        self.looks -= 1
        return [] if self.looks >= 0 else super().submissions()


@pytest.mark.parametrize("trouble", [KaggleError("No.", "x", status=403), KeyboardInterrupt(), Dead()])
@pytest.mark.parametrize("before", ["scored", "in doubt"])
def test_an_attempt_that_comes_to_nothing_leaves_what_was_known(file, trouble, before):
    client = Lagging(after=[passing()] if before == "in doubt" else [])
    found = sender(client, file)
    if before == "scored":
        found.wait(found.send(file, entry(file), []))
    else:
        client.looks = 1000
        with pytest.raises(UserError, match="unknown whether the file arrived"):
            found.send(file, entry(file), [])
    known = found.last(entry(file).sha256)
    client.faults = {"before": [trouble]}
    with pytest.raises(type(trouble)):
        found.send(file, entry(file), [], again=True)
    if isinstance(trouble, Dead):
        assert stands(found) == [("uploading", "")]  # nothing was put in order
    else:
        last = found.last(entry(file).sha256)
        assert last.reference == known.reference and not last.resendable
    client.looks = 0
    assert found.send(file, entry(file), []).reference == "1000" and len(client.list) == 1


def passing(text: str = "Lost.", **more) -> KaggleError:
    return KaggleError(text, "again", True, **more)


def test_one_that_arrived_though_the_answer_was_lost_is_known_to_have(file):
    found = sender(Fake(after=[passing()]), file)
    assert found.send(file, entry(file), []).reference == "1000"
    assert stands(found) == [("pending", "1000")] and len(found.destination.list) == 1


def test_passing_trouble_before_the_submission_is_waited_out_as_long_as_kaggle_asks(file):
    waited: list[float] = []
    found = sender(Fake(before=[passing(wait=7.0), passing()], submissions=[passing(wait=3.0)]), file)
    found = dataclasses.replace(found, clock=Clock(sleep=waited.append))
    assert found.send(file, entry(file), []).status == "pending"
    assert waited == [3.0, 7.0, pytest.approx(1.5 * SHORT.retry)] and len(found.destination.list) == 1


def test_what_failed_before_the_submission_may_be_sent_again_at_once(file):
    found = sender(Fake(before=[passing()] * 3), file)
    with pytest.raises(KaggleError, match="Lost"):
        found.send(file, entry(file), [])
    assert stands(found) == [("failed", "")]
    assert found.send(file, entry(file), []).status == "pending" and len(found.destination.list) == 1


def test_one_in_doubt_is_looked_for_until_it_is_listed(file, capsys):
    client = Lagging(after=[passing()])
    client.looks = 4
    found = sender(client, file)
    assert found.send(file, entry(file), []).reference == "1000" and len(client.list) == 1
    told = capsys.readouterr().err
    assert "Kaggle was asked to file blend-0123.csv and does not list it yet. blend-0123.csv is not sent again" in told


def test_one_in_doubt_that_is_not_listed_in_time_did_not_arrive(file):
    found = sender(Fake(asked=[passing()]), file)
    found.destination.told["total"] = 0
    with pytest.raises(UserError, match=r"blend-0123.csv did not arrive"):
        found.send(file, entry(file), [])
    assert stands(found) == [("failed", "")]


def test_an_empty_list_proves_nothing_when_something_was_made(file):
    client = Lagging(after=[passing()])
    client.looks = 1000
    found = sender(client, file)
    for _ in range(2):
        with pytest.raises(UserError, match="It is unknown whether the file arrived, and it is not sent again") as told:
            found.send(file, entry(file), [])
        assert "harness upload pets FILE --again" in told.value.fix
    assert stands(found) == [("sending", "")] and len(client.list) == 1
    client.looks = 0
    assert found.send(file, entry(file), []).reference == "1000" and len(client.list) == 1


def test_what_kaggle_refused_to_file_is_told_at_once_and_stays_in_doubt(file):
    found = sender(Fake(after=[KaggleError("No.", "accept the rules", status=403)]), file)
    with pytest.raises(KaggleError, match=r"No\. To be safe, blend-0123.csv is not sent again before"):
        found.send(file, entry(file), [])
    assert stands(found) == [("sending", "")]


def test_one_that_kaggle_could_not_score_may_be_sent_again_and_is_not_taken_for_the_old_one(file):
    found = sender(Fake(), file)
    found.destination.scored = {"status": "error", "why": "busy", "public": None, "private": None}
    with pytest.raises(UserError, match="Kaggle rejected"):
        found.wait(found.send(file, entry(file), []))
    found.destination.list[0]["status"] = "error"
    found.destination.faults = {"after": [passing()]}
    assert found.send(file, entry(file), []).reference == "1001"
    assert stands(found) == [("pending", "1001")] and len(found.destination.list) == 2


def test_ctrl_c_while_sending_leaves_what_the_next_look_settles(file, capsys):
    found = sender(Fake(after=[KeyboardInterrupt()]), file)
    with pytest.raises(KeyboardInterrupt):
        found.send(file, entry(file), [])
    assert stands(found) == [("sending", "")]
    assert "It is unknown whether blend-0123.csv arrived" in capsys.readouterr().err
    assert found.send(file, entry(file), []).reference == "1000"
    assert stands(found) == [("pending", "1000")] and len(found.destination.list) == 1


def test_ctrl_c_while_uploading_submits_nothing(file, capsys):
    found = sender(Fake(before=[KeyboardInterrupt()]), file)
    with pytest.raises(KeyboardInterrupt):
        found.send(file, entry(file), [])
    assert stands(found) == [("failed", "")] and "Nothing was submitted" in capsys.readouterr().err


def test_an_old_row_that_cannot_be_read_is_in_nobodys_way(file):
    found = sender(Fake(), file)
    bad = {"reference": "", "date": "", "file": "", "message": "", "status": "odd", "why": "", "public": None}
    found.destination.list = [bad | {"private": None}, bad | {"reference": "7", "private": None}]
    assert found.send(file, entry(file), []).status == "pending"


# Waiting.


def test_ctrl_c_while_waiting_loses_nothing(file, capsys):
    found = sender(Fake(submission=[None, KeyboardInterrupt()]), file)
    found.destination.scored = {}
    sent = found.send(file, entry(file), [])
    with pytest.raises(KeyboardInterrupt):
        found.wait(sent)
    assert "Kaggle has blend-0123.csv as 1000" in capsys.readouterr().err and stands(found) == [("pending", "1000")]
    found.destination.list[0] |= {"status": "complete", "public": 0.5}
    found.refresh()
    assert stands(found) == [("complete", "1000")] and found.ledger.latest()[0].public == 0.5
    lines = len(found.ledger.entries())
    found.refresh()
    assert len(found.ledger.entries()) == lines  # what has not changed is not written again


def test_passing_trouble_is_told_once_and_waited_through(file, capsys):
    found = sender(Fake(submission=[passing("Busy."), passing("Busy."), passing("Away.")]), file)
    assert found.wait(found.send(file, entry(file), [])).status == "complete"
    told = capsys.readouterr().err
    assert told.count("Busy.") == 1 and told.count("Away.") == 1
    found = sender(Fake(submission=[KaggleError("Gone.", "look")]), file.with_name("other.csv"))
    with pytest.raises(KaggleError, match="Gone"):
        found.wait(entry(file).changed(status="pending", reference="1000"))


def test_a_score_that_does_not_come_is_not_waited_for_forever(file):
    found = sender(Fake(), file)
    found.destination.scored = {}
    found.destination.patience = dataclasses.replace(SHORT, score=0.3)
    started = time.monotonic()
    assert found.wait(found.send(file, entry(file), [])).status == "pending"
    assert 0.3 <= time.monotonic() - started < 60


def test_a_file_that_kaggle_refuses_is_told_with_its_reason(file):
    found = sender(Fake(), file)
    found.destination.scored = {"status": "error", "why": "\x1b[2JWrong columns"}
    with pytest.raises(UserError, match=r"Kaggle rejected blend-0123.csv \(reference 1000\): \[2JWrong columns"):
        found.wait(found.send(file, entry(file), []))
    assert stands(found) == [("error", "1000")]


def test_a_message_is_one_line_not_endless_and_holds_the_files_tag():
    assert message("a\nb", "0123456789abcdef") == "a b [0123456789ab]"
    assert len(message("x" * 10_000, "0" * 64)) == LONGEST_MESSAGE + reconcile.TAG + 3


# The same, with the real client at a server's mercy.


def test_a_list_in_short_pages_is_read_to_its_end(stub, file):
    sent = sender(Client(stub.slug), file).send(file, entry(file), [])
    older = [{"ref": n, "description": f"old {n}", "status": "COMPLETE", "publicScore": "None"} for n in range(1, 8)]
    stub.submissions = [one | {"sha256": "", "polls": 0} for one in older] + stub.submissions
    stub.page_cap = 3
    elsewhere = Sender(Client(stub.slug), Ledger(file.parent / "other" / "ledger.csv"), place, "pets")
    assert elsewhere.send(file, entry(file), []).reference == sent.reference
    assert stub.calls["CreateSubmission"] == 1


@pytest.mark.slow
def test_a_score_is_waited_for_through_all_kinds_of_trouble(stub, file):
    stub.pending = 2
    stub.faults["GetSubmission"] = [500, {"ref": 1000, "status": "REHEATING"}, "html", 429, 404, "drop"]
    found = sender(Client(stub.slug, dataclasses.replace(SHORT, score=60)), file)
    assert found.wait(found.send(file, entry(file), [])).public == 0.5
    assert stub.calls["CreateSubmission"] == 1
