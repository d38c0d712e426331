"""``harness kernel --push``: a run's models as a dataset, its notebook as a kernel, and the kernel's submission.

Each of the three is sent as a CSV is: once, by the same sender, with lines of its own in the same ledger. The same
command goes on where an earlier one stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.competition import Competition
from harness.kaggle import ledger as ledgers
from harness.kaggle.board import boards
from harness.kaggle.client import Client
from harness.kaggle.clock import Clock
from harness.kaggle.code_destinations import CodeSubmissions, DatasetVersions, KernelVersions
from harness.kaggle.destination import Destination
from harness.kaggle.failures import KaggleError, printable
from harness.kaggle.kernel import RESULT, Kernel
from harness.kaggle.ledger import COMPLETE, ERROR, PENDING, SENDING, Entry
from harness.kaggle.notebook import NOTEBOOK
from harness.kaggle.preflight import require_open
from harness.kaggle.submit import Sender
from harness.kaggle.upload import RunOf, client_of, entry_of, ledger_of, print_result
from harness.kaggle.words import CSV, Wording, message
from harness.utils.console import console, say
from harness.utils.errors import UserError
from harness.utils.files import shown_path, write_text
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.runs.records import Record

LOG = "kernel.log"
LOG_LINES = 15  # of a kernel that failed, shown

AGAIN = "the same command with --again"
DATASET = Wording(
    "Kaggle to unpack it", "run the same command again: another version is sent", AGAIN, "datasets/{slug}"
)
KERNEL = Wording("its run on the public images", "run the same command again: it is sent anew", AGAIN, "code/{slug}")
SUBMISSION = dataclasses.replace(
    CSV, result="the score on the hidden images", rejected="look at its page; it may be sent again", again=AGAIN
)


def push(
    workspace: Workspace,
    competition: Competition,
    record: Record,
    write: Callable[[str], Kernel],
    *,
    owner: str | None = None,
    text: str | None = None,
    again: bool = False,
) -> None:
    """Send what of a run is not at Kaggle yet, wait for each part, and print the score and its rank.

    Args:
        workspace: where files are kept.
        competition: the run's.
        record: the run.
        write: writes the kernel of an owner.
        owner: the user's name on Kaggle; None for the credentials' own.
        text: the submission's message; None for one with the run and its hold-out score.
        again: submit what was submitted before, and send what is in doubt.

    Raises:
        UserError: Kaggle refuses a part or rejects it, or the kernel fails there.
    """
    client = client_of(competition)
    require_open(client.slug)
    kernel = write(owner or _owner(client))
    way = _Way(workspace, competition, record, client, kernel, again)
    submission = way.submissions(0)
    last = submission.last(kernel.sends)
    if again or last is None or last.status != COMPLETE:
        if again or last is None or last.resendable:
            say(submission.preflight(notebook=True))
        way.dataset()
        submission = way.submissions(way.version())
    run = RunOf(record.recipe, record.key, record.scores)
    leaderboard = boards(workspace, competition).expected
    entry = entry_of(submission, leaderboard, run, f"{kernel.slug}.ipynb", kernel.sends, text)
    entry = submission.send(kernel.notebook / NOTEBOOK, entry, [], again)
    if entry.status == PENDING:
        entry = submission.wait(entry)
    print_result(entry, boards(workspace, competition), competition.name, console())


def _owner(client: Client) -> str:
    found = Clock().patiently(client.owner, client.patience.retry)
    if not found:
        raise UserError("Kaggle's credentials do not tell your name there.", "--owner NAME")
    return found


@dataclass(frozen=True)
class _Way:
    """The parts of one run, sent one after another."""

    workspace: Workspace
    competition: Competition
    record: Record
    client: Client
    kernel: Kernel
    again: bool

    def dataset(self) -> None:
        """Have the models at Kaggle as the newest version of their dataset, unless the kernel is there already."""
        sender = self._sender(DatasetVersions(self.client, self.kernel.owner, f"{self.kernel.slug}-models"), DATASET)
        last, models = self._sender(self._kernels(), KERNEL).last(self.kernel.sends), self.kernel.models
        if last is not None and last.status in (PENDING, COMPLETE):
            return
        there = [one for one in sender.entries() if one.status == COMPLETE]
        newest = max(there, key=lambda one: int(one.reference or 0), default=None)  # by its version
        replaced = newest is not None and newest.sha256 != models and _is(sender.last(models), COMPLETE)
        self._have(sender, self.kernel.dataset, f"{self.kernel.slug}-models", models, replaced)

    def version(self) -> int:
        """Have the kernel at Kaggle, and its run on the public images finished.

        Returns:
            The number of its version.

        Raises:
            UserError: its run failed; the message has the end of its log.
        """
        kernels = self._kernels()
        sender = self._sender(kernels, KERNEL)
        try:
            entry = self._have(sender, self.kernel.notebook, self.kernel.slug, self.kernel.sends)
        except UserError as error:
            if isinstance(error, KaggleError) or not _is(sender.last(self.kernel.sends), ERROR):
                raise
            raise self._with_log(error, kernels) from None
        return int(entry.reference)

    def submissions(self, version: int) -> Sender:
        """The sender of a version of the kernel to the competition."""
        patience = dataclasses.replace(self.client.patience, score=self.client.patience.run)
        destination = CodeSubmissions(self.client, self._kernels(), version, RESULT, patience)
        return self._sender(destination, SUBMISSION)

    def _kernels(self) -> KernelVersions:
        patience = dataclasses.replace(self.client.patience, score=self.client.patience.run)
        return KernelVersions(self.client, self.kernel.owner, self.kernel.slug, patience)

    def _sender(self, destination: Destination, wording: Wording) -> Sender:
        rank = boards(self.workspace, self.competition).rank
        ledger = ledger_of(self.workspace, self.competition)
        return Sender(destination, ledger, rank, self.competition.name, wording=wording)

    def _have(self, sender: Sender, folder: Path, name: str, sha256: str, again: bool = False) -> Entry:
        """Send a folder unless it was sent, and wait until Kaggle is done with it."""
        entry = Entry(
            time=ledgers.now(),
            slug=sender.destination.slug,
            file=name,
            sha256=sha256,
            recipe=self.record.recipe,
            run=self.record.key,
            message=message(f"{self.record.recipe} {self.record.key[:8]}", sha256),
        )
        again = again or (self.again and _is(sender.last(sha256), SENDING))
        entry = sender.send(folder, entry, [], again)
        if entry.status == PENDING:
            entry = sender.wait(entry)
        if entry.status == PENDING:
            raise UserError(
                f"Kaggle is not done with {name} yet ({sender.wording.result}).",
                "run the same command again later: it goes on waiting",
            )
        return entry

    def _with_log(self, error: UserError, kernels: KernelVersions) -> UserError:
        try:
            log = Clock().patiently(kernels.log, kernels.patience.retry)
        except KaggleError as trouble:
            return UserError(f"{error.what} Its log cannot be had: {trouble.what}", error.fix)
        file = self.kernel.folder / LOG
        write_text(file, log)
        end = "\n".join(f"  {printable(line)}" for line in log.strip().splitlines()[-LOG_LINES:])
        where = shown_path(file)
        return UserError(f"{error.what} The end of its log:\n{end or '  (it is empty)'}\nAll of it: {where}", error.fix)


def _is(entry: Entry | None, status: str) -> bool:
    return entry is not None and entry.status == status
