"""The commands about competitions and their data."""

from __future__ import annotations

import dataclasses
from argparse import Namespace
from typing import TYPE_CHECKING

from harness.cli.arguments import Commands, add_competition, add_data, add_folds, add_settings, given
from harness.cli.session import competition_of, pipeline_of
from harness.utils.console import console
from harness.utils.errors import UserError
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.api import LoadedCompetition
    from harness.competition import Competition
    from harness.data.cache.files import CacheFile


def add_commands(commands: Commands) -> None:
    command = commands.add("list", run_list, "the competitions, or one competition's recipes", "harness list cifar10")
    command.add_argument("competition", metavar="COMP", nargs="?", help="default: all competitions")

    command = commands.add(
        "status", run_status, "which steps are up to date, stale or missing", "harness status digits"
    )
    add_competition(command)
    add_data(command)
    add_folds(command)
    add_settings(command)

    command = commands.add(
        "prepare",
        run_prepare,
        "read the data, split the folds, build the caches of the default recipe",
        "harness prepare cifar10 --data ~/cifar10",
    )
    add_competition(command)
    add_data(command)
    add_folds(command)
    command.add_argument("--compress", action="store_true", help="compress the image caches: smaller, slower to read")

    command = commands.add(
        "check",
        run_check,
        "examine the data: sizes, duplicates, unreadable images",
        "harness check cifar10 --data ~/cifar10",
    )
    add_competition(command)
    add_data(command)

    command = commands.add("cache", run_cache, "list, verify or remove caches", "harness cache verify cifar10")
    command.add_argument("action", choices=("ls", "verify", "rm"))
    command.add_argument("competition", metavar="COMP", nargs="?", help="default: all; rm needs one")


def run_list(workspace: Workspace, options: Namespace) -> None:
    """The competitions, or one competition's recipes."""
    from rich.table import Table

    from harness.plugins import loading
    from harness.scoring.metrics import METRICS

    if options.competition is not None:
        _list_recipes(workspace, options.competition)
        return
    table = Table("competition", "what", "metric", "data", "default recipe", box=None, pad_edge=False)
    for competition in loading.load_all(workspace):
        if isinstance(competition, loading.Broken):
            table.add_row(competition.name, f"broken: {competition.reason}", "", "", "", style="red")
            continue
        try:
            _, default = loading.recipes(competition)
        except UserError as error:
            table.add_row(
                competition.name, f"broken: {error.what}", METRICS[competition.metric].title, "", "", style="red"
            )
            continue
        table.add_row(
            competition.name,
            competition.title,
            METRICS[competition.metric].title,
            _data_state(workspace, competition),
            default,
        )
    console().print(table)


def _data_state(workspace: Workspace, competition: Competition) -> str:
    if not all(reader.on_disk for reader in competition.readers):
        return "built in"
    if (workspace.data(competition.name) / "dataset.csv").exists():
        return "read"
    return "here" if workspace.raw(competition.name).exists() else "give --data DIR"


def _list_recipes(workspace: Workspace, name: str) -> None:
    from rich.table import Table

    from harness.plugins import loading
    from harness.recipes.settings import plain
    from harness.reproduce.expected import expected

    competition = loading.load(workspace, name)
    recipes, default = loading.recipes(competition)
    measured = expected(workspace.root / "docs" / "results.md", competition.name)
    columns = ["recipe", "kind", "settings that differ from the defaults"] + ["measured"] * bool(measured)
    table = Table(*columns, box=None, pad_edge=False)
    for name, recipe in recipes.items():
        usual = {field.name: field.default for field in dataclasses.fields(recipe)}
        settings = plain(recipe)
        kind = settings.pop("kind")
        changed = ", ".join(f"{key}={value}" for key, value in settings.items() if value != usual[key] and value != {})
        cells = [name + " (default)" * (name == default), kind, changed, measured.get(name, "")]
        table.add_row(*cells[: len(columns)])
    console().print(table)
    if measured:
        console().print(
            "measured: from docs/results.md; the time is in all, with caches and features; Pareto: no other recipe is "
            "better in less time on that device"
        )


def run_status(workspace: Workspace, options: Namespace) -> None:
    """The graph of a competition: each step, its state, what it needs, where it is."""
    from rich.table import Table
    from rich.text import Text

    from harness.report import resumed_runs
    from harness.runs.records import records

    loaded = competition_of(workspace, options)
    pipeline = loaded.pipeline
    table = Table("step", "state", "needs", "where", box=None, pad_edge=False)
    chosen = pipeline.artifacts.choose([*pipeline.artifacts.recipes])
    first = pipeline.steps(chosen, known=False)[0]
    known = first.state() == "up to date"
    colour = {"up to date": "green", "stale": "yellow", "missing": "red"}
    submit = pipeline.artifacts.default if known and pipeline.artifacts.has_submission else None
    for step in pipeline.steps(chosen, submit, known=known):
        state = step.state()
        table.add_row(step.name, Text(state, style=colour[state]), ", ".join(step.needs), shown_path(step.target))
    console().print(table)
    if not known:
        console().print("Later steps are known once the data is read.")
        console().print(f"next: harness prepare {pipeline.competition.name}")
    else:
        _show_other_runs(loaded, {pipeline.artifacts.run_of(name).key for name in chosen})
    resumed_runs.show(records(workspace.runs(pipeline.competition.name)), console())


