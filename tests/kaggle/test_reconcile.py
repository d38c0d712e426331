"""What Kaggle's list proves of a file in doubt, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harness.kaggle.ledger import COMPLETE, FAILED, PENDING, SENDING, Entry
from harness.kaggle.reconcile import Listing, changes, doubt_ends, tag

BEGAN, DOUBT = datetime(2026, 1, 1, tzinfo=UTC), 900.0
SHA, OTHER = "0123456789ab" + "0" * 52, "f" * 64


def entry(sha256: str = SHA, **made: Any) -> Entry:
    usual = {"time": BEGAN.isoformat(), "slug": "pets", "file": "x.csv", "recipe": "", "run": "", "status": SENDING}
    return Entry(sha256=sha256, **(usual | made))


def row(reference: str = "7", message: str = "an old one", status: str = COMPLETE) -> dict[str, Any]:
    return {"reference": reference, "message": message, "status": status, "public": None, "private": None}


def found(entries: list[Entry], rows: list[dict[str, Any]], made: bool = True) -> list[tuple[str, str, str]]:
    listing = Listing(rows, BEGAN + timedelta(seconds=DOUBT + 1), lambda: not made)
    return [(one.sha256, one.status, one.reference) for one in changes(entries, listing, DOUBT, lambda *_: None)]


KNOWN = entry(OTHER, status=COMPLETE, reference="7")
DID_NOT_ARRIVE: list[tuple[str, str, str]] = [(SHA, FAILED, "")]


@pytest.mark.parametrize(
    ("entries", "rows", "made", "expected"),
    [
        ([entry()], [row()], True, DID_NOT_ARRIVE),
        ([entry()], [], False, DID_NOT_ARRIVE),
        ([entry()], [], True, []),  # empty, although something was made
        ([KNOWN, entry()], [row("7")], True, DID_NOT_ARRIVE),
        ([KNOWN, entry()], [row("8")], True, []),  # what is known to be there is missing too
        ([entry()], [row(), row("", "")], True, []),  # a row that cannot be read may be the file's
        ([entry()], [row(), row("", f"x {tag(SHA)}")], True, []),
        ([entry()], [row(), row("", "another's")], True, DID_NOT_ARRIVE),
        ([entry()], [row("9", f"x {tag(SHA)}", "odd")], True, [(SHA, PENDING, "9")]),
        ([entry(status=COMPLETE, reference="7")], [row("7", status="odd")], True, []),  # a state that is known stays
    ],
)
def test_a_file_did_not_arrive_only_where_the_list_is_whole(entries, rows, made: bool, expected):
    assert found(entries, rows, made) == expected


def test_a_time_without_a_zone_is_utc():
    assert doubt_ends(entry(time="2026-01-01T00:00:00"), DOUBT) == BEGAN + timedelta(seconds=DOUBT + 1)
