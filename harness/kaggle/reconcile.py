"""What Kaggle's list of submissions says about the files in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.kaggle.ledger import COMPLETE, ERROR, FAILED, PENDING, SENDING, UPLOADING, Entry, stamp

# This many characters of the file's hash in the message identify the file on any machine.
TAG = 12


@dataclass(frozen=True)
class Listing:
    """Kaggle's list at one time.

    Args:
        rows: as ``Client.submissions`` returns them.
        time: when it was asked for.
        none_made: asks Kaggle, by another call, whether no submission was ever made. An empty list alone proves
            nothing: an answer that lost its content looks the same.
    """

    rows: list[dict[str, Any]]
    time: datetime
    none_made: Callable[[], bool]


def tag(sha256: str) -> str:
    """What identifies a file in its submission's message."""
    return f"[{sha256[:TAG]}]"


def doubt_ends(entry: Entry, doubt: float) -> datetime:
    """Until when a file that Kaggle was asked to file is not sent again, without a trace of it."""
    try:
        began = datetime.fromisoformat(entry.time)
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
    except ValueError:
        began = datetime.now(UTC)
    return began + timedelta(seconds=doubt + 1)  # the ledger's times are whole seconds


def tagged(rows: list[dict[str, Any]], sha256: str, known: set[str]) -> list[dict[str, Any]]:
    """The submissions of a file, by the tag in their message, without those already known; the newest first."""
    return [row for row in rows if tag(sha256) in row["message"] and row["reference"] not in known | {""}]


def references(entries: list[Entry], sha256: str | None = None) -> set[str]:
    """Kaggle's references in the ledger, of all files or of one."""
    return {entry.reference for entry in entries if entry.reference and sha256 in (None, entry.sha256)}


def changes(
    entries: list[Entry], listing: Listing, doubt: float, rank: Callable[[float | None, float | None], int | None]
) -> list[Entry]:
    """New lines for the ledger. Nobody may be uploading anything at the time.

    A file that was being uploaded was not submitted, because a submission is noted before it is made. One that Kaggle
    was asked to file has arrived if it is listed; it has not if it is not listed once ``doubt`` seconds have passed,
    and if nothing speaks for the list being incomplete. Until then nothing is known.

    Args:
        entries: all lines about the competition.
        listing: Kaggle's list.
        doubt: seconds.
        rank: gives the rank of a public and a private score.
    """
    by_reference = {row["reference"]: row for row in listing.rows if row["reference"]}
    new = []
    for entry in {entry.sha256: entry for entry in entries}.values():
        row = by_reference.get(entry.reference)
        if row is None and not entry.reference:
            row = next(iter(tagged(listing.rows, entry.sha256, references(entries, entry.sha256))), None)
        if row is not None:
            updated = with_row(entry, row, rank)
            if updated.changed(time="") != entry.changed(time=""):
                new.append(updated.changed(time=stamp(listing.time)))
        elif entry.status == UPLOADING or (
            entry.status == SENDING
            and listing.time >= doubt_ends(entry, doubt)
            and _proves_absence(listing, entries, entry)
        ):
            new.append(undone(entries, entry, listing.time))
    return new


def undone(entries: list[Entry], attempt: Entry, time: datetime) -> Entry:
    """What stands of a file once an attempt to send it came to nothing: what was known before, else that it failed.

    Before an attempt that was asked for ``again``, the file may have arrived, or been in doubt: it still is.

    Args:
        entries: all lines about the competition.
        attempt: the last line of the attempt, which began with one that it is being uploaded.
        time: when it was known.
    """
    of_file = [entry for entry in entries if entry.sha256 == attempt.sha256]
    began = max((place for place, entry in enumerate(of_file) if entry.status == UPLOADING), default=0)
    # A list that proves that the last request came to nothing proves it of those before.
    over = (UPLOADING, SENDING) if attempt.status == SENDING else (UPLOADING,)
    before = [entry for entry in of_file[:began] if entry.status not in over]
    if before and not before[-1].resendable:
        return before[-1]  # at its own time, by which a doubt ends
    return attempt.changed(time=stamp(time), status=FAILED)


def _proves_absence(listing: Listing, entries: list[Entry], entry: Entry) -> bool:
    """Whether a list without a file means that Kaggle does not have it."""
    if any(
        not row["reference"] and (not row["message"] or tag(entry.sha256) in row["message"]) for row in listing.rows
    ):
        return False  # a row that cannot be read may be the file's
    if not references(entries) <= {row["reference"] for row in listing.rows}:
        return False  # what it is known to have is missing too
    return bool(listing.rows) or listing.none_made()


def with_row(entry: Entry, row: dict[str, Any], rank: Callable[[float | None, float | None], int | None]) -> Entry:
    """An entry with the state of Kaggle's submission. A status that is not known changes none that is."""
    status = row["status"] if row["status"] in (PENDING, COMPLETE, ERROR) else None
    if status is None:
        status = entry.status if entry.status in (PENDING, COMPLETE, ERROR) else PENDING
    return entry.changed(
        time=entry.time,
        status=status,
        reference=row["reference"],
        public=row["public"],
        private=row["private"],
        rank=rank(row["public"], row["private"]),
    )
