"""Calls of Kaggle's client from a safe distance: each in a process that ends in time, each failure told in words."""

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

from harness.errors import UserError

WORKER = Path(__file__).with_name("worker.py")
SITE = "https://www.kaggle.com"
# Slower than any line that anybody would want to upload over.
SLOWEST_UPLOAD = 20_000  # bytes a second


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds.

    Args:
        call: for an answer to a call.
        stall: for a download to grow.
        score: for a score.
        poll: between two looks for a score, at first; at most ten times that.
        retry: before trying again what failed.
    """

    call: float = 60
    stall: float = 120
    score: float = 900
    poll: float = 3
    retry: float = 5


PATIENCE = Patience()


class KaggleError(UserError):
    """A call that failed.

    Args:
        what: what was wrong.
        mend: what mends it.
        passing: whether it may work a little later, without anything being mended.
    """

    def __init__(self, what: str, mend: str, passing: bool = False) -> None:
        super().__init__(what, mend)
        self.passing = passing


@dataclass(frozen=True)
class Client:
    """The real client, for one competition.

    Args:
        slug: the competition's name on Kaggle.
        patience: how long to wait.
        python: the Python whose ``kaggle`` package is used: the harness's own, or ``HARNESS_KAGGLE_PYTHON``.
    """

    slug: str
    patience: Patience = field(default_factory=lambda: PATIENCE)
    python: str = field(default_factory=lambda: os.environ.get("HARNESS_KAGGLE_PYTHON") or sys.executable)

    def about(self) -> dict[str, Any]:
        """The competition: "title", "deadline", "disabled", "notebooks_only", "entered"; the submissions of "today"
        and in "total", and how many are "left".
        """
        return self._call("about", slug=self.slug)

    def data_bytes(self) -> int:
        """How much the data files are, unpacked or not."""
        return self._call("files", slug=self.slug)["bytes"]

    def download(self, folder: Path, grown: Callable[[int], None]) -> None:
        """The data as ``<slug>.zip`` into a folder, going on with what is there; nothing is verified.

        Args:
            folder: for this alone.
            grown: is told how many bytes there are, about every second.
        """
        self._call("download", watched=folder, grown=grown, slug=self.slug, folder=str(folder))

    def leaderboard(self, folder: Path) -> None:
        """The leaderboard as ``<slug>.zip`` into a folder; nothing is verified."""
        self._call("leaderboard", slug=self.slug, folder=str(folder))

    def submit(self, file: Path, message: str) -> str:
        """Upload a file and submit it.

        Returns:
            The reference; empty where Kaggle gave none, so that it has not been submitted.
        """
        limit = self.patience.call + file.stat().st_size / SLOWEST_UPLOAD
        return self._call("submit", limit=limit, slug=self.slug, file=str(file), message=message)["reference"]

    def submissions(self) -> list[dict[str, Any]]:
        """All submissions, the newest first: "reference", "date", "file", "message", "status" (pending, complete or
        error), "why" it is an error, "public" and "private" scores.
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
        """One call in a process of its own.

        Raises:
            KaggleError: it failed or took too long; the process is ended then, as it is on Ctrl-C.
        """
        limit = limit or (self.patience.call if watched is None else self.patience.stall)
        try:
            # Nothing beside the worker may pass for a library, and Ctrl-C is for us to heed, not for it.
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
                f"HARNESS_KAGGLE_PYTHON={self.python} cannot be run: {error}.", "unset it, or name another Python"
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
                        told = f"Kaggle did not answer within {limit:.0f} s."
                        raise KaggleError(told, "run the same command again, a little later", True) from None
        finally:
            if worker.poll() is None:
                worker.kill()
                worker.communicate()
        try:
            answer = json.loads(out)
        except ValueError:
            answer = {"failure": "client", "detail": f"it ended with code {worker.returncode} and without an answer"}
        if "failure" in answer:
            raise self._failure(answer)
        return answer

    def _failure(self, answer: dict[str, Any]) -> KaggleError:
        """What failed, in words."""
        kind, detail = answer["failure"], printable(answer["detail"])
        later = "run the same command again, a little later"
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
                f"Kaggle's answer is not one that its client understands ({detail}).",
                f"look at {SITE}/c/{self.slug}, and {later}; if it stays so: pip install -U kaggle",
                True,
            )
        return KaggleError(f"Kaggle's client failed: {detail}.", f"{later}; if it stays so: pip install -U kaggle")

    def _refused(self, status: int | None, detail: str) -> KaggleError:
        page, later = f"{SITE}/c/{self.slug}", "run the same command again, a little later"
        if status == 401:
            return KaggleError(
                f"Kaggle does not accept these credentials: {credentials() or 'none'} (401).",
                f"make new ones at {SITE}/settings; a token goes before a key, even if it is the dead one of the two",
            )
        if status == 403:
            return KaggleError(
                f"Kaggle keeps {self.slug} from this account (403): its rules are not accepted yet, or the name is "
                "misspelt.",
                f"accept the rules at {page}/rules, or correct slug= in the competition's competition.py",
            )
        if status == 404:
            return KaggleError(
                f"Kaggle finds no {self.slug} that takes this (404): the name is misspelt, or the competition is "
                "closed.",
                f"look at {page}, and correct slug= in the competition's competition.py",
            )
        if status == 429:
            return KaggleError("Kaggle asks for fewer calls (429).", "wait some minutes, then run it again", True)
        if status is not None and status >= 500:
            return KaggleError(f"Kaggle has trouble of its own ({status}).", later, True)
        return KaggleError(f"Kaggle refuses ({status}): {detail}.", f"look at {page}")


NO_CREDENTIALS = (
    "there are no Kaggle credentials, neither in the environment (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY) "
    "nor in ~/.kaggle.",
    f"make a token at {SITE}/settings (API, Create New Token), and put it where that page says",
)


def credentials() -> str | None:
    """Where the credentials are that Kaggle's client would use, in its order; never what they are. None for nowhere."""
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
    """What a server sent, as a line can show it: neither endless nor with control characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text[:300]).split())


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in folder.glob("*") if entry.is_file()) if folder.is_dir() else 0
