"""Sending to Kaggle: checked first, confirmed only by Kaggle's reference, and never sent twice.

What is sent is a CSV, or for a code competition a dataset, a kernel, and the order to submit it. Here all are "files".

The ledger gets a line before the upload ("uploading") and another one before Kaggle is asked to file what was uploaded
("sending"). Whatever is interrupted after the first line was not submitted. Whatever is interrupted after the second
one may have been, may be filed late, and may be listed late: it is in doubt, and is not sent again before
``Patience.doubt`` seconds have passed. ``worker`` sees to it that nothing is submitted after its parent is gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.kaggle.clock import Answer, Clock, pauses
from harness.kaggle.credentials import SITE
from harness.kaggle.destination import Destination
from harness.kaggle.failures import KaggleError
from harness.kaggle.ledger import COMPLETE, PENDING, SENDING, UPLOADING, Entry, Ledger, stamp
from harness.kaggle.preflight import quota, require_open
from harness.kaggle.reconcile import Listing, changes, doubt_ends, references, tagged, undone, with_row
from harness.kaggle.words import CSV, Wording, accepted, did_not_arrive, require_clean, upload_bar
from harness.scoring.lint import Defect
from harness.utils.console import say, seconds
from harness.utils.errors import UserError
from harness.utils.files import lock


@dataclass(frozen=True)
class Sender:
    """Sends files to one destination.

    Args:
        destination: where files are sent to: the competition's client, for one.
        ledger: the ledger of sent files.
        rank: gives the rank of a public and a private score on the leaderboard; None if there is none.
        name: the competition's name here, for messages.
        clock: the time.
        wording: what is said of such files.
    """

    destination: Destination
    ledger: Ledger
    rank: Callable[[float | None, float | None], int | None]
    name: str
    clock: Clock = field(default_factory=Clock)
    wording: Wording = CSV

    def preflight(self, notebook: bool = False) -> str:
        """Check that a submission is possible, before any work is done for it.

        Args:
            notebook: whether a notebook is to be submitted, not a CSV.

        Returns:
            The result in words.

        Raises:
            UserError: there are no credentials, the competition is closed or accepts only notebooks, its rules are not
                accepted yet, or no submission is left.
        """
        require_open(self.destination.slug)
        return quota(self.destination.slug, self._patiently(self.destination.about), self.name, notebook)

    def refresh(self) -> list[dict[str, Any]]:
        """Update the ledger from Kaggle.

        Returns:
            Kaggle's submissions, the newest first.
        """
        with self._lock():
            return self._refresh()

    def send(self, file: Path, entry: Entry, defects: list[Defect], again: bool = False) -> Entry:
        """Send a file, once.

        Args:
            file: the CSV.
            entry: what is known about the file.
            defects: the linter's findings.
            again: send it even if it was sent before.

        Returns:
            The entry with Kaggle's reference; of an earlier submission, if the file was sent before.

        Raises:
            UserError: the file has errors, or did not arrive, or Kaggle rejected it.
        """
        require_clean(file, defects)
        last = self.last(entry.sha256)
        if last is not None and last.status == COMPLETE and not again:
            say(f"{entry.file} was sent before: {last}")
            return last  # nobody needs to be asked
        asked, earlier, waits = False, set[str](), pauses(self.destination.patience.retry)
        try:
            while True:
                looked = self.clock.now()
                with self._lock():
                    last = self._look(entry)
                    if asked and last is not None and (last.resendable or last.reference in earlier):
                        raise did_not_arrive(last, self.wording)
                    if last is None or last.resendable or (again and not asked):
                        earlier = references(self.entries(), entry.sha256)
                        last = self._patiently(lambda: self._submit(file, entry))
                        asked = True
                    elif not asked and last.status != SENDING:
                        say(f"{entry.file} was sent before: {last}")
                if last.status != SENDING:
                    return last
                self._wait_in_doubt(last, looked, next(waits))
        except KeyboardInterrupt:
            self._say_where_it_is(entry.sha256)
            raise

    def wait(self, entry: Entry) -> Entry:
        """Wait for the score. Ctrl-C stops only the waiting.

        Returns:
            The entry with its score, or still pending after ``patience.score`` seconds.

        Raises:
            UserError: Kaggle rejected the file's content.
        """
        patience, started = self.destination.patience, self.clock.now()
        pause, last_problem, next_word = patience.poll, "", 10.0
        sent = f"{entry.file} was sent as {entry.reference}"
        say(f"{sent}; waiting for {self.wording.result} (Ctrl-C stops only the waiting)")
        try:
            while (waited := (self.clock.now() - started).total_seconds()) < patience.score:
                try:
                    submission = self.destination.submission(entry.reference)
                except KaggleError as error:
                    if not error.passing:
                        raise
                    if error.what != last_problem:
                        say(last_problem := error.what)
                    pause = max(pause, error.wait or 0.0)
                else:
                    updated = with_row(entry, submission, self.rank)
                    if updated.status != PENDING:
                        updated = updated.changed(time=stamp(self.clock.now()))
                        self.ledger.append(updated)
                        return accepted(updated, submission["why"], self.wording)
                    if waited >= next_word:
                        say(f"not yet after {seconds(waited)}; waiting up to {seconds(patience.score)}")
                        next_word *= 2
                self.clock.sleep(min(pause, max(0.0, patience.score - waited)))
                pause = min(1.5 * pause, 10 * patience.poll)
        except KeyboardInterrupt:
            say(
                f"Kaggle has {entry.file} as {entry.reference}. The same command goes on waiting"
                + (f", and so does: {self._command(self.wording.wait)}" if self.wording.wait else ".")
            )
            raise
        return entry

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """A context in which nobody else is sending, nor a worker left behind by a harness that was killed."""
        with lock(self.ledger.path.with_name("upload"), "an upload"):
            with lock(self._held, "an upload"):
                pass
            yield

    @property
    def _held(self) -> Path:
        """What a worker locks as long as it lives."""
        return self.ledger.path.with_name("worker")

    def entries(self) -> list[Entry]:
        return [entry for entry in self.ledger.entries() if entry.slug == self.destination.slug]

    def last(self, sha256: str) -> Entry | None:
        """The ledger's last line about a file."""
        return next((entry for entry in reversed(self.entries()) if entry.sha256 == sha256), None)

    def _refresh(self) -> list[dict[str, Any]]:
        time, rows = self.clock.now(), self._patiently(self.destination.submissions)
        listing = Listing(rows, time, lambda: self._patiently(self.destination.about)["total"] == 0)
        if new := changes(self.entries(), listing, self.destination.patience.doubt, self.rank):
            self.ledger.append(*new)
        return rows

    def _look(self, entry: Entry) -> Entry | None:
        """What is known of a file, after asking Kaggle. What was sent from elsewhere is added to the ledger.

        Raises:
            KaggleError: Kaggle does not answer, and the file is not in doubt, or its time is over.
        """
        try:
            rows = self._refresh()
        except KaggleError as error:
            last = self.last(entry.sha256)
            if not error.passing or last is None or last.status != SENDING or not self._in_doubt(last):
                raise
            say(error.what)
            return last
        known = references(self.entries(), entry.sha256)
        found = [with_row(entry, row, self.rank) for row in tagged(rows, entry.sha256, known)]
        if found:
            found.sort(key=lambda one: not one.resendable)  # what counts comes last
            self.ledger.append(*(one.changed(time=stamp(self.clock.now())) for one in found))
        return self.last(entry.sha256)

    def _submit(self, file: Path, entry: Entry) -> Entry:
        """Upload and submit a file. Before the submission, it may be repeated.

        Returns:
            The entry with a reference, or in doubt.

        Raises:
            KaggleError: nothing was submitted; or Kaggle refused to file it, which is in doubt for the time being.
        """
        current = entry.changed(time=stamp(self.clock.now()), status=UPLOADING)
        self.ledger.append(current)

        def asking() -> None:
            nonlocal current
            current = entry.changed(time=stamp(self.clock.now()), status=SENDING)
            self.ledger.append(current)

        try:
            with upload_bar(file, entry) as bar:
                reference = self.destination.submit(
                    file, entry.message, self._held.with_name(f".{self._held.name}.lock"), asking,
                    lambda sent: bar.update(sent - bar.n),
                )  # fmt: skip
        except (KaggleError, KeyboardInterrupt) as error:
            if current.status == UPLOADING:
                self.ledger.append(undone(self.entries(), current, self.clock.now()))
                raise
            if isinstance(error, KeyboardInterrupt):
                raise
            if not error.passing and error.status is not None:
                what = f"{error.what} To be safe, {self._words(current)}"
                raise KaggleError(what, error.fix or "", status=error.status) from None
            say(error.what)
            return current
        if not reference:
            say("Kaggle gave no reference for the file.")
            return current
        current = entry.changed(time=stamp(self.clock.now()), status=PENDING, reference=reference)
        self.ledger.append(current)
        return current

    def _in_doubt(self, entry: Entry) -> bool:
        return self.clock.now() < doubt_ends(entry, self.destination.patience.doubt)

    def doubt(self, entry: Entry) -> str:
        """What is known of a file in doubt, in words."""
        return (
            f"{entry.file}: Kaggle was asked to file it on {entry.time}, has not answered, and does not list it. "
            f"{self._words(entry)}"
        )

    def _words(self, entry: Entry) -> str:
        """Until when a file in doubt is not sent again."""
        end = doubt_ends(entry, self.destination.patience.doubt)
        left = max(0.0, (end - self.clock.now()).total_seconds())
        return f"{entry.file} is not sent again before {end:%H:%M:%S} UTC ({seconds(left)} from now)."

    def _wait_in_doubt(self, entry: Entry, looked: datetime, pause: float) -> None:
        """Wait before the next look at a file in doubt.

        Raises:
            UserError: the last look came after its time, and still proved nothing.
        """
        left = (doubt_ends(entry, self.destination.patience.doubt) - looked).total_seconds()
        if left <= 0:
            page = f"{SITE}/{self.wording.page.format(slug=self.destination.slug)}"
            raise UserError(
                f"Kaggle was asked to file {entry.file} on {entry.time}, and does not list it; but its list lacks "
                "other submissions too, or is empty. It is unknown whether the file arrived, and it is not sent again.",
                f"look at {page}; if it is not there: {self._command(self.wording.again)}",
            )
        pause = min(pause, left)
        say(
            f"Kaggle was asked to file {entry.file} and does not list it yet. {self._words(entry)} "
            f"Looking again in {seconds(pause)}; Ctrl-C stops the looking."
        )
        self.clock.sleep(pause)

    def _say_where_it_is(self, sha256: str) -> None:
        last = self.last(sha256)
        if last is None or last.resendable:
            say("Nothing was submitted.")
        elif last.status == COMPLETE:
            say(f"Nothing more was submitted. {last.file} was sent before: {last}")
        elif last.status == SENDING:
            say(
                f"It is unknown whether {last.file} arrived: {self._words(last)} The same command looks again"
                + (f", and so does: {self._command(self.wording.look)}" if self.wording.look else ".")
            )

    def _command(self, command: str) -> str:
        return command.format(name=self.name)

    def _patiently(self, call: Callable[[], Answer]) -> Answer:
        return self.clock.patiently(call, self.destination.patience.retry)
