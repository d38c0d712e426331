"""What the commands about submissions and Kaggle do."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import competition as competitions
from harness.competition import Competition
from harness.console import console, say
from harness.errors import UserError
from harness.metrics import METRICS, Interval
from harness.predictions import HOLDOUT, OUT_OF_FOLD, TEST
from harness.scoring import ledger as ledgers
from harness.scoring.leaderboard import board, downloaded, medals, span_words
from harness.scoring.ledger import Entry, Ledger, agreement
from harness.workspace import Workspace

if TYPE_CHECKING:
    from harness.kaggle.client import Client
    from harness.kaggle.submit import Sender
    from harness.pipeline import Pipeline


def run_lint(workspace: Workspace, options: Namespace) -> None:
    """Everything that is wrong with a CSV."""
    from harness.commands import pipeline_of
    from harness.scoring.lint import lint

    pipeline = pipeline_of(workspace, options)
    competition, dataset = pipeline.competition, pipeline.dataset
    split = _split_of(pipeline, options.file)
    sent = _ledger(workspace, competition).sent(competition.slug or "")
    defects = lint(competition, dataset, options.file, sent, split)
    what = f"for the {len(dataset.rows(split)):,} {'test' if split == TEST else 'hold-out'} images"
    wrong = [defect for defect in defects if defect.severity != "warning"]
    for defect in defects:
        if defect not in wrong:
            console().print(f"warning: {defect.text}")
    if wrong:
        raise UserError(
            f"{options.file} is no good submission {what}:\n" + "\n".join(f"  - {defect.text}" for defect in wrong),
            f"mend the file, or make one with: harness submit {competition.name}",
        )
    console().print(f"{workspace.shown(options.file)}: no defect, {what}")


def _split_of(pipeline: Pipeline, file: Path) -> str:
    """The split whose ids a file holds most of."""
    from harness.scoring.lint import read

    dataset = pipeline.dataset
    text = read(file).decode("utf-8", errors="replace")
    cells = {line.split(pipeline.competition.submission.separator)[0].strip('"') for line in text.splitlines()}
    found = {split: sum(dataset.ids[row] in cells for row in dataset.rows(split)) for split in (TEST, HOLDOUT)}
    if not any(found.values()):
        return TEST if len(dataset.rows(TEST)) else HOLDOUT
    return max(found, key=lambda split: found[split])


def run_leaderboard(workspace: Workspace, options: Namespace) -> None:
    """The known points and one's own runs in one table."""
    from rich.table import Table

    from harness.scoring import standings

    competition = competitions.load(workspace, options.competition)
    if options.download:
        from harness.kaggle import download

        file = downloaded(workspace, competition)
        teams = download.leaderboard(_client(competition), file)
        say(f"Kaggle's leaderboard, {teams:,} teams: {workspace.shown(file)}")
    known, metric = board(workspace, competition), METRICS[competition.metric]
    recipes, _ = competitions.recipes(competition)
    sent = _ledger(workspace, competition).latest()
    runs = standings.own_runs(workspace.runs(competition.name), competition.metric, recipes, sent)
    table = Table("place", "what", metric.title, "out-of-fold", "public", "kind", box=None, pad_edge=False)
    for *cells, own in standings.shown(standings.rows(known, runs)):
        table.add_row(*cells, style="bold" if own else None)
    out = console()
    out.print(f"{competition.title}: {standings.pretty(metric)}")
    if known.teams:
        last = ", ".join(f"{name} to place {place:,}" for name, place in medals(known.teams).items())
        out.print(f"{known.teams:,} teams; by Kaggle's rules {last}")
    out.print(table)
    if runs:
        out.print("Your own runs stand by their hold-out score, on other images than the board's; ~ is interpolated.")
    else:
        out.print(f"You have no finished run yet. next: harness submit {competition.name}")
    if told := agreement(sent):
        out.print(told)


def run_download(workspace: Workspace, options: Namespace) -> None:
    """The competition's data from Kaggle, verified and unpacked."""
    competition = competitions.load(workspace, options.competition)
    fetch(workspace, competition)
    folder = workspace.shown(workspace.raw(competition.name))
    console().print(f"next: harness prepare {competition.name} --data {folder}")


def fetch(workspace: Workspace, competition: Competition) -> None:
    """Download a competition's data into its usual place, and unpack it."""
    from harness.data import dataset
    from harness.kaggle import download

    archive = download.data(_client(competition), workspace.raw(competition.name))
    reader, folder = dataset.locate(competition, archive.parent, workspace.data(competition.name) / "unpacked")
    say(f"data: {workspace.shown(folder)} ({reader.looks_for})")


def run_submissions(workspace: Workspace, options: Namespace) -> None:
    """What was sent, with scores fetched from Kaggle."""
    from rich.table import Table

    from harness.kaggle.client import printable
    from harness.kaggle.submit import verdict

    competition = competitions.load(workspace, options.competition)
    sender = sender_of(workspace, competition)
    found = sender.refresh()
    entries = [entry for entry in sender.ledger.latest() if entry.slug == competition.slug]
    table = Table("time", "file", "status", "hold-out", "public", "private", "place", box=None, pad_edge=False)
    for entry in entries:
        scores = ["" if one is None else f"{one:.5g}" for one in (entry.holdout, entry.public, entry.private)]
        place = "" if entry.place is None else f"~ {entry.place:,}"
        table.add_row(entry.time, entry.file, entry.status, *scores, place)
    ours = {entry.reference for entry in entries}
    for one in found:
        if one["reference"] not in ours:
            scores = ["" if one[name] is None else f"{one[name]:.5g}" for name in ("public", "private")]
            table.add_row(one["date"][:19], printable(one["file"]), f"{one['status']}, not from here", "", *scores, "")
    out = console()
    out.print(table if entries or found else f"Nothing was sent to {competition.slug} yet.")
    for entry in entries:
        if told := verdict(entry):
            out.print(f"{entry.file}: {told}")
    if told := agreement(entries):
        out.print(told)


