"""The commands about finished runs."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import Commands, add_competition
from harness.cli.session import competition_of
from harness.data.splits import SCORED
from harness.runs.orders import ORDERS
from harness.utils.console import console, say
from harness.utils.csv_text import csv_text
from harness.utils.errors import UserError, nearest
from harness.utils.files import shown_path, write_text
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.data.targets import Targets
    from harness.scoring.predictions import Predictions

TOOLS = ("tensorboard", "mlflow")
SCORES = tuple(f"{split}{end}" for split in SCORED for end in ("", "_low", "_high"))
GAIN = ("gain", "gain_low", "gain_high", "verdict")
COLUMNS = ("recipe", "run", "changed", *SCORES, *GAIN, "epochs", "seconds", "finished", "state")
RUN_HELP = "a recipe (its latest run), or a run such as minivggnet/a8fb0ff4"


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "predict",
        run_predict,
        "classes and probabilities for new images, by a finished run",
        "harness predict digits blend ~/new-images --out new-images.csv",
    )
    add_competition(command)
    command.add_argument("of", metavar="RUN", help=RUN_HELP)
    command.add_argument(
        "images",
        metavar="IMAGES",
        type=Path,
        help="a folder, an image, or a CSV with the columns path and, if wanted, id",
    )
    command.add_argument("--out", type=Path, metavar="FILE", help="the CSV (default: printed)")

    command = commands.add(
        "report",
        run_report,
        "write an HTML page of a finished run, or of all runs",
        "harness report digits minivggnet",
    )
    add_competition(command)
    command.add_argument("of", metavar="RUN", nargs="?", help=RUN_HELP + "; without one, all runs")

    command = commands.add(
        "runs", run_runs, "the finished runs, with what their settings differ in", "harness runs digits --sort holdout"
    )
    add_competition(command)
    command.add_argument(
        "--sort",
        choices=ORDERS,
        default="finished",
        help="by time, by name, or the best score first (default: finished)",
    )
    command.add_argument("--csv", action="store_true", help="print them as a CSV")

    command = commands.add(
        "diff",
        run_diff,
        "what differs between two finished runs, and what the second gains",
        "harness diff digits pixels minivggnet",
    )
    add_competition(command)
    command.add_argument("before", metavar="RUN", help=RUN_HELP)
    command.add_argument("after", metavar="RUN", help="another one")

    command = commands.add(
        "export",
        run_export,
        "a folder that predicts by itself; or all runs' curves and scores for TensorBoard or MLflow",
        "harness export digits blend --to ~/digits-model\n  harness export tensorboard digits --to ~/digits-curves",
    )
    command.add_argument(
        "competition", metavar="COMP", help="a folder of competitions/; or tensorboard or mlflow, and then COMP"
    )
    command.add_argument("of", metavar="RUN", help=RUN_HELP)
    command.add_argument("--to", type=Path, metavar="FOLDER", required=True, help="a new folder")
    command.add_argument("--onnx", action="store_true", help="the networks as ONNX files too")


def run_runs(workspace: Workspace, options: Namespace) -> None:
    """Print a table of the finished runs of a competition."""
    from harness.report.runs import table_of
    from harness.runs.searches import hidden
    from harness.scoring.metrics import METRICS

    competition = competition_of(workspace, options)
    rows = competition.compare(options.sort)
    if not rows:
        raise UserError(f"{competition.name} has no finished runs.", f"harness train {competition.name}")
    if options.csv:
        sys.stdout.write(csv_text(COLUMNS, ([row[column] for column in COLUMNS] for row in rows)))
        return
    console().print(table_of(rows, METRICS[competition.declaration.metric]))
    for recipe, trials, unfinished in hidden(workspace.runs(competition.name)):
        unlisted = f"{unfinished} of whose runs are not listed, for only some folds are made"
        console().print(f"{recipe}: searched in {trials} trials, {unlisted}")


def run_diff(workspace: Workspace, options: Namespace) -> None:
    """Print what differs between two runs."""
    from harness.report.runs import show_difference
    from harness.scoring.metrics import METRICS

    competition = competition_of(workspace, options)
    found = competition.diff(options.before, options.after)
    show_difference(found, METRICS[competition.declaration.metric], console())


def run_export(workspace: Workspace, options: Namespace) -> None:
    """Export a run's models, with the code that predicts with them; or the curves and scores of all runs."""
    if options.competition in TOOLS:
        _export_curves(workspace, options.competition, options.of, options.to)
        return
    hint = nearest(options.competition, [*TOOLS])
    if hint.startswith("Did") and not workspace.competition(options.competition).exists():
        raise UserError(f"there is no {options.competition!r} to export to. {hint}", "harness export --help")
    if options.onnx:
        from harness.runs.onnx_export import add_onnx, require_converter

        require_converter()
    competition_of(workspace, options).export(options.of, options.to)
    if options.onnx:
        written, refused = add_onnx(options.to.expanduser())
        console().print(f"ONNX: {', '.join(written) or 'no file'}")
        for name, reason in refused.items():
            console().print(f"ONNX: not {name}, which does not allow it. {reason}")
    requirements, script = (shlex.quote(str(options.to.expanduser() / n)) for n in ("requirements.txt", "predict.py"))
    console().print(f"exported: {options.to}\nnext: pip install -r {requirements} && python {script} IMAGES")


def _export_curves(workspace: Workspace, tool: str, name: str, folder: Path) -> None:
    from harness.runs import curves_export
    from harness.runs.records import records

    competition, folder = competition_of(workspace, Namespace(competition=name)), folder.expanduser()
    finished = sorted(records(workspace.runs(competition.name)), key=lambda record: record.sequence)
    if not finished:
        raise UserError(f"{competition.name} has no finished runs.", f"harness train {competition.name}")
    if tool == "tensorboard":
        curves_export.to_tensorboard(finished, folder)
    else:
        curves_export.to_mlflow(finished, folder, competition.declaration.title)
    tensorboard, mlflow = f"tensorboard --logdir {shlex.quote(str(folder))}", curves_export.shown_by_mlflow(folder)
    console().print(f"exported: {len(finished)} runs to {folder}")
    console().print(f"next: {tensorboard if tool == 'tensorboard' else mlflow}")


def run_report(workspace: Workspace, options: Namespace) -> None:
    """Write a run's page, or the competition's."""
    say("making the page")
    console().print(f"page: {shown_path(competition_of(workspace, options).report(options.of))}")


def run_predict(workspace: Workspace, options: Namespace) -> None:
    """Predict new images with a finished run."""
    competition = competition_of(workspace, options)
    if options.out is not None and options.out.is_dir():
        raise UserError(f"--out {shown_path(options.out)} is a folder.", "name a file in it")
    predictions = competition.predict(options.of, options.images)
    text = _as_csv(predictions, competition.declaration.targets)
    if options.out is None:
        sys.stdout.write(text)
    else:
        write_text(options.out, text)
        say(f"{len(predictions.ids):,} images: {options.out}")


def _as_csv(predictions: Predictions, targets: Targets) -> str:
    """A row an image: its id, what is predicted in words, and the probability of each class or label.

    Of a number: its id and the number.
    """
    from harness.data.targets.links import LINKS

    link, rows = LINKS[targets.link], []
    for name, row in zip(predictions.ids, predictions.probabilities, strict=True):
        said = [link.said(row, predictions.classes)] if link.words else []
        rows.append([name, *said, *(f"{value:.7g}" for value in row)])
    return csv_text(["id", *filter(None, [link.words]), *predictions.classes], rows)
