"""The steps of ``harness submit --upload`` before and after the CSV is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.competition import Competition
from harness.data.splits import HOLDOUT, OUT_OF_FOLD, TEST
from harness.kaggle import ledger as ledgers
from harness.kaggle.board import board
from harness.kaggle.ledger import Entry, Ledger
from harness.scoring.leaderboard import Leaderboard, span_words
from harness.scoring.metrics import Interval
from harness.utils.console import console, say
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console

    from harness.kaggle.client import Client
    from harness.kaggle.submit import Sender
    from harness.pipeline.graph import Pipeline


def before_upload(workspace: Workspace, pipeline: Pipeline) -> Sender:
    """Check that an upload is possible, before any training."""
    sender = sender_of(workspace, pipeline.competition)
    say(sender.preflight())
    return sender


def fetch_if_missing(workspace: Workspace, pipeline: Pipeline) -> None:
    """Download the data if it is missing and there are credentials for Kaggle."""
    from harness.kaggle.credentials import credentials

    competition = pipeline.competition
    on_disk = all(reader.on_disk for reader in competition.readers)
    raw, source_record = workspace.raw(competition.name), workspace.data(competition.name) / "source.json"
    missing = pipeline.artifacts.options.data is None and not source_record.is_file() and not _has_files(raw)
    if on_disk and competition.slug and missing and credentials() is not None:
        fetch(workspace, competition)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir())


def require_test(pipeline: Pipeline) -> None:
    """Raise an error before training for an upload if there are no test images to predict."""
    if not len(pipeline.artifacts.dataset.rows(TEST)):
        raise UserError(
            f"the local data of {pipeline.competition.name} has no test images of the organiser's to predict.",
            f"harness download {pipeline.competition.name}, then pass the downloaded folder with --data",
        )


def upload(workspace: Workspace, pipeline: Pipeline, sender: Sender, recipe: str, text: str | None, dry: bool) -> None:
    """Lint and send a recipe's CSV, wait for its score, and print its rank.

    Args:
        workspace: where files are kept.
        pipeline: the competition's pipeline.
        sender: sends files to the competition.
        recipe: the recipe's name.
        text: the submission's message; None for one with the run and its hold-out score.
        dry: only show what would be sent.
    """
    from harness.scoring.lint import lint

    competition, dataset = pipeline.competition, pipeline.artifacts.dataset
    file = pipeline.artifacts.submission_files(recipe)[TEST]
    ids = tuple(dataset.ids[row] for row in dataset.rows(TEST))
    # Sender.send itself checks, after asking Kaggle, whether the file was sent before.
    sent = sender.ledger.sent(sender.client.slug) if dry else {}
    defects = lint(competition.submission, file, ids, dataset.classes, sent)
    leaderboard = board(workspace, competition)
    entry = _entry(pipeline, sender, leaderboard, recipe, file, text)
    out = console()
    if entry.forecast_best is not None and entry.forecast_worst is not None:
        out.print(f"forecast: {span_words((entry.forecast_best, entry.forecast_worst))} by the hold-out's interval")
    if dry:
        out.print(f"would send: {workspace.shown(file)} ({file.stat().st_size:,} bytes, sha256 {entry.sha256})")
        out.print(f"to: {sender.client.slug}\nwith the message: {entry.message}")
        for defect in defects:
            out.print(f"{'warning' if defect.severity == 'warning' else 'it would be refused'}: {defect.text}")
        return
    entry = sender.send(file, entry, defects)
    if entry.status == ledgers.PENDING:
        entry = sender.wait(entry)
    _print_result(entry, leaderboard, competition.name, out)


def _entry(
    pipeline: Pipeline, sender: Sender, leaderboard: Leaderboard, recipe: str, file: Path, text: str | None
) -> Entry:
    """The ledger's entry for a CSV before it is sent, with the forecast of its rank."""
    from harness.kaggle.submit import message
    from harness.scoring.lint import digest

    run = pipeline.artifacts.run_of(recipe)
    metrics = run.metrics() or {}
    holdout, out_of_fold = metrics.get(HOLDOUT, {}), metrics.get(OUT_OF_FOLD, {})
    span = leaderboard.span(Interval(holdout["score"], holdout["low"], holdout["high"])) if holdout else None
    standing = leaderboard.standing(holdout["score"]) if holdout else None
    sha256 = digest(file)
    score = f", hold-out {holdout['score']:.5g}" if holdout else ""
    return Entry(
        time=ledgers.now(),
        slug=sender.client.slug,
        file=file.name,
        sha256=sha256,
        recipe=recipe,
        run=run.key,
        holdout=holdout.get("score"),
        out_of_fold=out_of_fold.get("score"),
        message=message(text or f"{recipe} {run.key[:8]}{score}", sha256),
        forecast=standing.rank if standing else None,
        forecast_best=span[0] if span else None,
        forecast_worst=span[1] if span else None,
    )


def _print_result(entry: Entry, leaderboard: Leaderboard, competition: str, out: Console) -> None:
    """Print the score and the rank of a file that was sent, and the accuracy of the forecast."""
    from harness.kaggle.submit import verdict

    if entry.status == ledgers.PENDING:
        out.print(f"uploaded: reference {entry.reference}; no score yet. next: harness submissions {competition}")
        return
    scores = {"public score": entry.public, "private score": entry.private}
    words = ", ".join(f"{name} {value:g}" for name, value in scores.items() if value is not None)
    out.print(f"uploaded: reference {entry.reference}, {words or 'no score given'}")
    score = entry.private if entry.private is not None else entry.public
    if score is not None and (standing := leaderboard.standing(score)):
        out.print(f"rank on the known leaderboard: {standing}")
    if remark := verdict(entry):
        out.print(remark)


def fetch(workspace: Workspace, competition: Competition) -> None:
    """Download a competition's data into its usual folder, and unpack it."""
    from harness.data import dataset
    from harness.kaggle import download

    archive = download.data(client_of(competition), workspace.raw(competition.name))
    reader, folder = dataset.locate(
        competition.readers,
        archive.parent,
        workspace.data(competition.name) / "unpacked",
        competition.name,
        competition.obtain,
    )
    say(f"data: {workspace.shown(folder)} ({reader.looks_for})")


def sender_of(workspace: Workspace, competition: Competition) -> Sender:
    """The sender of files to a competition."""
    from harness.kaggle.submit import Sender

    leaderboard = board(workspace, competition)

    def rank(public: float | None, private: float | None) -> int | None:
        score = private if private is not None else public
        standing = None if score is None else leaderboard.standing(score)
        return standing.rank if standing else None

    return Sender(client_of(competition), ledger_of(workspace, competition), rank, competition.name)


def client_of(competition: Competition) -> Client:
    from harness.kaggle.client import Client

    if competition.slug is None:
        raise UserError(
            f"{competition.name} has no Kaggle competition.", "set slug= in its competition.py, if there is one"
        )
    return Client(competition.slug)


def ledger_of(workspace: Workspace, competition: Competition) -> Ledger:
    return Ledger(workspace.submissions(competition.name) / ledgers.FILE)
