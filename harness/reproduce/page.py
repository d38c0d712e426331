"""The page of results: the published experiments next to our runs, generated from the records of the runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.splits import HOLDOUT, OUT_OF_FOLD, SCORED
from harness.recipes.seeds import base
from harness.recipes.settings import may_be
from harness.reproduce.published import Row
from harness.runs.comparison import mark_pareto
from harness.runs.page_making import in_all, steps
from harness.runs.records import Record
from harness.scoring.evaluation import interval_of
from harness.scoring.metrics import METRICS, wilson
from harness.utils.console import seconds
from harness.utils.files import read_json
from harness.utils.stopwatch import Took

# A run that changes only these settings is a shortened run of the recipe, and is shown as such. A run that changes
# other settings is a different experiment.
SHORTENING = {"folds", "max_samples", "epochs", "patience", "frozen_epochs", "checkpoint"}

HEAD = """# Results

This page is generated from the records of the runs; nothing on it is typed by hand.

    make reproduce            # all rows whose data is available: days on a CPU
    make reproduce ONLY=3     # one row
    make reproduce SMOKE=1    # a smoke run of each row; this page does not change
    make results              # this page again, from the existing runs

Scores are top-1 accuracy with a 95 % Wilson interval: out of fold, and on the hold-out, which is never trained on. If
the competition's metric is another one, it follows, with a bootstrap interval. Top-5 accuracy is on the hold-out. The
published scores are on their author's splits. The newest run with a recipe's settings is shown. If there are only
shortened runs, the settings that differ are shown next to the recipe's name. `trained on` is the number of images per
fold. `time` is in all: caches, features, members, fitting and predicting; "over" where a cache is gone, and its time
with it. `CPU time` is that of the process on all its cores, which other work beside does not stretch. `Pareto`: no
other recipe of the competition has a better score out of fold in less time on the same device, as far as times are
known. Older runs name their device without its instructions, such as AVX-512.
"""

# Metrics that say no more than top-1 accuracy does.
OF_TOP1 = {"accuracy", "error"}
COLUMNS = (
    "out of fold", "hold-out", "top-5", "trained on", "seeds", "epochs", "device", "time", "CPU time", "Pareto",
    "versions", "run"
)  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """A recipe as its competition declares it.

    Args:
        settings: its settings by name, with values as JSON represents them.
        usual: the default values of settings, which apply to runs from before a setting was introduced.
    """

    settings: dict[str, Any]
    usual: dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """The run that represents a recipe.

    Args:
        record: the record of the run.
        members: the records of an ensemble's fitted members; for another recipe, the record itself.
        changed: the settings that differ from the declared ones.
        took: how long it took with all it is made of.
        is_all: whether that is all.
    """

    record: Record
    members: list[Record]
    changed: dict[str, Any]
    took: Took
    is_all: bool


def counted(records: Iterable[Record], name: str, recipes: Mapping[str, Declared], caches: Path) -> Counted | None:
    """The newest run with a recipe's declared settings, else the newest shortened run; None if there is neither.

    Args:
        records: the records of a competition's runs.
        name: the recipe's name.
        recipes: the competition's recipes, by name.
        caches: the folder of the competition's caches, which know how long they took.
    """
    candidates = []
    for record in records:
        if record.recipe != name or record.about.get("parent"):
            continue
        members = record.members()
        if members is None:  # it is unknown whether they were shortened
            continue
        changed = _changed(record, recipes)
        for member in members:
            changed |= _changed(member, recipes)
        if set(changed) <= SHORTENING:
            candidates.append((record, members, changed))
    if not candidates:
        return None
    record, members, changed = max(candidates, key=lambda run: (not run[2], run[0].sequence))
    return Counted(record, members, changed, *in_all(steps(record, caches)))


def _changed(record: Record, recipes: Mapping[str, Declared]) -> dict[str, Any]:
    """A record's settings that differ from the declared ones; a repeat with another seed may have its own seed."""
    declared = recipes.get(base(record.recipe))
    if declared is None:
        return {"recipe": record.recipe}
    settings = declared.usual | record.settings
    ignored = {"seed"} if base(record.recipe) != record.recipe else set()
    return {
        name: settings.get(name)
        for name, value in declared.settings.items()
        if name not in ignored and not may_be(name, value, settings.get(name))
    }


def page(
    rows: Iterable[Row],
    competitions: Mapping[str, Mapping[str, Declared]],
    runs: Callable[[str], Iterable[Record]],
    caches: Callable[[str], Path],
) -> str:
    """The page in Markdown; the same records and caches give the same text.

    Args:
        rows: the published experiments.
        competitions: the recipes by name, for each competition.
        runs: gives the records of a competition's runs.
        caches: gives the folder of a competition's caches.
    """
    found: dict[tuple[str, str], Counted] = {}
    for competition, recipes in competitions.items():
        records = list(runs(competition))
        for name in recipes:
            run = counted(records, name, recipes, caches(competition))
            found |= {(competition, name): run} if run else {}
    front, versions = _front(found), list[str]()
    published = []
    for row in rows:
        key = row.competition, row.recipe
        run = found.get(key)
        ours = _cells(run, key in front, versions) if run else [_not_yet(row, competitions), *[""] * (len(COLUMNS) - 1)]
        published.append(
            [str(row.number), row.what, row.competition, _recipe_cell(row.recipe, run), row.published, *ours]
        )

    reproduced = {(row.competition, row.recipe) for row in rows}
    beyond = [
        [competition, _recipe_cell(name, run), *_cells(run, (competition, name) in front, versions)]
        for (competition, name), run in found.items()
        if (competition, name) not in reproduced
    ]
    text = HEAD + "\n## The published experiments\n\n"
    text += _table(["row", "what", "competition", "recipe", "published", *COLUMNS], published)
    if beyond:
        text += "\n## Beyond the published\n\n" + _table(["competition", "recipe", *COLUMNS], beyond)
    if versions:
        text += "\n## Versions\n\n" + "".join(f"{number}. {line}\n" for number, line in enumerate(versions, 1))
    return text


