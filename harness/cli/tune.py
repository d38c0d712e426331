"""The command that searches a recipe's settings."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from argparse import Namespace
from typing import TYPE_CHECKING

from harness.cli.arguments import Commands, add_competition, add_data, add_folds, add_settings, add_workers, given
from harness.cli.session import pipeline_of
from harness.utils.console import console
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.tuning.subject import Subject

UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "tune",
        run_tune,
        "search a recipe's settings, and say what the best are worth",
        "harness tune flowers17 lite0 --space 'c=1e-4..1:log,side=[160,224]' --trials 30",
    )
    add_competition(command)
    command.add_argument("recipe", metavar="RECIPE", help="a recipe of COMP; harness list COMP shows them")
    command.add_argument(
        "--space",
        metavar="SPACE",
        help="settings with a range LOW..HIGH, a range in powers LOW..HIGH:log, or choices [A,B]; "
        "commas between them (default: the recipe's own, @recipe(space=…))",
    )
    command.add_argument(
        "--trials",
        type=_count,
        default=30,
        metavar="N",
        help="trials in all, with those of earlier calls (default: 30)",
    )
    command.add_argument(
        "--timeout",
        type=_duration,
        metavar="TIME",
        help="after this time, such as 90s, 30min or 2h, start no more folds and compare the best trial so far; "
        "the same command continues the search",
    )
    command.add_argument(
        "--search-folds",
        type=int,
        metavar="N",
        help="score trials on the first N folds (default: half of them, rounded up)",
    )
    add_data(command)
    add_folds(command)
    add_settings(command)
    add_workers(command)


def run_tune(workspace: Workspace, options: Namespace) -> None:
    """Search, finish the best trial's run, and print what it is worth and how to keep it."""
    from harness.tuning.search import Search, require_optuna

    require_optuna()
    from harness.report import search as report
    from harness.tuning import on_workers, outcome
    from harness.tuning.subject import subject

    pipeline = pipeline_of(workspace, options)
    searched = subject(pipeline, options.recipe, options.space, options.search_folds)
    search = Search(searched, options.trials, options.timeout)
    with pipeline.workers() as cluster:
        try:
            if cluster is None:
                search.run()
            else:
                on_workers.run(search, cluster)
            found = outcome.outcome(search)
        except BaseException:
            outcome.keep(search, None)
            raise
    report.show(outcome.keep(search, found), console())
    if options.smoke:
        console().print("A smoke search shows that it works, not which settings are best.")
    else:
        _print_recipe(searched, found.best.point, given(options))


def _print_recipe(searched: Subject, point: dict[str, str], also: str) -> None:
    """The recipe to paste, and the command that finds the run again."""
    out, name, artifacts = console(), searched.name, searched.pipeline.artifacts
    declared, tuned = artifacts.declared[name], searched.with_point(point)
    changed = [field.name for field in dataclasses.fields(tuned)]
    changed = [setting for setting in changed if getattr(tuned, setting) != getattr(declared, setting)]
    settings = ", ".join(f"{setting}={getattr(tuned, setting)!r}" for setting in changed)
    file = shown_path(artifacts.competition.folder / "recipes.py")
    if changed:
        out.print(
            f"\nto keep it, in {file} (with `import dataclasses`):\n\n"
            f'@recipe\ndef {name}_tuned():\n    """`{name}` with the settings of a search."""\n'
            f"    return dataclasses.replace({name}(), {settings})\n"
        )
    else:
        out.print(f"\nThe best settings are those that {name} has.\n")
    assignments = "".join(f" --set {shlex.quote(f'{setting}={value}')}" for setting, value in point.items())
    out.print(f"next: harness train {artifacts.competition.name} {name}{also}{assignments}")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is wanted. Received: {text!r}")
    return int(text)


def _duration(text: str) -> float:
    """Seconds: of ``90s``, ``30min`` or ``2h``; a number alone is of seconds."""
    parts = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", text.strip())
    if parts is None or (parts[2] or "s") not in UNITS or not float(parts[1]):
        raise argparse.ArgumentTypeError(f"a time such as 90s, 30min or 2h is wanted. Received: {text!r}")
    return float(parts[1]) * UNITS[parts[2] or "s"]
