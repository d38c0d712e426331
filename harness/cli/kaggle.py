"""The commands that speak to Kaggle."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import Commands, add_competition, add_data
from harness.utils.console import console, say
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.competition import Competition
    from harness.kaggle.submit import Sender


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "leaderboard", run_leaderboard, "the known ranks, and your runs among them", "harness leaderboard cifar10"
    )
    add_competition(command)
    command.add_argument("--download", action="store_true", help="fetch Kaggle's whole public leaderboard first")
    command.add_argument("--private", action="store_true", help="fetch Kaggle's whole private leaderboard first")

    command = commands.add(
        "download", run_download, "the data from Kaggle, verified and unpacked", "harness download dogs-vs-cats"
    )
    add_competition(command)
    command.add_argument("--file", metavar="NAME", help="only this file, as Kaggle names it; nothing is unpacked")

    command = commands.add(
        "upload", run_upload, "any CSV to Kaggle, once, and its score", "harness upload dogs-vs-cats colleague.csv"
    )
    add_competition(command)
    command.add_argument("file", metavar="FILE", type=Path, help="predictions for the organiser's test images")
    command.add_argument("--message", metavar="TEXT", help="a note for Kaggle's list (default: the file's name)")
    command.add_argument("--again", action="store_true", help="send it even if it was sent before")
    add_data(command)

    command = commands.add(
        "submissions", run_submissions, "what was sent to Kaggle, and its scores", "harness submissions dogs-vs-cats"
    )
    add_competition(command)
    command.add_argument(
        "--wait", nargs="?", const="", metavar="REF", help="wait for a score (default: of the newest without one)"
    )


def run_leaderboard(workspace: Workspace, options: Namespace) -> None:
    """The known points and one's own runs in one table."""
    from rich.table import Table

    from harness.cli.session import competition_of
    from harness.kaggle import download, standings
    from harness.kaggle.board import PRIVATE, PUBLIC, board, boards, downloaded
    from harness.kaggle.ledger import agreement
    from harness.kaggle.upload import client_of, ledger_of
    from harness.pipeline.rescoring import rescore
    from harness.plugins import loading
    from harness.scoring.leaderboard import medals
    from harness.scoring.metrics import METRICS

    loaded = competition_of(workspace, options)
    competition = loaded.declaration
    for asked, side, fetch in (
        (options.download, PUBLIC, download.leaderboard),
        (options.private, PRIVATE, download.private_leaderboard),
    ):
        if asked:
            file = downloaded(workspace, competition, side)
            say(f"Kaggle's {side} leaderboard, {fetch(client_of(competition), file):,} teams: {shown_path(file)}")
    known = boards(workspace, competition).private if options.private else board(workspace, competition)
    metric = METRICS[competition.metric]
    recipes, _ = loading.recipes(competition)
    sent = ledger_of(workspace, competition).latest()
    rescore(loaded.pipeline.artifacts)
    runs = standings.own_runs(workspace.runs(competition.name), competition.metric, recipes, sent)
    table = Table("rank", "what", metric.title, "out-of-fold", "public", "kind", box=None, pad_edge=False)
    for *cells, own in standings.shown(standings.rows(known, runs)):
        table.add_row(*cells, style="bold" if own else None)
    out = console()
    out.print(f"{competition.title}: {standings.pretty(metric)}")
    if known.teams:
        last = ", ".join(f"{name} to rank {rank:,}" for name, rank in medals(known.teams).items())
        out.print(f"{known.teams:,} teams; by Kaggle's rules {last}")
    out.print(table)
    if runs:
        out.print(
            "Your own runs stand by their hold-out score, on other images than the board's; ~ is interpolated. In "
            "brackets are the ranks that the interval spans; they stand alone where they are too many, or the images "
            "too few, to tell one."
        )
    else:
        out.print(f"You have no finished run yet. next: harness submit {competition.name}")
    if words := agreement(standings.comparable(sent, workspace.runs(competition.name), competition.metric)):
        out.print(words)


