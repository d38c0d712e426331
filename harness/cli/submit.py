"""The commands about submission CSVs: making, scoring and checking one."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import (
    Commands,
    add_competition,
    add_data,
    add_folds,
    add_settings,
    add_workers,
    given,
    require_with,
)
from harness.cli.session import competition_of, pipeline_of
from harness.cli.tables import print_scores
from harness.data.splits import HOLDOUT, TEST
from harness.pipeline.selection import all_take
from harness.utils.console import console, say, seconds
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.api import LoadedCompetition
    from harness.pipeline.graph import Pipeline


def add_commands(commands: Commands) -> None:
    command = commands.add("submit", run_submit, "everything up to a scored CSV", "harness submit digits")
    add_competition(command)
    command.add_argument("--recipe", metavar="RECIPE", help="the recipe to submit (default: the competition's)")
    command.add_argument("--upload", action="store_true", help="send the CSV to Kaggle, once, and wait for its score")
    command.add_argument(
        "--dry-run", action="store_true", help="with --upload: show what would be sent, and send nothing"
    )
    command.add_argument("--message", metavar="TEXT", help="with --upload: a note for Kaggle's list (default: the run)")
    add_data(command)
    add_folds(command)
    add_settings(command)
    add_workers(command)

    command = commands.add(
        "score",
        run_score,
        "score a CSV on the hold-out",
        "harness score digits submissions/digits/blend-0123abcd-holdout.csv",
    )
    add_competition(command)
    command.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: the CSV of the latest run")
    command.add_argument(
        "--answers", type=Path, metavar="CSV", help="score on these ids and labels; rows without a label are not scored"
    )

    command = commands.add("lint", run_lint, "everything that is wrong with a CSV", "harness lint digits my.csv")
    add_competition(command)
    command.add_argument("file", metavar="FILE", type=Path, help="a CSV for the hold-out or the test images")


def run_submit(workspace: Workspace, options: Namespace) -> None:
    """Everything up to a scored CSV, and a summary."""
    from harness.kaggle import upload

    started = time.monotonic()
    competition = competition_of(workspace, options)
    pipeline = competition.pipeline
    recipe = options.recipe or competition.default_recipe
    chosen = pipeline.artifacts.choose([recipe])
    if options.upload and options.smoke and not options.dry_run:
        raise UserError(
            "--smoke with --upload would spend a submission on a shrunken run.",
            f"to see what would be sent: --dry-run; to send the whole run: harness submit {competition.name} --upload",
        )
    if not options.dry_run:
        require_with(options, "upload", "message")
    sender = None
    if options.upload or options.dry_run:
        made = pipeline.artifacts.submission_files(recipe).get(TEST) if _is_known(pipeline) else None
        sender = upload.before_upload(pipeline, made)
    upload.fetch_if_missing(pipeline)
    if sender is not None:
        upload.require_test(pipeline)
    pipeline.perform(chosen, submit=recipe)
    print_scores(pipeline, chosen)
    out = console()
    for split, file in pipeline.artifacts.submission_files(recipe).items():
        out.print(f"{'submission' if split == 'test' else 'hold-out'}: {shown_path(file)}")
        if split == "holdout":
            out.print(str(competition.score(file)))
    if sender is not None:
        upload.upload(pipeline, sender, recipe, options.message, options.dry_run)
    took = ", ".join(f"{name} {seconds(value)}" for name, value in pipeline.took.items())
    out.print(f"time: {seconds(time.monotonic() - started)}" + (f" ({took})" if took else " (all was up to date)"))
    if options.smoke:
        wanted = f" --recipe {options.recipe}" if options.recipe else ""
        command = f"harness submit {competition.name}{wanted}{given(options)}"
        out.print(f"A smoke run shows that it works, not how well. next: {command}")
    else:
        out.print(f"page: {shown_path(_page(competition, recipe))}")
        artifacts = pipeline.artifacts
        settings = all_take(pipeline.competition, artifacts.declared, options.assignments)
        out.print(f"next: look at the page, or harness status {competition.name}{given(options, settings)}")


def _page(competition: LoadedCompetition, recipe: str) -> Path:
    """The page of a recipe's run; written again where the run was scored since."""
    run = competition.pipeline.artifacts.run_of(recipe)
    file, scores = run.folder / "report.html", run.folder / "metrics.json"
    if file.is_file() and file.stat().st_mtime_ns >= scores.stat().st_mtime_ns:
        return file
    say("making the page")
    return competition.report(f"{recipe}/{run.key}")


