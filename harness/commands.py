"""What each command does: calls the pipeline, prints the outcome."""

from __future__ import annotations

import dataclasses
import time
from argparse import Namespace
from pathlib import Path

from harness import commands_kaggle
from harness import competition as competitions
from harness.competition import Broken, Competition
from harness.console import console, seconds
from harness.errors import UserError
from harness.scoring.ledger import FILE as LEDGER
from harness.workspace import Workspace


def run_list(workspace: Workspace, options: Namespace) -> None:
    """The competitions, or one competition's recipes."""
    from rich.table import Table

    if options.competition is not None:
        _list_recipes(workspace, options.competition)
        return
    table = Table("competition", "what", "metric", "data", "default recipe", box=None, pad_edge=False)
    for found in competitions.load_all(workspace):
        if isinstance(found, Broken):
            table.add_row(found.name, f"broken: {found.reason}", "", "", "", style="red")
            continue
        try:
            _, default = competitions.recipes(found)
        except UserError as error:
            table.add_row(found.name, f"broken: {error.what}", found.metric, "", "", style="red")
            continue
        table.add_row(found.name, found.title, found.metric, _data_state(workspace, found), default)
    console().print(table)


def _data_state(workspace: Workspace, competition: Competition) -> str:
    if not all(reader.on_disk for reader in competition.readers):
        return "built in"
    if (workspace.data(competition.name) / "dataset.csv").exists():
        return "read"
    return "here" if workspace.raw(competition.name).exists() else "give --data DIR"


def _list_recipes(workspace: Workspace, name: str) -> None:
    from rich.table import Table

    competition = competitions.load(workspace, name)
    recipes, default = competitions.recipes(competition)
    table = Table("recipe", "kind", "settings, where they are not as usual", box=None, pad_edge=False)
    from harness.recipes.settings import plain

    for name, recipe in recipes.items():
        usual = {field.name: field.default for field in dataclasses.fields(recipe)}
        settings = plain(recipe)
        kind = settings.pop("kind")
        told = ", ".join(f"{key}={value}" for key, value in settings.items() if value != usual[key] and value != {})
        table.add_row(name + " (default)" * (name == default), kind, told)
    console().print(table)


def run_status(workspace: Workspace, options: Namespace) -> None:
    """The graph of a competition: each step, its state, what it needs, where it is."""
    from rich.table import Table
    from rich.text import Text

    from harness.records import records
    from harness.report import lineage

    pipeline = pipeline_of(workspace, options)
    table = Table("step", "state", "needs", "where", box=None, pad_edge=False)
    chosen = pipeline.choose([*pipeline.recipes])
    first = pipeline.steps(chosen, known=False)[0]
    known = first.state() == "up to date"
    colour = {"up to date": "green", "stale": "yellow", "missing": "red"}
    for step in pipeline.steps(chosen, pipeline.default, known=known):
        state = step.state()
        table.add_row(step.name, Text(state, style=colour[state]), ", ".join(step.needs), workspace.shown(step.target))
    console().print(table)
    if not known:
        console().print("Later steps are known once the data is read.")
        console().print(f"next: harness prepare {pipeline.competition.name}")
    lineage.show(records(workspace.runs(pipeline.competition.name)), console())


def run_prepare(workspace: Workspace, options: Namespace) -> None:
    """Read the data, deal the folds, build the caches of the default recipe."""
    pipeline = pipeline_of(workspace, options)
    pipeline.perform(pipeline.choose([]), only=("folds", "images", "features"))
    console().print(f"next: harness submit {pipeline.competition.name}")