def _front(found: Mapping[tuple[str, str], Counted]) -> set[tuple[str, str]]:
    """The competitions and recipes of the runs on the Pareto front of their device."""
    by_device: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (competition, name), run in found.items():
        scores = run.record.scores.get(OUT_OF_FOLD)
        if scores is not None and run.is_all:
            row = {"recipe": name, "metric": scores["metric"], OUT_OF_FOLD: scores["score"]}
            row["seconds_in_all"] = run.took.seconds
            by_device.setdefault((competition, _devices(run)), []).append(row)
    front = set()
    for (competition, _), rows in by_device.items():
        mark_pareto(rows, METRICS[rows[0]["metric"]].higher_is_better)
        front |= {(competition, row["recipe"]) for row in rows if row["pareto"]}
    return front


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _recipe_cell(name: str, run: Counted | None) -> str:
    changed = ", ".join(f"{setting}={value}" for setting, value in sorted(run.changed.items())) if run else ""
    leaks = max((member.about.get("leaks", 0) for member in run.members), default=0) if run else 0
    leak = f", its folds separate {leaks:,} pairs of identical images" if leaks else ""
    return f"`{name}`" + (f", {changed}" if changed else "") + leak


def _not_yet(row: Row, competitions: Mapping[str, Mapping[str, Declared]]) -> str:
    if row.competition not in competitions:
        return f"not yet run: its data is not included; `harness new {row.competition} --from DIR`, then add the recipe"
    if row.recipe not in competitions[row.competition]:
        return "not yet run: the competition has no such recipe"
    return f"not yet run: `{row.command}`"


def _cells(run: Counted, leads: bool, versions: list[str]) -> list[str]:
    """A run's cells for ``COLUMNS``; its versions are added to the list if they are new.

    Args:
        run: the run.
        leads: whether it is on the Pareto front.
        versions: a line for each set of versions so far.
    """
    record, members = run.record, run.members
    about, scores = record.about, record.scores
    libraries = {"python": about["machine"]["python"], **about["libraries"]}
    versions_line = f"{about['backend']} backend: " + ", ".join(
        f"{name} {version}" for name, version in libraries.items()
    )
    if versions_line not in versions:
        versions.append(versions_line)
    top5_scores = scores.get(HOLDOUT) or scores[OUT_OF_FOLD]
    return [
        *(_score(run, split) if split in scores else "" for split in SCORED),
        f"{100 * top5_scores['top5']:.2f} %" if "top5" in top5_scores and record.classes > 5 else "",
        _trained_on(members),
        ", ".join(map(str, sorted({member.settings["seed"] for member in members}))),
        _range([training["epochs"] for member in members for training in member.about.get("training", [])]),
        _devices(run),
        ("" if run.is_all else "over ") + seconds(run.took.seconds),
        "" if math.isnan(run.took.cpu_seconds) else seconds(run.took.cpu_seconds),
        "yes" * leads,
        str(versions.index(versions_line) + 1),
        f"`{record.key[:8]}`, {record.finished[:10]}",
    ]


def _score(run: Counted, split: str) -> str:
    """Top-1 accuracy where there is such a thing, and the competition's metric where it says more."""
    scores, told = run.record.scores[split], []
    if "top1" in scores:
        told.append(_top1(run, split))
    if scores["metric"] not in OF_TOP1:
        title = METRICS[scores["metric"]].title
        told.append(f"{title} {interval_of(scores)}")
    return "; ".join(told)


def _top1(run: Counted, split: str) -> str:
    """Top-1 accuracy with its interval, which needs only the numbers of hits and rows."""
    scores = run.record.scores[split]
    hits = round(scores["top1"] * scores["rows"])
    interval = wilson(hits, scores["rows"])
    text = f"{100 * interval.score:.2f} % ({100 * interval.low:.2f} to {100 * interval.high:.2f})"
    if len(run.members) < 2:
        return text
    low, high = (f"{100 * of(member.scores[split]['top1'] for member in run.members):.2f}" for of in (min, max))
    return f"{text}, each {low} %" if low == high else f"{text}, each {low} to {high} %"


def _trained_on(members: list[Record]) -> str:
    """The number of training images per fold, and the number of folds."""
    counts, folds = [], 0
    for member in members:
        fold_records = [read_json(file) for file in member.folder.glob("fold-*/fold.json")]
        max_samples = member.settings.get("max_samples") or float("inf")
        counts += [int(min(fold["trained_on"], max_samples)) for fold in fold_records if fold is not None]
        folds = len(fold_records)
    return f"{_range(counts)} ({folds} fold{'s' * (folds > 1)})" if counts else ""


def _devices(run: Counted) -> str:
    machines = (member.about["machine"] for member in run.members)
    return ", ".join(dict.fromkeys(one.get("device") or f"CPU, {one['cores']} cores" for one in machines))


def _range(values: list[int]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