# What `harness submit --upload` does before and after the CSV is made.


def before_upload(workspace: Workspace, pipeline: Pipeline) -> Sender:
    """See that an upload can be made, before any training."""
    sender = sender_of(workspace, pipeline.competition)
    say(sender.preflight())
    return sender


def fetch_if_missing(workspace: Workspace, pipeline: Pipeline) -> None:
    """Download the data where there is none and Kaggle has it for us."""
    from harness.kaggle.client import credentials

    competition = pipeline.competition
    needed = all(reader.on_disk for reader in competition.readers) and pipeline.options.data is None
    raw, remembered = workspace.raw(competition.name), workspace.data(competition.name) / "source.json"
    if needed and competition.slug and not remembered.is_file() and not _holds(raw) and credentials() is not None:
        fetch(workspace, competition)


def _holds(folder: Path) -> bool:
    return folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir())


def require_test(pipeline: Pipeline) -> None:
    """Refuse to train for an upload that has no images to predict."""
    if not len(pipeline.dataset.rows(TEST)):
        raise UserError(
            f"the data of {pipeline.competition.name} here has no test images of the organiser's to predict.",
            f"harness download {pipeline.competition.name}, then give what it downloads with --data",
        )


def upload(workspace: Workspace, pipeline: Pipeline, sender: Sender, recipe: str, text: str | None, dry: bool) -> None:
    """Lint and send a recipe's CSV, wait for its score, and tell its place."""
    from harness.kaggle.submit import message, verdict
    from harness.scoring.lint import digest, lint

    competition, run = pipeline.competition, pipeline.run_of(recipe)
    file = pipeline.submission_files(recipe)[TEST]
    # Sending finds out by itself, after asking Kaggle, whether the file was sent before.
    defects = lint(competition, pipeline.dataset, file, sender.ledger.sent(sender.client.slug) if dry else {})
    metrics = run.metrics() or {}
    held, out_of_fold = metrics.get(HOLDOUT, {}), metrics.get(OUT_OF_FOLD, {})
    sha256 = digest(file)
    shown = "" if not held else f", hold-out {held['score']:.5g}"
    known = board(workspace, competition)
    span = known.span(Interval(held["score"], held["low"], held["high"])) if held else None
    standing = known.standing(held["score"]) if held else None
    entry = Entry(
        time=ledgers.now(),
        slug=sender.client.slug,
        file=file.name,
        sha256=sha256,
        recipe=recipe,
        run=run.key,
        holdout=held.get("score"),
        out_of_fold=out_of_fold.get("score"),
        message=message(text or f"{recipe} {run.key[:8]}{shown}", sha256),
        forecast=standing.place if standing else None,
        forecast_best=span[0] if span else None,
        forecast_worst=span[1] if span else None,
    )
    out = console()
    if span:
        out.print(f"forecast: {span_words(span)} by the hold-out's interval")
    if dry:
        out.print(f"would send: {workspace.shown(file)} ({file.stat().st_size:,} bytes, sha256 {sha256})")
        out.print(f"to: {sender.client.slug}\nwith the message: {entry.message}")
        for defect in defects:
            out.print(f"{'warning' if defect.severity == 'warning' else 'it would be refused'}: {defect.text}")
        return
    entry = sender.send(file, entry, defects)
    if entry.status == ledgers.PENDING:
        entry = sender.wait(entry)
    if entry.status == ledgers.PENDING:
        out.print(f"uploaded: reference {entry.reference}; no score yet. next: harness submissions {competition.name}")
        return
    scores = {"public score": entry.public, "private score": entry.private}
    told_scores = ", ".join(f"{name} {value:g}" for name, value in scores.items() if value is not None)
    out.print(f"uploaded: reference {entry.reference}, {told_scores or 'no score told'}")
    score = entry.private if entry.private is not None else entry.public
    if score is not None and (place := known.standing(score)):
        out.print(f"place on the known board: {place}")
    if told := verdict(entry):
        out.print(told)


def sender_of(workspace: Workspace, competition: Competition) -> Sender:
    """What sends files to a competition."""
    from harness.kaggle.submit import Sender

    known = board(workspace, competition)

    def place(score: float) -> int | None:
        standing = known.standing(score)
        return standing.place if standing else None

    return Sender(_client(competition), _ledger(workspace, competition), place)


def _client(competition: Competition) -> Client:
    from harness.kaggle.client import Client

    if competition.slug is None:
        raise UserError(
            f"{competition.name} has no Kaggle competition.", "set slug= in its competition.py, if there is one"
        )
    return Client(competition.slug)


def _ledger(workspace: Workspace, competition: Competition) -> Ledger:
    return Ledger(workspace.submissions(competition.name) / ledgers.FILE)
