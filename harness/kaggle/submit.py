"""Sending a CSV to Kaggle: checked first, confirmed only by Kaggle's reference, and never sent twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.kaggle.client import NO_CREDENTIALS, SITE, Client, KaggleError, credentials, printable
from harness.kaggle.ledger import ERROR, FAILED, PENDING, SENDING, Entry, Ledger
from harness.scoring.lint import Defect
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.files import lock

# Competitions that accept no submissions any more, and the newer edition that still scores the same images.
CLOSED = {"dogs-vs-cats": "dogs-vs-cats-redux-kernels-edition"}
# This many characters of the file's hash in the message identify the file on any machine.
TAG = 12
LONGEST_MESSAGE = 400  # characters


@dataclass(frozen=True)
class Sender:
    """Sends files to one competition.

    Args:
        client: the competition's client.
        ledger: the ledger of sent files.
        rank: gives a score's rank on the leaderboard; None if there is none.
    """

    client: Client
    ledger: Ledger
    rank: Callable[[float], int | None]

    def preflight(self) -> str:
        """Check that a submission is possible, before any work is done for it.

        Returns:
            The result in words.

        Raises:
            UserError: there are no credentials, the competition is closed or accepts only notebooks, its rules are not
                accepted yet, or no submission is left today.
        """
        slug, page = self.client.slug, f"{SITE}/c/{self.client.slug}"
        if slug in CLOSED:
            raise UserError(
                f"{slug} is closed: Kaggle accepts no more submissions to it, not even late ones.",
                f'the same images are scored in its newer edition: slug="{CLOSED[slug]}" in competition.py',
            )
        if credentials() is None:
            raise UserError(*NO_CREDENTIALS)
        about = self.client.about()
        if about["disabled"]:
            raise UserError(f"{slug} accepts no more submissions.", f"look at {page}")
        if about["notebooks_only"]:
            raise UserError(f"{slug} accepts only notebooks, not CSV files.", f"submit a notebook at {page}")
        if not about["left"] and not about["total"]:  # Kaggle's answer before the first submission
            if not about["entered"]:
                raise UserError(
                    f"this account has not joined {slug}: its rules are not accepted yet.",
                    f"accept them at {page}/rules",
                )
            return f"{slug}: this will be the first submission; the limit is known after it"
        if not about["left"]:
            raise UserError(
                f"no submission to {slug} is left: {about['today']} were made today, {about['total']} in all.",
                "run the same command after midnight UTC; the CSV is kept",
            )
        quota = f"{slug}: {about['left']} submissions left today ({about['today']} made)"
        return quota + (f"; deadline {about['deadline'][:10]}" if about["deadline"] else "")

    def refresh(self) -> list[dict[str, Any]]:
        """Update the ledger from Kaggle.

        A file whose upload was interrupted counts as arrived if it is among Kaggle's submissions, and as failed if not.

        Returns:
            Kaggle's submissions, the newest first.
        """
        with self._lock():
            return self._refresh()

    def _lock(self) -> AbstractContextManager[None]:
        return lock(self.ledger.path.with_name("upload"), "an upload")

    def _refresh(self) -> list[dict[str, Any]]:
        submissions = self.client.submissions()
        by_reference = {submission["reference"]: submission for submission in submissions}
        changes = []
        for entry in self.ledger.latest():
            if entry.slug != self.client.slug:
                continue
            submission = by_reference.get(entry.reference) or _find_tagged(submissions, entry.sha256)
            updated = self._updated(entry, submission) if submission is not None else entry
            if submission is None and entry.status == SENDING:
                updated = entry.changed(status=FAILED)
            if updated.changed(time="") != entry.changed(time=""):
                changes.append(updated)
        if changes:
            self.ledger.append(*changes)
        return submissions

    def send(self, file: Path, entry: Entry, defects: list[Defect]) -> Entry:
        """Send a file, once.

        Args:
            file: the CSV.
            entry: what is known about the file.
            defects: the linter's findings.

        Returns:
            The entry with Kaggle's reference, not yet with a score.

        Raises:
            UserError: the file has errors, was sent before, or did not arrive.
        """
        errors = [defect.text for defect in defects if defect.severity != "warning"]
        if errors:
            raise UserError(
                f"{file} is not sent:\n" + "\n".join(f"  - {text}" for text in errors),
                "fix these errors, then submit again",
            )
        with self._lock():
            earlier = _find_tagged(self._refresh(), entry.sha256)
            sent = self.ledger.sent(entry.slug).get(entry.sha256)
            if sent is None and earlier is not None:
                sent = f"from elsewhere, reference {earlier['reference']}, {earlier['date']}"
            if sent is not None:
                raise UserError(f"{file} was sent before: {sent}.", "harness submissions COMP shows its score")
            self.ledger.append(entry)
            try:
                reference = self.client.submit(file, entry.message)
            except KaggleError as error:
                return self._after_failure(entry, error)
            except KeyboardInterrupt:
                say("It is unknown whether the file arrived: the next `harness submissions` will check.")
                raise
            if not reference:
                message = "Kaggle gave no reference for the file: the upload failed."
                return self._after_failure(entry, KaggleError(message, "run the same command again later"))
            pending = entry.changed(status=PENDING, reference=reference)
            self.ledger.append(pending)
            return pending

    def wait(self, entry: Entry) -> Entry:
        """Wait for the score. Ctrl-C stops only the waiting.

        Returns:
            The entry with its score, or still pending after ``patience.score`` seconds.

        Raises:
            UserError: Kaggle rejected the file's content.
        """
        patience = self.client.patience
        end, pause, last_problem = time.monotonic() + patience.score, patience.poll, ""
        say(f"sent as {entry.reference}; waiting for the score (Ctrl-C stops the waiting, not the scoring)")
        try:
            while time.monotonic() < end:
                try:
                    submission = self.client.submission(entry.reference)
                except KaggleError as error:
                    if not error.passing:
                        raise
                    if error.what != last_problem:
                        say(last_problem := error.what)
                else:
                    updated = self._updated(entry, submission)
                    if updated.status != PENDING:
                        self.ledger.append(updated)
                        return _accepted(updated, submission)
                time.sleep(min(pause, max(0.0, end - time.monotonic())))
                pause = min(1.5 * pause, 10 * patience.poll)
        except KeyboardInterrupt:
            say(f"Kaggle has the file as {entry.reference}; `harness submissions` fetches its score.")
            raise
        return entry

    def _after_failure(self, entry: Entry, error: KaggleError) -> Entry:
        """Check whether a file arrived although its upload failed.

        Raises:
            UserError: it did not arrive, or the check failed too.
        """
        try:
            submission = _find_tagged(self.client.submissions(), entry.sha256)
            if submission is None:
                time.sleep(self.client.patience.retry)  # Kaggle may need a moment to list it
                submission = _find_tagged(self.client.submissions(), entry.sha256)
        except KaggleError as second_error:
            raise UserError(
                f"{error.what} It is unknown whether the file arrived, because checking failed too: "
                f"{second_error.what}",
                "harness submissions COMP will check again; until then the file is not sent again",
            ) from None
        if submission is None:
            self.ledger.append(entry.changed(status=FAILED))
            raise UserError(f"{error.what} The file did not arrive.", error.fix)
        say(f"{error.what} But the file did arrive.")
        updated = self._updated(entry, submission)
        self.ledger.append(updated)
        return _accepted(updated, submission)

    def _updated(self, entry: Entry, submission: dict[str, Any]) -> Entry:
        """An entry with the state of Kaggle's submission."""
        score = submission["private"] if submission["private"] is not None else submission["public"]
        return entry.changed(
            status=submission["status"],
            reference=submission["reference"],
            public=submission["public"],
            private=submission["private"],
            rank=None if score is None else self.rank(score),
        )


