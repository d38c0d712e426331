"""The arguments that several commands share, and how a command is added to the parser."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path

from harness.utils.errors import UserError

Run = Callable[..., None]


class Commands:
    """Adds commands to a parser, each bound to the function that runs it.

    Args:
        parser: the top one.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add_hidden(self, name: str, run: Run, description: str) -> argparse.ArgumentParser:
        """A command that the harness gives itself; no list shows it."""
        command = self._commands.add_parser(name, description=description)
        command.set_defaults(run=run)
        return command

    def add(self, name: str, run: Run, help: str, example: str) -> argparse.ArgumentParser:
        """A command's own parser; ``run(workspace, options)`` runs it."""
        command = self._commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        return command


def add_competition(command: argparse.ArgumentParser) -> None:
    command.add_argument("competition", metavar="COMP", help="a folder of competitions/; hyphens or underscores")


def add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder or archive of the organiser's files; remembered (default: data/COMP/raw)",
    )


def add_folds(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--folds", type=Path, metavar="FILE", help="a CSV of folds (id,fold) to use in place of the competition's"
    )
    command.add_argument(
        "--allow-leak", action="store_true", help="with --folds: even if they separate identical images"
    )


def add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--workers",
        metavar="N|ADDRESS",
        help="share the work among N workers on this machine, or those of a Dask scheduler, tcp://HOST:8786",
    )
    command.add_argument(
        "--gpus", metavar="N,N", help="use one worker on this machine for each of these GPUs, such as 0,1"
    )


def given(options: argparse.Namespace, assignments: list[str] | None = None) -> str:
    """The options that change what is made, as they were typed, for the command that is suggested next.

    Args:
        options: of this command.
        assignments: the settings among them that the next command takes; None for all.
    """
    assignments = getattr(options, "assignments", []) if assignments is None else assignments
    parts = [f"--set {shlex.quote(assignment)}" for assignment in assignments]
    if getattr(options, "folds", None) is not None:
        parts.append(f"--folds {shlex.quote(str(options.folds))}")
    parts += ["--allow-leak"] if getattr(options, "allow_leak", False) else []
    return "".join(f" {part}" for part in parts)


def require_with(options: argparse.Namespace, sending: str, *notes: str) -> None:
    """Refuse options that only say how something is sent, where nothing is.

    Args:
        options: of this command.
        sending: the option that sends.
        notes: those that mean nothing without it.

    Raises:
        UserError: names the option.
    """
    for note in notes:
        if getattr(options, note) and not getattr(options, sending):
            raise UserError(f"--{note} without --{sending} would be lost, for nothing is sent.", f"add --{sending}")


def add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--smoke", action="store_true", help="shrink every recipe to under a minute, to see that it works"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="assignments",
        help="change a recipe's setting (RECIPE.KEY=VALUE: of one recipe only); repeatable",
    )
