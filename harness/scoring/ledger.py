"""The ledger of what was sent to Kaggle: one CSV a competition, to which lines are only ever added.

Each line holds all that is known of one file at one time; the last line about a file is what holds. A line that says
"sending" is written before a file leaves, so that a file whose fate is unknown is never sent again unawares.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UserError
from harness.files import lock

FILE = "ledger.csv"  # among the CSVs of a competition
# Leaving; at Kaggle without a score; scored; refused by Kaggle; never arrived.
SENDING, PENDING, COMPLETE, ERROR, FAILED = "sending", "pending", "complete", "error", "failed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the ledger.

    Args:
        time: when it was written, UTC.
        slug: the competition's name on Kaggle.
        file: the CSV's name.
        sha256: the hash of its content.
        recipe: which made it.
        run: the key of the run.
        holdout: its score on the hold-out.
        out_of_fold: its out-of-fold score.
        message: as sent.
        status: "sending", "pending", "complete", "error" or "failed".
        reference: Kaggle's number for it.
        public: its score on the public leaderboard.
        private: its score on the private leaderboard.
        forecast: the place expected by its hold-out score, before any other was known.
        forecast_best: the best place that the hold-out score's interval spans.
        forecast_worst: the worst; 0 for below the last one known.
        place: the place of Kaggle's score on the known board.
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
    status: str = SENDING
    reference: str = ""
    public: float | None = None
    private: float | None = None
    forecast: int | None = None
    forecast_best: int | None = None
    forecast_worst: int | None = None
    place: int | None = None

    @property
    def arrived(self) -> bool:
        """Whether Kaggle has it, or may have."""
        return self.status != FAILED

    def changed(self, **changes: object) -> Entry:
        """The same file, later."""
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
        """Add lines, each whole or not at all, and have them on the disk before going on."""
        with lock(self.path, "the ledger of submissions"), self.path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            if size == 0:
                table.writerow(FIELDS)
            else:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    text.write("\n")  # what a killed process left stays a line of its own
            for entry in entries:
                table.writerow([_cell(value) for value in dataclasses.astuple(entry)])
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> list[Entry]:
        """All lines.

        Raises:
            UserError: a line cannot be read; what was sent before would not be known.
        """
        if not self.path.is_file():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            found = []
            for number, row in enumerate(rows, 1):
                if number == 1 and row == [*FIELDS]:
                    continue
                try:
                    if len(row) != len(FIELDS):
                        raise ValueError(f"{len(row)} cells where {len(FIELDS)} are wanted")
                    values = {name: _value(FIELDS[name], cell) for name, cell in zip(FIELDS, row, strict=True)}
                    found.append(Entry(**values))  # type: ignore[arg-type]
                except ValueError as error:
                    raise UserError(
                        f"{self.path}, line {number}: {error}. Without it, what was sent before is not known.",
                        "mend that line by hand, or delete it if it is the end of one that was being written",
                    ) from None
        return found

    def latest(self) -> list[Entry]:
        """What holds of each file, the one sent first in front."""
        return [*{(entry.slug, entry.sha256): entry for entry in self.entries()}.values()]

    def sent(self, slug: str) -> dict[str, str]:
        """For the hash of each file that Kaggle has or may have, what became of it."""
        return {entry.sha256: str(entry) for entry in self.latest() if entry.slug == slug and entry.arrived}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def agreement(entries: Iterable[Entry]) -> str | None:
    """How well hold-out scores told public ones, in words; None before there are three of both."""
    import numpy as np
    from scipy.stats import spearmanr

    pairs = [(e.holdout, e.public) for e in entries if e.holdout is not None and e.public is not None]
    if len(pairs) < 3:
        return None
    local, public = np.array(pairs, float).T
    if len({*local}) == 1 or len({*public}) == 1:
        return f"{len(pairs)} scored submissions, all with the same score"
    pearson, spearman = np.corrcoef(local, public)[0, 1], spearmanr(local, public).statistic
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
