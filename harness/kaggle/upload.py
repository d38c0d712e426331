"""The steps of ``harness submit --upload`` before and after the CSV is made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.competition import Competition
from harness.data.splits import HOLDOUT, OUT_OF_FOLD, TEST
from harness.kaggle import ledger as ledgers
from harness.kaggle.board import Boards, boards
from harness.kaggle.ledger import Entry, Ledger
from harness.kaggle.preflight import require_slug
from harness.scoring.evaluation import interval_of
from harness.scoring.leaderboard import Leaderboard, span_words
from harness.utils.console import console, say
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console

    from harness.kaggle.client import Client
    from harness.kaggle.submit import Sender
    from harness.pipeline.graph import Pipeline
    from harness.scoring.lint import Defect

# What an entry says of the run that made its file.
OF_RUN = ("recipe", "run", "holdout", "out_of_fold", "forecast", "forecast_best", "forecast_worst")


@dataclass(frozen=True)
class RunOf:
    """The run that made a file: its recipe, its key, and its scores by split."""

    recipe: str
    key: str
    scores: dict[str, dict[str, Any]]


def before_upload(pipeline: Pipeline, file: Path | None = None, again: bool = False) -> Sender:
    """Check that an upload is possible, before any training.

    Args:
        pipeline: the competition's pipeline.
        file: the CSV, where it is known already: one that was sent before needs no submission that is left.
        again: whether it is to be sent even so.
    """
    from harness.scoring.lint import digest

    sender = sender_of(pipeline.workspace, pipeline.competition)
    before = sender.ledger.sent(sender.destination.slug)
    sent = not again and file is not None and file.is_file() and digest(file) in before
    if not sent:
        say(sender.preflight())
    return sender


def upload_file(pipeline: Pipeline, file: Path, text: str | None, again: bool) -> None:
    """Lint and send any CSV for the organiser's test images, wait for its score, and print its rank.

    Args:
        pipeline: the competition's pipeline.
        file: the CSV, of any origin.
        text: the submission's message; None for the file's name.
        again: send it even if it was sent before.
    """
    from harness.kaggle.words import message
    from harness.scoring.lint import digest, read

    read(file)
    sender = before_upload(pipeline, file, again)
    require_test(pipeline)
    sha256 = digest(file)
    entry = Entry(
        time=ledgers.now(),
        slug=sender.destination.slug,
        file=file.name,
        sha256=sha256,
        recipe=file.stem,
        run="",
        message=message(text or file.name, sha256),
    )
    if (known := sender.last(sha256)) is not None:  # which run made it, its hold-out's score and its forecast
        kept = {name: getattr(known, name) for name in OF_RUN} | ({} if text else {"message": known.message})
        entry = dataclasses.replace(entry, **kept)
    _send(pipeline, sender, file, entry, again)


def fetch_if_missing(pipeline: Pipeline) -> None:
    """Download the data if it is missing and there are credentials for Kaggle."""
    from harness.kaggle.credentials import credentials

    workspace, competition = pipeline.workspace, pipeline.competition
    on_disk = all(reader.on_disk for reader in competition.readers)
    raw, source_record = workspace.raw(competition.name), workspace.data(competition.name) / "source.json"
    missing = pipeline.artifacts.options.data is None and not source_record.is_file() and not _has_files(raw)
    if on_disk and competition.slug and missing and credentials() is not None:
        fetch(workspace, competition)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir())


def require_test(pipeline: Pipeline) -> None:
    """Raise an error before training for an upload if there are no test images to predict."""
    if not pipeline.artifacts.dataset.row_ids(TEST):
        raise UserError(
            f"the local data of {pipeline.competition.name} has no test images of the organiser's to predict.",
            f"harness download {pipeline.competition.name}, then pass the downloaded folder with --data",
        )


def upload(pipeline: Pipeline, sender: Sender, recipe: str, text: str | None, dry: bool) -> None:
    """Lint and send a recipe's CSV, wait for its score, and print its rank.

    Args:
        pipeline: the competition's pipeline.
        sender: sends files to the competition.
        recipe: the recipe's name.
        text: the submission's message; None for one with the run and its hold-out score.
        dry: only show what would be sent.
    """
    from harness.scoring.lint import digest

    file = pipeline.artifacts.submission_files(recipe)[TEST]
    leaderboard = boards(pipeline.workspace, pipeline.competition).expected
    run = pipeline.artifacts.run_of(recipe)
    of = RunOf(recipe, run.key, run.metrics() or {})
    entry = entry_of(sender, leaderboard, of, file.name, digest(file), text)
    out = console()
    if entry.forecast_best is not None and entry.forecast_worst is not None:
        out.print(f"forecast: {span_words((entry.forecast_best, entry.forecast_worst))} by the hold-out's interval")
    if dry:
        out.print(f"would send: {shown_path(file)} ({file.stat().st_size:,} bytes, sha256 {entry.sha256})")
        out.print(f"to: {sender.destination.slug}\nwith the message: {entry.message}")
        for defect in _defects(pipeline, file, sender.ledger.sent(sender.destination.slug)):
            out.print(f"{'warning' if defect.severity == 'warning' else 'it would be refused'}: {defect.text}")
        return
    _send(pipeline, sender, file, entry)


def _defects(pipeline: Pipeline, file: Path, sent: dict[str, str]) -> list[Defect]:
    from harness.scoring.lint import lint

    competition, dataset = pipeline.competition, pipeline.artifacts.dataset
    return lint(competition.submission, file, dataset.row_ids(TEST), dataset.classes, sent)


def _send(pipeline: Pipeline, sender: Sender, file: Path, entry: Entry, again: bool = False) -> None:
    """Send a CSV once, wait for its score, and print the score and its rank."""
    # Sender.send itself checks, after asking Kaggle, whether the file was sent before.
    entry = sender.send(file, entry, _defects(pipeline, file, {}), again)
    if entry.status == ledgers.PENDING:
        entry = sender.wait(entry)
    competition = pipeline.competition
    print_result(entry, boards(pipeline.workspace, competition), competition.name, console())


def entry_of(
    sender: Sender, leaderboard: Leaderboard, record: RunOf, file: str, sha256: str, text: str | None
) -> Entry:
    """The ledger's entry for a file before it is sent, with the forecast of its rank.

    Args:
        sender: sends it.
        leaderboard: gives the rank.
        record: the run that made it.
        file: its name.
        sha256: the hash of its content.
        text: the submission's message; None for one with the run and its hold-out score.
    """
    from harness.kaggle.words import message

    holdout, out_of_fold = record.scores.get(HOLDOUT, {}), record.scores.get(OUT_OF_FOLD, {})
    span = leaderboard.span(interval_of(holdout)) if holdout else None
    standing = leaderboard.standing(holdout["score"]) if holdout else None
    score = f", hold-out {holdout['score']:.5g}" if holdout else ""
    return Entry(
        time=ledgers.now(),
        slug=sender.destination.slug,
        file=file,
        sha256=sha256,
        recipe=record.recipe,
        run=record.key,
        holdout=holdout.get("score"),
        out_of_fold=out_of_fold.get("score"),
        message=message(text or f"{record.recipe} {record.key[:8]}{score}", sha256),
        forecast=standing.rank if standing else None,
        forecast_best=span[0] if span else None,
        forecast_worst=span[1] if span else None,
    )


def print_result(entry: Entry, known: Boards, competition: str, out: Console) -> None:
    """Print the score and the rank of a file that was sent, and the accuracy of the forecast."""
    from harness.kaggle.words import verdict

    if entry.status == ledgers.PENDING:
        out.print(f"uploaded: reference {entry.reference}; no score yet. next: harness submissions {competition}")
        return
    scores = {"public score": entry.public, "private score": entry.private}
    words = ", ".join(f"{name} {value:g}" for name, value in scores.items() if value is not None)
    out.print(f"uploaded: reference {entry.reference}, {words or 'no score given'}")
    if place := known.place(entry.public, entry.private):
        out.print(f"rank on the {place[0]} leaderboard: {place[1]}")
    if remark := verdict(entry):
        out.print(remark)


def fetch(workspace: Workspace, competition: Competition) -> None:
    """Download a competition's data into its usual folder, and unpack it."""
    from harness.data.locating import locate
    from harness.kaggle import download

    archive = download.data(client_of(competition), workspace.raw(competition.name))
    reader, folder = locate(
        competition.readers,
        archive.parent,
        workspace.data(competition.name) / "unpacked",
        competition.name,
        competition.obtain,
    )
    say(f"data: {shown_path(folder)} ({reader.looks_for})")


def sender_of(workspace: Workspace, competition: Competition) -> Sender:
    """The sender of files to a competition."""
    from harness.kaggle.submit import Sender

    rank = boards(workspace, competition).rank
    return Sender(client_of(competition), ledger_of(workspace, competition), rank, competition.name)


def client_of(competition: Competition) -> Client:
    from harness.kaggle.client import Client

    return Client(require_slug(competition))


def ledger_of(workspace: Workspace, competition: Competition) -> Ledger:
    return Ledger(workspace.submissions(competition.name) / ledgers.FILE)
