"""The failures of calls to Kaggle, in words: what happened, and what to do about it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from harness.kaggle.credentials import NO_CREDENTIALS, SITE, credentials
from harness.utils.errors import UserError
from harness.utils.files import FREE_ROOM

LATER = "run the same command again later"
ASKED = re.compile(r"\?[^\s'\")]*=[^\s'\")]*")  # what follows the path of an address
MOST_WAIT = 600.0  # seconds that Kaggle can make a command wait with Retry-After


class KaggleError(UserError):
    """A failed call.

    Args:
        what: what went wrong.
        fix: how to fix it.
        passing: whether the failure is temporary, so that the same call may succeed later.
        wait: the seconds after which Kaggle says that it may; None if it says nothing.
        status: of Kaggle's answer; None without one.
    """

    def __init__(
        self, what: str, fix: str, passing: bool = False, wait: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(what, fix)
        self.passing = passing
        self.wait = wait
        self.status = status


def failure(answer: dict[str, Any], slug: str, python: str) -> KaggleError:
    """A worker's "failure" as an error.

    Args:
        answer: the worker's.
        slug: the competition's name on Kaggle.
        python: the Python that the worker ran with.
    """
    # What follows the ? of an address may be a signature, or the key of an upload.
    kind, detail = answer["failure"], printable(ASKED.sub("?…", str(answer.get("detail", ""))))
    if kind == "no client":
        return KaggleError(f"{python} has no kaggle package ({detail}).", 'pip install "kaggle>=2.2,<3"')
    if kind == "no credentials":
        if (found := credentials()) is not None:
            return KaggleError(f"Kaggle does not accept these credentials: {found}.", _new_credentials())
        return KaggleError(*NO_CREDENTIALS)
    if kind == "http":
        return _refused(answer.get("status"), detail, slug, _wait(answer))
    if kind == "storage":
        return _storage(answer.get("status"), detail, slug, _wait(answer))
    if kind == "network":
        return KaggleError(f"Kaggle cannot be reached: {detail}.", f"check the connection, then {LATER}", True)
    if kind == "refused":
        return KaggleError(f"Kaggle refuses {slug}: {detail}.", f"look at {SITE}/{slug}", status=400)
    if kind == "disk":
        return KaggleError(
            f"the disk is full: {detail}. What was downloaded is kept.",
            f"{FREE_ROOM}: it resumes",
        )
    if kind == "answer":
        return KaggleError(
            f"Kaggle's client does not understand Kaggle's answer ({detail}).",
            f"look at {SITE}/c/{slug}, and {LATER}; if the error persists: pip install -U kaggle",
            True,
        )
    return KaggleError(f"Kaggle's client failed: {detail}.", f"{LATER}; if the error persists: pip install -U kaggle")


def _refused(status: int | None, detail: str, slug: str, wait: float | None) -> KaggleError:
    page = f"{SITE}/{slug}" if "/" in slug else f"{SITE}/c/{slug}"
    if status == 401:
        return KaggleError(
            f"Kaggle does not accept these credentials: {credentials() or 'none'} (401).",
            _new_credentials(),
            status=status,
        )
    if status in (403, 404) and "/" in slug:
        return KaggleError(
            f"Kaggle does not let this account make {slug} ({status}).",
            f"see at {SITE}/settings whether the account is verified by phone, and that it is the owner of {slug}",
            status=status,
        )
    if status == 403:
        return KaggleError(
            f"Kaggle denies this account access to {slug} (403): its rules are not accepted yet, or the name "
            "is misspelt.",
            f"accept the rules at {page}/rules, or correct slug= in the competition's competition.py",
            status=status,
        )
    if status == 404:
        return KaggleError(
            f"Kaggle does not find {slug} (404): the name is misspelt, or the competition is closed.",
            f"look at {page}, and correct slug= in the competition's competition.py",
            status=status,
        )
    if status == 429:
        return KaggleError(
            "too many calls to Kaggle (429).", "wait some minutes, then run the command again", True, wait, status
        )
    if status is None or status >= 500 or status == 408:
        return KaggleError(f"Kaggle has a server error ({status or 'no status'}).", LATER, True, wait, status)
    return KaggleError(f"Kaggle refuses the call ({status}): {detail}.", f"look at {page}", status=status)


def _storage(status: int | None, detail: str, slug: str, wait: float | None) -> KaggleError:
    """Kaggle's storage is another server; what it refuses says nothing about the competition's rules."""
    if status == 413:
        return KaggleError("Kaggle's storage refuses the file: it is too large (413).", f"look at {SITE}/c/{slug}")
    if status == 403:
        return KaggleError(
            "Kaggle's storage refuses the file (403): the address to upload to has expired, or this machine's clock or "
            "a proxy is wrong.",
            f"check the clock and the proxy, then {LATER}",
        )
    passing = status is None or status >= 500 or status in (408, 429)
    return KaggleError(f"the upload to Kaggle's storage failed ({status}): {detail}.", LATER, passing, wait)


def _new_credentials() -> str:
    return f"create new ones at {SITE}/settings; a token takes precedence over a key, even if it has expired"


def _wait(answer: dict[str, Any]) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, section 10.2.3): a number, or a date."""
    text = str(answer.get("retry_after") or "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MOST_WAIT) if seconds == seconds else None


def printable(text: str) -> str:
    """A server's text made safe to print on one line: shortened and without control characters."""
    return " ".join("".join(character if character.isprintable() else " " for character in text[:300]).split())
