"""Calls of Kaggle's client: each in a separate process with a time limit, and each failure explained in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.utils.errors import UserError

WORKER = Path(__file__).with_name("worker.py")
SITE = "https://www.kaggle.com"
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
        retry: the waiting time before a failed call is repeated.
    """

    call: float = 60
    stall: float = 120
    score: float = 900
    poll: float = 3
    retry: float = 5


PATIENCE = Patience()


class KaggleError(UserError):
    """A failed call.

    Args:
        what: what went wrong.
        fix: how to fix it.
        passing: whether the failure is temporary, so that the same call may succeed later.
    """

    def __init__(self, what: str, fix: str, passing: bool = False) -> None:
        super().__init__(what, fix)
        self.passing = passing


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
        """The competition's "title", "deadline", "disabled", "notebooks_only" and "entered"; the numbers of submissions
        made "today" and in "total", and of those "left" today.
        """
        return self._call("about", slug=self.slug)

    def data_bytes(self) -> int:
        """The total size of the data files in bytes."""
        return self._call("files", slug=self.slug)["bytes"]

    def download(self, folder: Path, grown: Callable[[int], None]) -> None:
        """Download the data as ``<slug>.zip`` into a folder, resuming a partial download; nothing is verified.

        Args:
            folder: a folder for this download only.
            grown: called with the number of bytes so far, about every second.
        """
        self._call("download", watched=folder, grown=grown, slug=self.slug, folder=str(folder))

    def leaderboard(self, folder: Path) -> None:
        """Download the leaderboard as ``<slug>.zip`` into a folder; nothing is verified."""
        self._call("leaderboard", slug=self.slug, folder=str(folder))

    def submit(self, file: Path, message: str) -> str:
        """Upload a file and submit it.

        Returns:
            The reference; empty if Kaggle returned none, in which case the file was not submitted.
        """
        limit = self.patience.call + file.stat().st_size / SLOWEST_UPLOAD
        return self._call("submit", limit=limit, slug=self.slug, file=str(file), message=message)["reference"]

    def submissions(self) -> list[dict[str, Any]]:
        """All submissions, the newest first: "reference", "date", "file", "message", "status" (pending, complete or
        error), "why" (the reason of an error), "public" and "private" (the scores).
        """
        return self._call("submissions", slug=self.slug)["submissions"]

    def submission(self, reference: str) -> dict[str, Any]:
        """One submission."""
        return self._call("submission", reference=reference)

    def _call(
        self,
        call: str,
        *,
        limit: float | None = None,
        watched: Path | None = None,
        grown: Callable[[int], None] | None = None,
        **request: str,
    ) -> dict[str, Any]:
        """Make one call in a separate process, which is killed on a time-out and on Ctrl-C.

        Raises:
            KaggleError: the call failed or took too long.
        """
        limit = limit or (self.patience.call if watched is None else self.patience.stall)
        try:
            # The worker must not import files next to it as libraries, and only this process handles Ctrl-C.
            worker = subprocess.Popen(
                [self.python, str(WORKER)],
                env=os.environ | {"PYTHONSAFEPATH": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        except OSError as error:
            raise KaggleError(
                f"HARNESS_KAGGLE_PYTHON={self.python} cannot be run: {error}.", "unset it, or set it to another Python"
            ) from None
        text: str | None = json.dumps({"call": call} | request)
        waited_since, size = time.monotonic(), -1
        try:
            while True:
                try:
                    out, _ = worker.communicate(text, timeout=min(limit, 1.0))
                    break
                except subprocess.TimeoutExpired:
                    text = None
                    if watched is not None and (now := _bytes_in(watched)) != size:
                        waited_since, size = time.monotonic(), now
                        if grown is not None:
                            grown(now)
                    if time.monotonic() - waited_since >= limit:
                        message = f"Kaggle did not answer within {limit:.0f} s."
                        raise KaggleError(message, "run the same command again later", True) from None
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()
        try:
            answer = json.loads(out)
        except ValueError:
            answer = {
                "failure": "client",
                "detail": f"the worker exited with code {worker.returncode} without an answer",
            }
        if "failure" in answer:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: dict[str, Any]) -> KaggleError:
        """The failure as an error with an explanation and a fix."""
        kind, detail = answer["failure"], printable(answer["detail"])
        later = "run the same command again later"
        if kind == "no client":
            return KaggleError(f"{self.python} has no kaggle package ({detail}).", 'pip install "kaggle>=2.2,<3"')
        if kind == "no credentials":
            return KaggleError(*NO_CREDENTIALS)
        if kind == "http":
            return self._refused(answer["status"], detail)
        if kind == "network":
            return KaggleError(f"Kaggle cannot be reached: {detail}.", f"check the connection, then {later}", True)
        if kind == "answer":
            return KaggleError(
                f"Kaggle's client does not understand Kaggle's answer ({detail}).",
                f"look at {SITE}/c/{self.slug}, and {later}; if the error persists: pip install -U kaggle",
                True,
            )
        return KaggleError(
            f"Kaggle's client failed: {detail}.", f"{later}; if the error persists: pip install -U kaggle"
        )

    def _refused(self, status: int | None, detail: str) -> KaggleError:
        page, later = f"{SITE}/c/{self.slug}", "run the same command again later"
        if status == 401:
            return KaggleError(
                f"Kaggle does not accept these credentials: {credentials() or 'none'} (401).",
                f"create new ones at {SITE}/settings; a token takes precedence over a key, even if it has expired",
            )
        if status == 403:
            return KaggleError(
                f"Kaggle denies this account access to {self.slug} (403): its rules are not accepted yet, or the name "
                "is misspelt.",
                f"accept the rules at {page}/rules, or correct slug= in the competition's competition.py",
            )
        if status == 404:
            return KaggleError(
                f"Kaggle does not find {self.slug} (404): the name is misspelt, or the competition is closed.",
                f"look at {page}, and correct slug= in the competition's competition.py",
            )
        if status == 429:
            return KaggleError("too many calls to Kaggle (429).", "wait some minutes, then run the command again", True)
        if status is not None and status >= 500:
            return KaggleError(f"Kaggle has a server error ({status}).", later, True)
        return KaggleError(f"Kaggle refuses the call ({status}): {detail}.", f"look at {page}")


NO_CREDENTIALS = (
    "there are no Kaggle credentials, neither in the environment (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY) "
    "nor in ~/.kaggle.",
    f"create a token at {SITE}/settings (API, Create New Token), and save it where that page says",
)


def credentials() -> str | None:
    """Where Kaggle's client will find its credentials, following its order of search; None if there are none."""
    home = Path("~/.kaggle").expanduser()
    folder = Path(os.environ.get("KAGGLE_CONFIG_DIR") or home)
    if os.environ.get("KAGGLE_API_TOKEN"):
        return "KAGGLE_API_TOKEN"
    for name in ("access_token", "access_token.txt"):
        if (home / name).is_file():
            return str(home / name)
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return "KAGGLE_USERNAME and KAGGLE_KEY"
    files = (folder / "kaggle.json", Path("~/.config/kaggle/kaggle.json").expanduser(), home / "credentials.json")
    return next((str(file) for file in files if file.is_file()), None)


def printable(text: str) -> str:
    """A server's text made safe to print on one line: shortened and without control characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in text[:300]).split())


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.glob("*") if entry.is_file()) if folder.is_dir() else 0