def _show_other_runs(competition: LoadedCompetition, shown: set[str]) -> None:
    """The finished runs that are not among the steps, told apart by what was changed."""
    from harness.report.runs import table_of
    from harness.scoring.metrics import METRICS

    rows = [row for row in competition.compare(gains=False) if row["run"] not in shown]
    if rows:
        console().print("\nother finished runs:")
        console().print(table_of(rows, METRICS[competition.declaration.metric]))


def run_prepare(workspace: Workspace, options: Namespace) -> None:
    """Read the data, split the folds, build the caches of the default recipe."""
    pipeline = pipeline_of(workspace, options)
    pipeline.perform(pipeline.artifacts.choose([]), only=("folds", "images", "features"))
    console().print(f"next: harness submit {pipeline.competition.name}{given(options)}")


def run_check(workspace: Workspace, options: Namespace) -> None:
    """Examine the data and report; the report comes before any complaint."""
    from harness.data.cache.build import too_many_unreadable
    from harness.data.quality import check
    from harness.data.quality.minorities import held_by_few
    from harness.report import data_check as report
    from harness.report import likeness

    loaded = competition_of(workspace, options)
    pipeline, competition = loaded.pipeline, loaded.declaration
    file = workspace.data(competition.name) / "check.json"
    examination = check.load_or_examine(pipeline.artifacts.dataset, file)
    out = console()
    report.show(competition.name, examination, out)
    out.print(f"\nwhole report: {shown_path(file)}")
    unreadable = [*examination["unreadable"].items()]
    if len(unreadable) > competition.unreadable:
        raise too_many_unreadable(unreadable, examination["images"], competition.unreadable)
    few = held_by_few(pipeline.artifacts.dataset, pipeline.split()) if competition.targets.name == "multilabel" else []
    for line in report.advice(examination) + report.advice_on_folds(few) or ["Nothing to fix."]:
        out.print(line)
    likeness.show(loaded.likeness(), competition.name, out)
    out.print(f"next: harness submit {competition.name}")


def run_cache(workspace: Workspace, options: Namespace) -> None:
    """List, verify or remove caches."""
    from rich.table import Table

    from harness.data.cache import files
    from harness.plugins import loading
    from harness.utils.files import size

    name = loading.load(workspace, options.competition).name if options.competition else None
    caches = files.find(workspace, name)
    if options.action == "rm" and name is None:
        raise UserError("harness cache rm needs the competition whose caches are to go.", "harness cache ls names them")
    if options.action == "rm":
        for cache in caches:
            files.remove(cache)
        console().print(f"removed {len(caches)} cache files, {size(sum(cache.bytes for cache in caches))}")
        return
    damaged: list[CacheFile] = []
    table = Table("competition", "holds", "images", "form", "bytes", "state", "file", box=None, pad_edge=False)
    for cache in caches:
        state = cache.state
        if options.action == "verify" and state == "whole":
            damage = files.verify(cache)
            state = damage or "verified"
            damaged += [cache] if damage else []
        where = shown_path(cache.file)
        table.add_row(cache.competition, cache.holds, f"{cache.images:,}", cache.form, size(cache.bytes), state, where)
    console().print(table if caches else "There are no caches.")
    if damaged:
        raise _damage(workspace, damaged)


def _damage(workspace: Workspace, damaged: list[CacheFile]) -> UserError:
    """What is damaged, and the runs that were made from it: before the damage, or after it."""
    from harness.runs.records import records

    made = [
        (cache.competition, record)
        for cache in damaged
        for record in records(workspace.runs(cache.competition))
        if cache.file.name in record.about.get("inputs", {})
    ]
    names = ", ".join(cache.file.name for cache in damaged)
    what = f"{len(damaged)} cache{'s are' if len(damaged) > 1 else ' is'} damaged: {names}."
    fix = f"the next command that needs one makes it again (or: harness cache rm {damaged[0].competition})"
    if made:
        folders = [shown_path(record.folder) for _, record in made]
        what += " Runs that were made from them, perhaps when they were damaged already: " + ", ".join(folders) + "."
        first, record = made[0]
        fix = (
            f"if in doubt, remove those runs' folders and make them again: rm -r {folders[0]} && "
            f"harness train {first} {record.recipe}; {fix}"
        )
    return UserError(what, fix)
