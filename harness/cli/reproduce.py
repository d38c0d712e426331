"""The commands about the published experiments."""

from __future__ import annotations

from argparse import Namespace

from harness.cli.arguments import Commands
from harness.reproduce.published import ROWS
from harness.utils.console import console
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "reproduce",
        run_reproduce,
        "run the published experiments and renew docs/results.md",
        "harness reproduce --only 1 2",
    )
    command.add_argument(
        "--only",
        type=int,
        nargs="+",
        metavar="ROW",
        default=[],
        choices=[row.number for row in ROWS],
        help="these rows of docs/results.md (default: all whose data is here)",
    )
    command.add_argument(
        "--smoke", action="store_true", help="shrink every row, to see that it runs; the page stays as it is"
    )

    commands.add("results", run_results, "renew docs/results.md from the runs that there are", "harness results")


def run_reproduce(workspace: Workspace, options: Namespace) -> None:
    """Run rows of the published experiments, renew the page of results, and say how it went with each."""
    from rich.table import Table

    from harness.reproduce.published import ROWS
    from harness.reproduce.runner import FAILED, LEFT_OUT, RAN, reproduce

    rows = [row for row in ROWS if not options.only or row.number in options.only]
    outcomes = reproduce(workspace, rows, options.smoke)
    table = Table("row", "competition", "recipe", "", box=None, pad_edge=False)
    table.add_column(overflow="fold")
    for outcome in outcomes:
        row, remark = outcome.row, outcome.told
        state = "smoke: runs" if outcome.state == RAN and options.smoke else outcome.state
        table.add_row(str(row.number), row.competition, row.recipe, state, remark)
    out = console()
    out.print(table)
    if not options.smoke:
        run_results(workspace, options)
    failed = [str(outcome.row.number) for outcome in outcomes if outcome.state == FAILED]
    left_out = [str(outcome.row.number) for outcome in outcomes if outcome.state == LEFT_OUT]
    if failed or (options.only and left_out):
        raise UserError(
            f"these rows did not run: {', '.join(failed + left_out)}.",
            "do what the table says of each, then run the same command: what is done is kept",
        )


def run_results(workspace: Workspace, options: Namespace) -> None:
    """Renew the page of results from the runs that there are."""
    from harness.reproduce.runner import write_page

    console().print(f"results: {shown_path(write_page(workspace))}")