def run_check(workspace: Workspace, options: Namespace) -> None:
    """Examine the data and report; the report comes before any complaint."""
    from harness.data import check
    from harness.report import check as report

    pipeline = pipeline_of(workspace, options)
    competition = pipeline.competition
    file = workspace.data(competition.name) / "check.json"
    found = check.load_or_examine(pipeline.dataset, file)
    out = console()
    report.show(competition.name, found, out)
    out.print(f"\nwhole report: {workspace.shown(file)}")
    unreadable = [f"  {source}: {reason}" for source, reason in found["unreadable"].items()]
    if len(unreadable) > competition.unreadable:
        more = f"\n  and {len(unreadable) - 10:,} more" if len(unreadable) > 10 else ""
        raise UserError(
            f"{len(unreadable):,} of {found['images']:,} images cannot be read, and {competition.unreadable:,} "
            "are allowed:\n" + "\n".join(unreadable[:10]) + more,
            "replace or remove those files, or allow them with `unreadable=` in the competition's competition.py",
        )
    for line in report.advice(found) or ["Nothing to mend."]:
        out.print(line)
    out.print(f"next: harness submit {competition.name}")


def run_train(workspace: Workspace, options: Namespace) -> None:
    """Run recipes and print their scores."""
    pipeline = pipeline_of(workspace, options)
    chosen = pipeline.choose(options.recipes)
    pipeline.perform(chosen)
    _print_scores(pipeline, chosen)
    console().print(f"next: harness submit {pipeline.competition.name} --recipe {[*chosen][-1]}")


def run_submit(workspace: Workspace, options: Namespace) -> None:
    """Everything up to a scored CSV, and a summary."""
    started = time.monotonic()
    pipeline = pipeline_of(workspace, options)
    competition = pipeline.competition
    recipe = options.recipe or pipeline.default
    chosen = pipeline.choose([recipe])
    sender = commands_kaggle.before_upload(workspace, pipeline) if options.upload or options.dry_run else None
    commands_kaggle.fetch_if_missing(workspace, pipeline)
    if sender is not None:
        commands_kaggle.require_test(pipeline)
    pipeline.perform(chosen, submit=recipe)
    _print_scores(pipeline, chosen)
    out = console()
    for split, file in pipeline.submission_files(recipe).items():
        out.print(f"{'submission' if split == 'test' else 'hold-out'}: {workspace.shown(file)}")
        if split == "holdout":
            _print_score(workspace, pipeline, file)
    if sender is not None:
        commands_kaggle.upload(workspace, pipeline, sender, recipe, options.message, options.dry_run)
    took = ", ".join(f"{name} {seconds(value)}" for name, value in pipeline.took.items())
    out.print(f"time: {seconds(time.monotonic() - started)}" + (f" ({took})" if took else " (all was up to date)"))
    if options.smoke:
        out.print(f"A smoke run shows that it works, not how well. next: harness submit {competition.name}")
    else:
        out.print(
            f"next: harness status {competition.name}, or look at {workspace.shown(pipeline.run_of(recipe).folder)}"
        )


def run_score(workspace: Workspace, options: Namespace) -> None:
    """Score a CSV on the hold-out."""
    pipeline = pipeline_of(workspace, options)
    folder = workspace.submissions(pipeline.competition.name)
    file = options.file
    if file is None:
        with_test = pipeline.dataset.counts().get("test", 0)
        found = [file for file in folder.glob("*-holdout.csv" if with_test else "*.csv") if file.name != LEDGER]
        found.sort(key=lambda path: path.stat().st_mtime)
        if not found:
            raise UserError(f"there is no CSV in {folder} yet.", f"harness submit {pipeline.competition.name}")
        file = found[-1]
    console().print(f"file: {workspace.shown(file)}")
    _print_score(workspace, pipeline, file, options.answers)


def run_new(workspace: Workspace, options: Namespace) -> None:
    """Make a competition folder out of <class>/<image> folders."""
    from harness.new import create

    name = create(workspace, options.name, options.source)
    console().print(f"made competitions/{name}/ ({', '.join(competitions.FILES)})")
    console().print(f"next: make submit COMP={name}")


