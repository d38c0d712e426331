"""Calls of Kaggle's client: each in a separate process with a time limit, and each failure explained in words."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.kaggle import process
from harness.kaggle.credentials import SITE
from harness.kaggle.failures import LATER, KaggleError, failure

# Slower than any connection that anybody would want to upload over.
SLOWEST_UPLOAD = 20_000  # bytes per second


@dataclass(frozen=True)
class Patience:
    """Time limits and waiting times, in seconds.

    Args:
        call: the time limit for the answer to a call.
        stall: the time limit for a download to make progress.
        score: the time limit for a submission's score.
        poll: the first waiting time between two requests for a score; it grows up to ten times.
        run: the time limit for a kernel's run, and for the score of what it predicts.
        retry: the waiting time before a failed call is repeated; it grows up to twelve times.
        doubt: how long a file that Kaggle was asked to file, without an answer, is not sent again.
    """

    call: float = 60
    stall: float = 120
    score: float = 900
    run: float = 12 * 3600
    poll: float = 3
    retry: float = 5
    doubt: float = 900


PATIENCE = Patience()


@dataclass(frozen=True)
class Client:
    """The real client, for one competition.

    Args:
        slug: the competition's name on Kaggle.
        patience: the time limits.
        python: the Python whose ``kaggle`` package is used: the harness's own, or ``HARNESS_KAGGLE_PYTHON``.
    """

    slug: str
    patience: Patience = field(default_factory=lambda: PATIENCE)
    python: str = field(default_factory=lambda: os.environ.get("HARNESS_KAGGLE_PYTHON") or sys.executable)

    def about(self) -> dict[str, Any]:
        """The competition's "title", "metric" in Kaggle's words, "deadline", "disabled", "notebooks_only" and
        "entered"; the numbers of submissions made "today" and in "total", and of those "left" today; whether the limit
        is one on the "total".
        """
        return self.call("about", slug=self.slug)

    def owner(self) -> str:
        """The user's name on Kaggle; empty if the credentials do not tell it."""
        return self.call("owner")["owner"]

    def data_files(self) -> dict[str, int]:
        """The size of each data file in bytes, by its name."""
        return self.call("files", slug=self.slug)["files"]

    def download(self, folder: Path, grown: Callable[[int], None], name: str | None = None) -> None:
        """Download the data as ``<slug>.zip`` into a folder, resuming a partial download; nothing is verified.

        Args:
            folder: a folder for this download only.
            grown: called with the number of bytes so far, about every second.
            name: of the one file to download in place of all; it may arrive zipped.
        """
        size = -1

        def alive() -> bool:
            nonlocal size
            if (now := _bytes_in(folder)) == size:
                return False
            size = now
            grown(now)
            return True

        limit, to = self.patience.stall, str(folder)
        if name is None:
            self.call("download", limit, alive=alive, slug=self.slug, folder=to)
        else:
            self.call("download_file", limit, alive=alive, slug=self.slug, folder=to, name=name)

    def leaderboard(self, folder: Path) -> None:
        """Download the leaderboard as ``<slug>.zip`` into a folder; nothing is verified."""
        self.call("leaderboard", slug=self.slug, folder=str(folder))

    def private_leaderboard(self) -> list[str | None] | None:
        """The private leaderboard's scores, in its order; None while there is none."""
        return self.call("private_leaderboard", slug=self.slug)["scores"]

    def submit(
        self,
        file: Path,
        message: str,
        hold: Path | None = None,
        uploaded: Callable[[], None] = lambda: None,
        bytes_sent: Callable[[int], None] = lambda _: None,
    ) -> str:
        """Upload a file and submit it.

        Args:
            file: a CSV.
            message: goes with it.
            hold: a file that is locked until no process can submit anything any more, even if this one is killed.
            uploaded: called between the upload and the submission. If it raises an exception, nothing is submitted.
            bytes_sent: called with the number of bytes uploaded so far.

        Returns:
            The reference; empty if Kaggle returned none, in which case it is unknown whether the file was submitted.

        Raises:
            KaggleError: before ``uploaded`` was called, nothing was submitted; after it, that is unknown.
        """
        grant = self.patience.call + process.GRACE
        limit = self.patience.call + file.stat().st_size / SLOWEST_UPLOAD
        answer = self.call(
            "submit",
            limit,
            slug=self.slug,
            file=str(file),
            message=message,
            grant=grant,
            hold=None if hold is None else str(hold),
            uploaded=uploaded,
            bytes_sent=bytes_sent,
        )
        return answer["reference"]

    def submissions(self) -> list[dict[str, Any]]:
        """All submissions, the newest first: "reference", "date", "file", "message", "status" (pending, complete,
        error, or a word that Kaggle uses and we do not know), "why" (the reason of an error), "public" and "private"
        (the scores). In a row that cannot be read, what is missing is empty.
        """
        return self.call("submissions", slug=self.slug)["submissions"]

    def submission(self, reference: str) -> dict[str, Any]:
        """One submission."""
        try:
            return self.call("submission", reference=reference)
        except KaggleError as error:
            if error.status != 404:
                raise
            what = f"Kaggle does not find submission {reference} (404), which it may not list yet."
            raise KaggleError(what, f"{LATER}, or look at {SITE}/c/{self.slug}/submissions", True, status=404) from None

    def call(
        self,
        call: str,
        limit: float | None = None,
        *,
        of: str | None = None,
        alive: Callable[[], bool] = lambda: False,
        bytes_sent: Callable[[int], None] = lambda _: None,
        uploaded: Callable[[], None] = lambda: None,
        **request: Any,
    ) -> dict[str, Any]:
        """Make one call in a separate process, which is ended on a time-out and on Ctrl-C.

        Args:
            call: its name in ``worker_calls`` or ``worker_code``.
            limit: seconds for the answer; None for ``patience.call``.
            of: the thing at Kaggle that it is about, for messages; None for the competition.
            alive, bytes_sent, uploaded: as ``process.ask`` takes them.
            request: the call's arguments.

        Raises:
            KaggleError: the call failed or took too long.
        """
        limit = limit or self.patience.call
        # A download's progress shows on the disk only, so the worker cannot know when it has stalled.
        own_limit = None if call.startswith("download") else limit + process.GRACE
        try:
            answer = process.ask(
                self.python,
                {"call": call, "limit": own_limit} | request,
                limit,
                alive=alive,
                bytes_sent=bytes_sent,
                uploaded=uploaded,
            )
        except process.StalledError:
            raise KaggleError(f"Kaggle did not answer within {limit:.0f} s.", LATER, True) from None
        except process.NoSuchPythonError as error:
            raise KaggleError(
                f"HARNESS_KAGGLE_PYTHON={self.python} cannot be run: {error}.", "unset it, or set it to another Python"
            ) from None
        if "failure" in answer:
            raise failure(answer, of or self.slug, self.python)
        return answer


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.glob("*") if entry.is_file()) if folder.is_dir() else 0
