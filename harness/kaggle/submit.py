"""Sending a CSV to Kaggle: everything is looked at before, only a reference is trusted, and nothing is sent twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.console import say
from harness.errors import UserError
from harness.files import lock
from harness.kaggle.client import NO_CREDENTIALS, SITE, Client, KaggleError, credentials, printable
from harness.scoring.ledger import ERROR, FAILED, PENDING, SENDING, Entry, Ledger
from harness.scoring.lint import Defect

# Known to take nothing any more, and where the same photographs still are scored.
CLOSED = {"dogs-vs-cats": "dogs-vs-cats-redux-kernels-edition"}
# So many letters of the hash in a message tell the file again, on any machine.
TAG = 12
LONGEST_MESSAGE = 400


@dataclass(frozen=True)
class Sender:
    """Sends files to one competition.

    Args:
        client: of the competition.
        ledger: where it is written down.
        place: a score's place on the known board; None where there is none.
    """

    client: Client
    ledger: Ledger
    place: Callable[[float], int | None]

    def preflight(self) -> str:
        """See whether a submission can be made at all, before any work is done for it.

        Returns:
            What was seen, in words.

        Raises:
            UserError: no credentials, closed, rules not accepted, notebooks only, or no submission left today.
        """
        slug, page = self.client.slug, f"{SITE}/c/{self.client.slug}"
        if slug in CLOSED:
            raise UserError(
                f"{slug} is closed: Kaggle takes no submissions to it any more, not even late ones.",
                f'the same images are scored in its newer edition: slug="{CLOSED[slug]}" in competition.py',
            )
        if credentials() is None:
            raise UserError(*NO_CREDENTIALS)
        about = self.client.about()
        if about["disabled"]:
            raise UserError(f"{slug} takes no submissions any more.", f"look at {page}")
        if about["notebooks_only"]:
            raise UserError(f"{slug} takes notebooks, and no CSVs from outside.", f"submit a notebook at {page}")
        if not about["left"] and not about["total"]:  # as Kaggle tells those who never submitted
            if not about["entered"]:
                raise UserError(
                    f"this account has not joined {slug}: its rules are not accepted yet.",
                    f"accept them at {page}/rules",
                )
            return f"{slug}: this will be the first submission; how many there may be is known after it"
        if not about["left"]:
            raise UserError(
                f"no submission to {slug} is left: {about['today']} were made today, {about['total']} in all.",
                "run the same command after midnight UTC; the CSV is kept",
            )
        told = f"{slug}: {about['left']} submissions left today ({about['today']} made)"
        return told + (f"; its deadline was or is {about['deadline'][:10]}" if about["deadline"] else "")

    def refresh(self) -> list[dict[str, Any]]:
        """Bring the ledger up to what Kaggle knows.

        A file whose sending broke off is looked for among Kaggle's: found, it has arrived; not found, it has not.

        Returns:
            Kaggle's submissions, the newest first.
        """
        with self._alone():
            return self._refresh()

    def _alone(self) -> AbstractContextManager[None]:
        return lock(self.ledger.path.with_name("upload"), "an upload")

    def _refresh(self) -> list[dict[str, Any]]:
        found = self.client.submissions()
        by_reference = {one["reference"]: one for one in found}
        changes = []
        for entry in self.ledger.latest():
            if entry.slug != self.client.slug:
                continue
            known = by_reference.get(entry.reference) or _tagged(found, entry.sha256)
            now = self._told(entry, known) if known is not None else entry
            if known is None and entry.status == SENDING:
                now = entry.changed(status=FAILED)
            if now.changed(time="") != entry.changed(time=""):
                changes.append(now)
        if changes:
            self.ledger.append(*changes)
        return found

    def send(self, file: Path, entry: Entry, defects: list[Defect]) -> Entry:
        """Send a file, once.

        Args:
            file: the CSV.
            entry: what is known of it.
            defects: the linter's.

        Returns:
            The entry with Kaggle's reference, not yet with a score.

        Raises:
            UserError: the file must not be sent, was sent before, or did not arrive.
        """
        wrong = [defect.text for defect in defects if defect.severity != "warning"]
        if wrong:
            raise UserError(
                f"{file} is not sent:\n" + "\n".join(f"  - {text}" for text in wrong), "mend that, then submit again"
            )
        with self._alone():
            before = _tagged(self._refresh(), entry.sha256)
            sent = self.ledger.sent(entry.slug).get(entry.sha256)
            if sent is None and before is not None:
                sent = f"from elsewhere, reference {before['reference']}, {before['date']}"
            if sent is not None:
                raise UserError(f"{file} was sent before: {sent}.", "harness submissions COMP shows its score")
            self.ledger.append(entry)
            try:
                reference = self.client.submit(file, entry.message)
            except KaggleError as error:
                return self._settled(entry, error)
            except KeyboardInterrupt:
                say("Whether the file arrived is not known: the next `harness submissions` finds it out.")
                raise
            if not reference:
                told = "Kaggle gave no reference for the file: the upload failed."
                return self._settled(entry, KaggleError(told, "run the same command again, a little later"))
            sent_now = entry.changed(status=PENDING, reference=reference)
            self.ledger.append(sent_now)
            return sent_now

    def wait(self, entry: Entry) -> Entry:
        """Wait for the score; Ctrl-C ends the waiting only.

        Returns:
            The entry with its score, or still pending after ``patience.score`` seconds.

        Raises:
            UserError: Kaggle refused the file's content.
        """
        patience = self.client.patience
        end, pause, trouble = time.monotonic() + patience.score, patience.poll, ""
        say(f"sent as {entry.reference}; waiting for the score (Ctrl-C ends the waiting, not the scoring)")
        try:
            while time.monotonic() < end:
                try:
                    known = self.client.submission(entry.reference)
                except KaggleError as error:
                    if not error.passing:
                        raise
                    if error.what != trouble:
                        say(trouble := error.what)
                else:
                    now = self._told(entry, known)
                    if now.status != PENDING:
                        self.ledger.append(now)
                        return _accepted(now, known)
                time.sleep(min(pause, max(0.0, end - time.monotonic())))
                pause = min(1.5 * pause, 10 * patience.poll)
        except KeyboardInterrupt:
            say(f"The file is with Kaggle as {entry.reference}; `harness submissions` fetches its score.")
            raise
        return entry

    def _settled(self, entry: Entry, error: KaggleError) -> Entry:
        """After a sending that failed: whether it arrived all the same.

        Raises:
            UserError: it did not, or that cannot be found out now.
        """
        try:
            found = _tagged(self.client.submissions(), entry.sha256)
            if found is None:
                time.sleep(self.client.patience.retry)  # it may take Kaggle a moment to show it
                found = _tagged(self.client.submissions(), entry.sha256)
        except KaggleError as second:
            raise UserError(
                f"{error.what} Whether the file arrived is not known, for then: {second.what}",
                "harness submissions COMP finds it out; until then the file is not sent again",
            ) from None
        if found is None:
            self.ledger.append(entry.changed(status=FAILED))
            raise UserError(f"{error.what} The file did not arrive.", error.mend)
        say(f"{error.what} But the file did arrive.")
        now = self._told(entry, found)
        self.ledger.append(now)
        return _accepted(now, found)

    def _told(self, entry: Entry, known: dict[str, Any]) -> Entry:
        """An entry with what Kaggle tells of it."""
        score = known["private"] if known["private"] is not None else known["public"]
        return entry.changed(
            status=known["status"],
            reference=known["reference"],
            public=known["public"],
            private=known["private"],
            place=None if score is None else self.place(score),
        )


def message(text: str, sha256: str) -> str:
    """A submission's message, with the tag that tells its file again."""
    return f"{' '.join(text.split())[:LONGEST_MESSAGE]} [{sha256[:TAG]}]"


def _accepted(entry: Entry, known: dict[str, Any]) -> Entry:
    if entry.status == ERROR:
        raise UserError(
            f"Kaggle refused {entry.file} (reference {entry.reference}): "
            f"{printable(known['why']) or 'it does not say why'}.",
            "compare the file with the organiser's sample submission",
        )
    return entry


def verdict(entry: Entry) -> str | None:
    """How right the forecast was, in words; None before there is a place, or without a forecast."""
    if entry.place is None or entry.forecast_best is None or entry.forecast_worst is None:
        return None
    inside = entry.forecast_best <= entry.place and (entry.forecast_worst == 0 or entry.place <= entry.forecast_worst)
    forecast = "" if entry.forecast is None else f" about place {entry.forecast:,},"
    worst = f"{entry.forecast_worst:,}" if entry.forecast_worst else "the last"
    return (
        f"forecast from the hold-out:{forecast} between {entry.forecast_best:,} and {worst}; "
        f"by Kaggle's score place {entry.place:,}: {'inside' if inside else 'outside'}"
    )


def _tagged(submissions: list[dict[str, Any]], sha256: str) -> dict[str, Any] | None:
    return next((one for one in submissions if f"[{sha256[:TAG]}]" in one["message"]), None)
