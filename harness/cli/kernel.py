"""The command that makes a kernel of a run."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from harness.cli.arguments import Commands, add_competition, add_data, require_with
from harness.cli.runs import RUN_HELP
from harness.cli.session import competition_of
from harness.utils.console import console
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "kernel",
        run_kernel,
        "a finished run as a Kaggle notebook that needs no internet, for code competitions",
        "harness kernel pets blend --push\n  harness kernel pets blend --to ~/pets-kernel --owner ann",
    )
    add_competition(command)
    command.add_argument("of", metavar="RUN", help=RUN_HELP)
    command.add_argument(
        "--to", type=Path, metavar="FOLDER", help="a new folder (default: submissions/COMP/kernels/RECIPE-KEY)"
    )
    command.add_argument("--owner", metavar="NAME", help="your name on Kaggle (default with --push: the credentials')")
    command.add_argument("--gpu", action="store_true", help="ask for a GPU")
    command.add_argument(
        "--push",
        action="store_true",
        help="send it to Kaggle, once; wait for its run, submit it, wait for its score",
    )
    command.add_argument("--message", metavar="TEXT", help="with --push: a note for Kaggle's list (default: the run)")
    command.add_argument("--again", action="store_true", help="with --push: submit it even if it was submitted before")
    add_data(command)


def run_kernel(workspace: Workspace, options: Namespace) -> None:
    """Write a run's dataset and notebook, and send them."""
    from harness.kaggle.kernel import NOBODY, Kernel, read
    from harness.kaggle.preflight import require_slug
    from harness.runs.records import find
    from harness.utils.files import lock

    competition = competition_of(workspace, options)
    require_with(options, "push", "message", "again")
    require_slug(competition.declaration)  # before anybody trains a run for it
    record = find(workspace.runs(competition.name), options.of)
    default = workspace.submissions(competition.name) / "kernels" / record.stem

    def write(owner: str) -> Kernel:
        writer = competition.kernel_writer(owner, options.gpu)
        if options.to is None:
            with lock(default, "a kernel"):
                kernel = writer.write(record, default, replace=True)
        else:
            kernel = writer.write(record, options.to)
        console().print(f"dataset: {shown_path(kernel.dataset)} ({len(kernel.files)} files)")
        console().print(f"notebook: {shown_path(kernel.notebook)}")
        return kernel

    if not options.push:
        kept = read(options.to or default)
        kernel = write(options.owner or (kept.owner if kept else NOBODY))
        command = f"harness kernel {competition.name} {options.of}{' --gpu' * options.gpu} --push"
        name = "" if kernel.owner != NOBODY else f"; to send it by hand, put your name for {NOBODY} with --owner"
        console().print(f"next: {command}{name}")
        return
    from harness.kaggle.push import push

    push(
        workspace,
        competition.declaration,
        record,
        write,
        owner=options.owner,
        text=options.message,
        again=options.again,
    )