def run_download(workspace: Workspace, options: Namespace) -> None:
    """The competition's data from Kaggle, verified and unpacked."""
    from harness.kaggle.upload import fetch
    from harness.plugins import loading

    competition = loading.load(workspace, options.competition)
    if options.file:
        from harness.kaggle import download
        from harness.kaggle.upload import client_of

        file = download.one_file(client_of(competition), workspace.raw(competition.name), options.file)
        console().print(f"file: {shown_path(file)}")
        return
    fetch(workspace, competition)
    folder = shown_path(workspace.raw(competition.name))
    console().print(f"next: harness prepare {competition.name} --data {folder}")


def run_upload(workspace: Workspace, options: Namespace) -> None:
    """Any CSV, sent once."""
    from harness.cli.session import pipeline_of
    from harness.kaggle.upload import upload_file

    upload_file(pipeline_of(workspace, options), options.file, options.message, options.again)


def run_submissions(workspace: Workspace, options: Namespace) -> None:
    """What was sent, with scores fetched from Kaggle."""
    from rich.table import Table

    from harness.kaggle.credentials import SITE
    from harness.kaggle.failures import printable
    from harness.kaggle.ledger import SENDING, agreement
    from harness.kaggle.reconcile import references
    from harness.kaggle.selection import select
    from harness.kaggle.standings import comparable
    from harness.kaggle.upload import sender_of
    from harness.kaggle.words import verdict
    from harness.plugins import loading
    from harness.scoring.metrics import METRICS

    competition = loading.load(workspace, options.competition)
    sender = sender_of(workspace, competition)
    submissions = sender.refresh()
    if options.wait is not None:
        _wait(workspace, competition, sender, options.wait)
    entries = [entry for entry in sender.ledger.latest() if entry.slug == competition.slug]
    table = Table("time", "file", "status", "hold-out", "public", "private", "rank", box=None, pad_edge=False)
    for entry in entries:
        scores = ["" if one is None else f"{one:.5g}" for one in (entry.holdout, entry.public, entry.private)]
        rank = "" if entry.rank is None else f"~ {entry.rank:,}"
        status = "in doubt" if entry.status == SENDING else entry.status
        table.add_row(entry.time, entry.file, status, *scores, rank)
    ours, listed = references(sender.entries()), references(entries)
    for one in submissions:
        if one["reference"] not in listed:
            scores = ["" if one[name] is None else f"{one[name]:.5g}" for name in ("public", "private")]
            status = f"{one['status']}, {'sent again since' if one['reference'] in ours else 'not from here'}"
            table.add_row(one["date"][:19], printable(one["file"]), status, "", *scores, "")
    out = console()
    out.print(table if entries or submissions else f"Nothing was sent to {competition.slug} yet.")
    for entry in entries:
        if entry.status == SENDING:
            out.print(sender.doubt(entry))
        if words := verdict(entry):
            out.print(f"{entry.file}: {words}")
    compared = comparable(entries, workspace.runs(competition.name), competition.metric)
    there = {entry.sha256 for entry in compared}
    if others := sum(entry.holdout is not None and entry.sha256 not in there for entry in entries):
        out.print(f"Not compared with the others: {others}, for their run is gone, or their hold-out was another one.")
    if words := agreement(compared):
        out.print(words)
    higher_is_better = METRICS[competition.metric].higher_is_better
    form = competition.submission
    if two := select(compared, workspace.submissions(competition.name), form, higher_is_better):
        out.print(f"{two}. Selecting is done on the site: {SITE}/c/{competition.slug}/submissions")


def _wait(workspace: Workspace, competition: Competition, sender: Sender, reference: str) -> None:
    """Wait for the score of a submission; without a reference, of the newest one from here that has none."""
    from harness.kaggle.board import boards
    from harness.kaggle.ledger import PENDING
    from harness.kaggle.upload import print_result

    sent = [entry for entry in sender.ledger.latest() if entry.slug == competition.slug]
    waiting = [entry for entry in sent if entry.status == PENDING and reference in ("", entry.reference)]
    if not waiting and reference and not any(entry.reference == reference for entry in sent):
        before = [entry for entry in sender.ledger.entries() if entry.reference == reference]
        what = f"no submission {reference} was sent from here."
        what = f"{before[0].file} was sent again since {reference}." if before else what
        raise UserError(what, f"harness submissions {competition.name} lists them with their scores")
    if not waiting:
        say("Nothing is waiting for a score.")
        return
    entry = sender.wait(max(waiting, key=lambda one: one.time))
    print_result(entry, boards(workspace, competition), competition.name, console())
