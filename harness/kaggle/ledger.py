"""The ledger of files sent to Kaggle: one append-only CSV per competition.

Each line holds everything known about one file at one time, and the last line about a file is the valid one. A line
with the status "uploading" is written before a file is uploaded, and one with the status "sending" before Kaggle is
asked to file it, so that a file with an unknown result is never sent again by accident.
"""

from __future__ import annotations

import csv
import dataclasses
import errno
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.utils.errors import UserError
from harness.utils.files import lock

FILE = "ledger.csv"  # in the folder of a competition's CSVs
# Being uploaded, nothing submitted yet; Kaggle was asked to file it and has not answered.
UPLOADING, SENDING = "uploading", "sending"
# At Kaggle without a score; scored; rejected by Kaggle; not arrived.
PENDING, COMPLETE, ERROR, FAILED = "pending", "complete", "error", "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the ledger.

    Args:
        time: the time of writing, UTC.
        slug: the competition's name on Kaggle.
        file: the name of the CSV.
        sha256: the hash of its content.
        recipe: the recipe that made it.
        run: the key of the run.
        holdout: the score on the hold-out.
        out_of_fold: the out-of-fold score.
        message: the message sent with it.
        status: "uploading", "sending", "pending", "complete", "error" or "failed".
        reference: Kaggle's number for the submission.
        public: the score on the public leaderboard.
        private: the score on the private leaderboard.
        forecast: the rank forecast from the hold-out score.
        forecast_best: the best rank in the interval of the hold-out score.
        forecast_worst: the worst rank in it; 0 for below the last known rank.
        rank: the rank of Kaggle's score among the known points of the leaderboard.
    """

    time: str
    slug: str
    file: str
    sha256: str
    recipe: str
    run: str
    holdout: float | None = None
    out_of_fold: float | None = None
    message: str = ""
    status: str = UPLOADING
    reference: str = ""
    public: float | None = None
    private: float | None = None
    forecast: int | None = None
    forecast_best: int | None = None
    forecast_worst: int | None = None
    rank: int | None = None

    @property
    def resendable(self) -> bool:
        """Whether the file may be sent again: it did not arrive, or Kaggle could not score it."""
        return self.status in (FAILED, ERROR)

    def changed(self, **changes: object) -> Entry:
        """A later entry for the same file."""
        return dataclasses.replace(self, **({"time": now()} | changes))  # type: ignore[arg-type]

    def __str__(self) -> str:
        score = "" if self.public is None else f", public score {self.public:g}"
        return f"{self.status}{score}, reference {self.reference or 'unknown'}, {self.time}"


FIELDS = {field.name: str(field.type) for field in dataclasses.fields(Entry)}


@dataclass(frozen=True)
class Ledger:
    """A competition's ledger.

    Args:
        path: the CSV.
    """

    path: Path

    def append(self, *entries: Entry) -> None:
        """Append entries, one whole line each, and flush them to disk before returning."""
        with lock(self.path, "the ledger of submissions"), open(self.path, "ab+", 0, opener=_private) as file:
            size = file.seek(0, os.SEEK_END)
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            if size == 0:
                table.writerow(FIELDS)
            else:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    text.write("\n")  # so that a truncated line from a killed process stays a line of its own
            for entry in entries:
                table.writerow([_cell(value) for value in dataclasses.astuple(entry)])
            content = text.getvalue().encode()
            try:
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)  # half a line would be in the way of every later command
                raise

    def entries(self) -> list[Entry]:
        """All entries, in the order of writing.

        Raises:
            UserError: a line cannot be read, so it is unknown what was sent before.
        """
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            entries = []
            for line_number, row in enumerate(csv.reader(file), 1):
                if line_number == 1 and row == [*FIELDS]:
                    continue
                try:
                    if len(row) != len(FIELDS):
                        raise ValueError(f"{len(row)} cells instead of {len(FIELDS)}")
                    values = {name: _value(FIELDS[name], cell) for name, cell in zip(FIELDS, row, strict=True)}
                    entries.append(Entry(**values))  # type: ignore[arg-type]
                except ValueError as error:
                    raise UserError(
                        f"{self.path}, line {line_number}: {error}. Without it, it is unknown what was sent before.",
                        "fix that line by hand, or delete it if it was cut off while being written",
                    ) from None
        return entries

    def latest(self) -> list[Entry]:
        """The last entry for each file, in the order in which the files were first sent."""
        return [*{(entry.slug, entry.sha256): entry for entry in self.entries()}.values()]

    def sent(self, slug: str) -> dict[str, str]:
        """The state of each file that is not to be sent again, by its hash."""
        return {entry.sha256: str(entry) for entry in self.latest() if entry.slug == slug and not entry.resendable}


def stamp(time: datetime) -> str:
    """A time as the ledger writes it, UTC."""
    return time.astimezone(UTC).isoformat(timespec="seconds")


def now() -> str:
    return stamp(datetime.now(UTC))


def agreement(entries: Iterable[Entry]) -> str | None:
    """How well hold-out scores predict public scores, in words; None with fewer than three submissions with both."""
    import numpy as np
    from scipy.stats import spearmanr

    pairs = [
        (entry.holdout, entry.public) for entry in entries if entry.holdout is not None and entry.public is not None
    ]
    if len(pairs) < 3:
        return None
    holdout, public = np.array(pairs, float).T
    if len({*holdout}) == 1 or len({*public}) == 1:
        return f"{len(pairs)} scored submissions, all with the same score"
    pearson, spearman = np.corrcoef(holdout, public)[0, 1], spearmanr(holdout, public).statistic
    return f"hold-out and public scores of {len(pairs)} submissions: r = {pearson:.2f}, rank correlation {spearman:.2f}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else " ".join(str(value).split())


def _value(kind: str, cell: str) -> str | float | int | None:
    if kind == "str":
        return cell
    if cell == "":
        return None
    return float(cell) if kind.startswith("float") else int(cell)


def _private(path: str, flags: int) -> int:
    """Open a file; if it is new, nobody but its owner may read it."""
    return os.open(path, flags, 0o600)
