"""The tables and lines that commands print of runs and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.data.splits import SCORED
from harness.utils.console import console, seconds

if TYPE_CHECKING:
    from rich.console import Console

    from harness.pipeline.graph import Pipeline
    from harness.recipes.recipe import Recipe


def print_scores(pipeline: Pipeline, chosen: dict[str, Recipe]) -> None:
    """A table of recipes' scores, then what views and ensembles gained."""
    from rich.table import Table

    from harness.kaggle.standings import kind_of
    from harness.runs.epochs import kept_epochs
    from harness.scoring.evaluation import interval_of
    from harness.scoring.metrics import METRICS

    title = METRICS[pipeline.competition.metric].title
    # Of five classes or fewer, the right one is always among the first five.
    tops = {"top1": "top-1"} | ({"top5": "top-5"} if len(pipeline.artifacts.dataset.classes) > 5 else {})
    ranks = tops if pipeline.competition.targets.link == "softmax" else {}
    scores = (f"out-of-fold {title}", f"hold-out {title}")
    table = Table("recipe", "kind", *scores, *ranks.values(), "trained in", box=None, pad_edge=False)
    for name in chosen:
        run = pipeline.artifacts.run_of(name)
        metrics, about = run.metrics() or {}, run.about() or {}
        holdout = metrics.get("holdout", {})
        table.add_row(
            name,
            kind_of(name, pipeline.artifacts.recipes),
            *(str(interval_of(metrics[split])) if split in metrics else "" for split in SCORED),
            *(f"{holdout[rank]:.4f}" if rank in holdout else "" for rank in ranks),
            seconds(about.get("seconds", 0)),
        )
    out = console()
    out.print(table)
    for name in chosen:
        score = (pipeline.artifacts.run_of(name).metrics() or {}).get("out_of_fold", {})
        if "honest" in score:
            out.print(
                f"{name}: its settings were chosen on the out-of-fold rows; with those chosen on other folds: "
                f"{interval_of(score['honest'])}"
            )
        run = pipeline.artifacts.run_of(name)
        if kept := kept_epochs(run.folder, run.about() or {}):
            out.print(f"{name}: {kept}")
    if leaks := len(pipeline.artifacts.leaks):
        out.print(f"The folds separate {leaks:,} pairs of identical images: the out-of-fold scores are too good.")
    _print_ensembles(pipeline, chosen, out)


def _print_ensembles(pipeline: Pipeline, chosen: dict[str, Recipe], out: Console) -> None:
    from harness.kaggle.board import board
    from harness.report import ensemble, tta
    from harness.utils.files import read_json

    leaderboard = board(pipeline.workspace, pipeline.competition)
    for name, recipe in chosen.items():
        tta.show(name, pipeline.artifacts.run_of(name).folder, out)
        if recipe.members and (blend := read_json(pipeline.artifacts.run_of(name).folder / "blend.json")):
            out.print()
            classes, link = pipeline.artifacts.dataset.classes, pipeline.competition.targets.link
            ensemble.show(name, blend, leaderboard, classes, link, out)
    out.print()
    for name, reason in pipeline.artifacts.failed.items():
        out.print(f"failed: {name}. {reason}")
