"""The command that makes a kernel of a run."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from harness.cli.arguments import Commands, add_competition, add_data
from harness.cli.runs import RUN_HELP
from harness.cli.session import competition_of
from harness.utils.console import console
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "kernel",
        run_kernel,
        "a finished run as a Kaggle notebook that needs no internet, for code competitions",
        "harness kernel pets blend --to ~/pets-kernel --owner ann",
    )
    add_competition(command)
    command.add_argument("of", metavar="RUN", help=RUN_HELP)
    command.add_argument(
        "--to", type=Path, metavar="FOLDER", help="a new folder (default: submissions/COMP/kernels/RECIPE-KEY)"
    )
    command.add_argument("--owner", metavar="NAME", help="your name on Kaggle")
    command.add_argument("--gpu", action="store_true", help="ask for a GPU")
    add_data(command)


def run_kernel(workspace: Workspace, options: Namespace) -> None:
    """Write a run's dataset and notebook."""
    from harness.kaggle.kernel import NOBODY
    from harness.runs.records import find

    competition = competition_of(workspace, options)
    record = find(workspace.runs(competition.name), options.of)
    default = workspace.submissions(competition.name) / "kernels" / f"{record.recipe}-{record.key[:8]}"
    writer = competition.kernel_writer(options.owner or NOBODY, options.gpu)
    kernel = writer.write(record, options.to or default, replace=options.to is None)
    out = console()
    out.print(f"dataset: {workspace.shown(kernel.dataset)} ({len(kernel.files)} files)")
    out.print(f"notebook: {workspace.shown(kernel.notebook)}")
