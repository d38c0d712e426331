"""The command that trusts a workspace."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from harness.cli.arguments import Commands
from harness.utils.console import console
from harness.utils.errors import UserError, some
from harness.utils.workspace import Workspace


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "trust", run_trust, "let the code of a workspace that others wrote run", "harness trust ~/downloaded-workspace"
    )
    command.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, help="default: the workspace around here")
    command.add_argument("--forget", action="store_true", help="do not trust it any more")


def run_trust(workspace: Workspace, options: Namespace) -> None:
    """Remember that a workspace's code may run, or forget it."""
    from harness.plugins import loading, trust

    root = (options.folder.expanduser() if options.folder else workspace.root).resolve()
    if options.forget:
        trust.remove(root)
        console().print(f"not trusted any more: {root}")
        return
    held = loading.names(Workspace(root))
    if not held:
        raise UserError(f"{root} is no workspace: it has no competitions/*/competition.py.", "harness trust FOLDER")
    trust.add(root)
    console().print(f"trusted: {root}\nIts code runs from now on: {some(held)}")