def message(text: str, sha256: str) -> str:
    """A submission's message, with the tag that identifies its file."""
    return f"{' '.join(text.split())[:LONGEST_MESSAGE]} [{sha256[:TAG]}]"


def _accepted(entry: Entry, submission: dict[str, Any]) -> Entry:
    if entry.status == ERROR:
        raise UserError(
            f"Kaggle rejected {entry.file} (reference {entry.reference}): "
            f"{printable(submission['why']) or 'it gives no reason'}.",
            "compare the file with the organiser's sample submission",
        )
    return entry


def verdict(entry: Entry) -> str | None:
    """How accurate the forecast was, in words; None without a rank or without a forecast."""
    if entry.rank is None or entry.forecast_best is None or entry.forecast_worst is None:
        return None
    inside = entry.forecast_best <= entry.rank and (entry.forecast_worst == 0 or entry.rank <= entry.forecast_worst)
    forecast = "" if entry.forecast is None else f" about rank {entry.forecast:,},"
    worst = f"{entry.forecast_worst:,}" if entry.forecast_worst else "the last"
    return (
        f"forecast from the hold-out:{forecast} between {entry.forecast_best:,} and {worst}; "
        f"by Kaggle's score rank {entry.rank:,}: {'inside' if inside else 'outside'}"
    )


def _find_tagged(submissions: list[dict[str, Any]], sha256: str) -> dict[str, Any] | None:
    """The newest submission whose message has the tag of a file."""
    return next((submission for submission in submissions if f"[{sha256[:TAG]}]" in submission["message"]), None)