def run_cache(workspace: Workspace, options: Namespace) -> None:
    """List, verify or remove caches."""
    from rich.table import Table

    from harness.data import cache_files
    from harness.files import size

    name = competitions.load(workspace, options.competition).name if options.competition else None
    found = cache_files.find(workspace, name)
    if options.action == "rm" and name is None:
        raise UserError("harness cache rm needs the competition whose caches are to go.", "harness cache rm COMP")
    if options.action == "rm":
        for one in found:
            cache_files.remove(one)
        console().print(f"removed {len(found)} cache files, {size(sum(one.bytes for one in found))}")
        return
    damaged = []
    table = Table("competition", "holds", "images", "form", "bytes", "state", "file", box=None, pad_edge=False)
    for one in found:
        state = one.state
        if options.action == "verify" and state == "whole":
            wrong = cache_files.verify(one)
            state = wrong or "verified"
            damaged += [one.file.name] if wrong else []
        where = workspace.shown(one.file)
        table.add_row(one.competition, one.holds, f"{one.images:,}", one.form, size(one.bytes), state, where)
    console().print(table if found else "There are no caches.")
    if damaged:
        raise UserError(
            f"{len(damaged)} caches are damaged: {', '.join(damaged)}.",
            "nothing to do: the next command that needs one makes it again (or: harness cache rm COMP)",
        )


def pipeline_of(workspace: Workspace, options: Namespace):
    """The pipeline that a command's options ask for."""
    from harness.pipeline import Options, Pipeline

    competition = competitions.load(workspace, options.competition)
    return Pipeline(
        workspace,
        competition,
        Options(
            data=getattr(options, "data", None),
            assignments=getattr(options, "assignments", []),
            smoke=getattr(options, "smoke", False),
            compressed=getattr(options, "compress", False),
            folds=getattr(options, "folds", None),
            from_epoch=getattr(options, "from_epoch", None),
        ),
    )


def _print_scores(pipeline, chosen) -> None:
    from rich.table import Table

    from harness.metrics import METRICS
    from harness.scoring.standings import kind_of

    title = METRICS[pipeline.competition.metric].title
    table = Table(
        "recipe",
        "kind",
        f"out-of-fold {title}",
        f"hold-out {title}",
        "rank-1",
        "rank-5",
        "trained in",
        box=None,
        pad_edge=False,
    )
    for name in chosen:
        run = pipeline.run_of(name)
        metrics, about = run.metrics() or {}, run.about() or {}
        held = metrics.get("holdout", {})
        table.add_row(
            name,
            kind_of(name, pipeline.recipes),
            *(_interval(metrics[split]) if split in metrics else "" for split in ("out_of_fold", "holdout")),
            *(f"{held[rank]:.4f}" if rank in held else "" for rank in ("rank1", "rank5")),
            seconds(about.get("seconds", 0)),
        )
    out = console()
    out.print(table)
    _print_ensembles(pipeline, chosen, out)


def _print_ensembles(pipeline, chosen, out) -> None:
    from harness.files import read_json
    from harness.report import blend, views
    from harness.scoring.leaderboard import board

    known = board(pipeline.workspace, pipeline.competition)
    for name, recipe in chosen.items():
        views.show(name, pipeline.run_of(name).folder, out)
        if recipe.members and (found := read_json(pipeline.run_of(name).folder / "blend.json")):
            out.print()
            blend.show(name, found, known, out)
    out.print()
    for name, reason in pipeline.failed.items():
        out.print(f"failed: {name}. {reason}")


def _print_score(workspace: Workspace, pipeline, file: Path, answers: Path | None = None) -> None:
    from harness.scoring.leaderboard import board
    from harness.scoring.score import score_file

    standings = board(workspace, pipeline.competition)
    console().print(score_file(pipeline.competition, pipeline.dataset, file, standings, answers))


def _interval(found: dict) -> str:
    return f"{found['score']:.4f} ({found['low']:.4f} to {found['high']:.4f})"