def _is_known(pipeline: Pipeline) -> bool:
    """Whether the data is there, so that it is known which CSV will be made."""
    try:
        return bool(pipeline.artifacts.dataset)
    except UserError:
        return False


def run_score(workspace: Workspace, options: Namespace) -> None:
    """Score a CSV on the hold-out."""
    competition = competition_of(workspace, options)
    file = options.file or competition.pipeline.artifacts.latest_submission()
    if file is None:
        folder = workspace.submissions(competition.name)
        raise UserError(f"there is no CSV of a finished run in {folder} yet.", f"harness submit {competition.name}")
    console().print(f"file: {shown_path(file)}")
    if options.answers is None and _split_of(competition.pipeline, file, HOLDOUT) == TEST:
        raise _unlabelled(competition.pipeline, file)
    console().print(str(competition.score(file, options.answers)))


def _unlabelled(pipeline: Pipeline, file: Path) -> UserError:
    """That a file holds the test images, whose labels only the organiser has."""
    competition, count = pipeline.competition, len(pipeline.artifacts.dataset.row_ids(TEST))
    beside = file.with_name(file.name.replace("-test.csv", "-holdout.csv"))
    scored = f"harness score {competition.name} {beside}" if beside != file and beside.is_file() else ""
    upload = f"harness upload {competition.name} {file}" if competition.slug else "send it to the organiser"
    hint = f"the same run's hold-out CSV: {scored}; " if scored else ""
    return UserError(
        f"{file} is for the unlabelled test set: its ids are those of the {count:,} test images, whose labels only the "
        "organiser has.",
        f"{hint}for the test's score: {upload}",
    )


def run_lint(workspace: Workspace, options: Namespace) -> None:
    """Everything that is wrong with a CSV."""
    from harness.kaggle.upload import ledger_of
    from harness.scoring.lint import lint

    pipeline = pipeline_of(workspace, options)
    competition, dataset = pipeline.competition, pipeline.artifacts.dataset
    split = _split_of(pipeline, options.file, TEST if dataset.row_ids(TEST) else HOLDOUT)
    sent = ledger_of(workspace, competition).sent(competition.slug or "")
    ids = dataset.row_ids(split)
    defects = lint(competition.submission, options.file, ids, dataset.classes, sent)
    counted = "images" if dataset.first_of is None else "rows"
    what = f"for the {len(ids):,} {'test' if split == TEST else 'hold-out'} {counted}"
    errors = [defect for defect in defects if defect.severity != "warning"]
    for defect in defects:
        if defect not in errors:
            console().print(f"warning: {defect.text}")
    if errors:
        raise UserError(
            f"{options.file} is no good submission {what}:\n" + "\n".join(f"  - {defect.text}" for defect in errors),
            f"correct the file, or make one with: harness submit {competition.name}",
        )
    console().print(f"{shown_path(options.file)}: no defect, {what}")


def _split_of(pipeline: Pipeline, file: Path, otherwise: str) -> str:
    """The split whose ids a file holds most of; ``otherwise`` where it holds none."""
    from harness.scoring.lint import first_cells, read

    dataset = pipeline.artifacts.dataset
    cells = set(first_cells(pipeline.competition.submission, read(file)))
    shared = {split: sum(name in cells for name in dataset.row_ids(split)) for split in (TEST, HOLDOUT)}
    return max(shared, key=lambda split: shared[split]) if any(shared.values()) else otherwise
