"""The page of results: the published experiments beside our runs, out of the runs' own records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.console import seconds
from harness.files import read_json
from harness.metrics import bootstrap
from harness.predictions import HOLDOUT, OUT_OF_FOLD
from harness.published import Row
from harness.recipes.repeat import base
from harness.records import Record

# A run with fewer of these is the recipe still, cut short, and is shown as such. With other settings it is another one.
SHORTENING = {"folds", "limit", "epochs", "patience", "warm_epochs", "checkpoint"}

HEAD = """# Results

Written from the runs' own records; nothing on this page is typed by hand.

    make reproduce            # every row whose data is here: days on a CPU
    make reproduce ONLY=3     # one row
    make reproduce SMOKE=1    # each row shrunk, to see that it runs; this page stays as it is
    make results              # this page again, from the runs that there are

Scores are rank-1 accuracy with a 95 % bootstrap interval: out of fold, and on the hold-out, which is never trained on;
rank-5 is the hold-out's. The published ones are of splits of their author's. The newest run with a recipe's settings
counts; where there is only one cut short, what differs stands beside the recipe's name. `trained on` is images a fold.
`time` is that of fitting and predicting; an ensemble's includes its members'.
"""

COLUMNS = (
    "out of fold", "hold-out", "rank-5", "trained on", "seeds", "epochs", "device", "time", "versions", "run"
)  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """A recipe as its competition declares it.

    Args:
        settings: by name, as they are after a way through JSON.
        usual: the values of settings that a recipe does not name: those of runs made before there was the setting.
    """

    settings: dict[str, Any]
    usual: dict[str, Any]


@dataclass(frozen=True)
class Counted:
    """The run that stands for a recipe.

    Args:
        record: the run's.
        members: the fitted runs it is made of, itself where it is no ensemble.
        changed: settings that differ from the declared ones.
    """

    record: Record
    members: list[Record]
    changed: dict[str, Any]


def counted(found: Iterable[Record], name: str, recipes: Mapping[str, Declared]) -> Counted | None:
    """The newest run with a recipe's own settings, else the newest of those cut short; None where there is neither.

    Args:
        found: a competition's runs.
        name: the recipe's.
        recipes: the competition's, by name.
    """
    candidates = []
    for record in found:
        if record.recipe != name or record.about.get("parent"):
            continue
        members = record.members()
        if members is None:  # they may have been cut short, and nobody could tell
            continue
        changed = _changed(record, recipes)
        for member in members:
            changed |= _changed(member, recipes)
        if set(changed) <= SHORTENING:
            candidates.append(Counted(record, members, changed))
    return max(candidates, key=lambda run: (not run.changed, run.record.finished), default=None)


def _changed(record: Record, recipes: Mapping[str, Declared]) -> dict[str, Any]:
    """A record's settings where they are not the declared ones; a repeat may have a seed of its own."""
    declared = recipes.get(base(record.recipe))
    if declared is None:
        return {"recipe": record.recipe}
    had = declared.usual | record.settings
    own = {"seed"} if base(record.recipe) != record.recipe else set()
    return {n: had.get(n) for n, value in declared.settings.items() if n not in own and had.get(n) != value}


def page(
    rows: Iterable[Row], competitions: Mapping[str, Mapping[str, Declared]], runs: Callable[[str], Iterable[Record]]
) -> str:
    """The page in Markdown; the same records give the same text.

    Args:
        rows: the published experiments.
        competitions: recipes by name, by competition.
        runs: a competition's records.
    """
    found = {name: list(runs(name)) for name in competitions}
    versions: list[str] = []
    published = []
    for row in rows:
        recipes = competitions.get(row.competition, {})
        run = counted(found.get(row.competition, []), row.recipe, recipes)
        ours = _cells(run, versions) if run else [_not_yet(row, competitions), *[""] * (len(COLUMNS) - 1)]
        published.append([str(row.number), row.what, row.competition, _told(row.recipe, run), row.published, *ours])

    known = {(row.competition, row.recipe) for row in rows}
    beyond = [
        [competition, _told(name, run), *_cells(run, versions)]
        for competition, recipes in competitions.items()
        for name in recipes
        if (competition, name) not in known and (run := counted(found[competition], name, recipes))
    ]
    text = HEAD + "\n## The published experiments\n\n"
    text += _table(["row", "what", "competition", "recipe", "published", *COLUMNS], published)
    if beyond:
        text += "\n## Beyond the published\n\n" + _table(["competition", "recipe", *COLUMNS], beyond)
    if versions:
        text += "\n## Versions\n\n" + "".join(f"{number}. {told}\n" for number, told in enumerate(versions, 1))
    return text


def _table(head: list[str], lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))


def _told(name: str, run: Counted | None) -> str:
    changed = ", ".join(f"{setting}={value}" for setting, value in sorted(run.changed.items())) if run else ""
    return f"`{name}`" + (f", {changed}" if changed else "")


def _not_yet(row: Row, competitions: Mapping[str, Mapping[str, Declared]]) -> str:
    if row.competition not in competitions:
        return f"not yet run: no data comes for it; `harness new {row.competition} --from DIR`, then give it the recipe"
    if row.recipe not in competitions[row.competition]:
        return "not yet run: the competition has no such recipe"
    return f"not yet run: `{row.command}`"


def _cells(run: Counted, versions: list[str]) -> list[str]:
    """What there is to tell under ``COLUMNS``; versions not met before are added to the list."""
    record, members = run.record, run.members
    about, scores = record.about, record.scores
    libraries = {"python": about["machine"]["python"], **about["libraries"]}
    told = f"{about['backend']} backend: " + ", ".join(f"{name} {version}" for name, version in libraries.items())
    if told not in versions:
        versions.append(told)
    last = scores.get(HOLDOUT) or scores[OUT_OF_FOLD]
    everyone = {one.folder: one for one in (record, *members)}.values()
    return [
        *(_score(run, split) if split in scores else "" for split in (OUT_OF_FOLD, HOLDOUT)),
        f"{100 * last['rank5']:.2f} %" if record.classes > 5 else "",
        _trained_on(members),
        ", ".join(map(str, sorted({member.settings["seed"] for member in members}))),
        _range([one["epochs"] for member in members for one in member.about.get("training", [])]),
        ", ".join(dict.fromkeys(_device(member) for member in members)),
        seconds(sum(one.about["seconds"] for one in everyone)),
        str(versions.index(told) + 1),
        f"`{record.key[:8]}`, {record.finished[:10]}",
    ]


def _score(run: Counted, split: str) -> str:
    """Rank-1 accuracy with its interval, whatever the competition's metric is: hits and rows are all it takes."""
    found = run.record.scores[split]
    hits = round(found["rank1"] * found["rows"])
    interval = bootstrap(np.repeat([100.0, 0.0], [hits, found["rows"] - hits]))
    told = f"{interval.score:.2f} % ({interval.low:.2f} to {interval.high:.2f})"
    if len(run.members) < 2:
        return told
    each = [100 * member.scores[split]["rank1"] for member in run.members]
    return f"{told}, each {min(each):.2f} to {max(each):.2f} %"


def _trained_on(members: list[Record]) -> str:
    """How many images each fold was trained on, and how many folds there were."""
    found, folds = [], 0
    for member in members:
        kept = [read_json(file) for file in member.folder.glob("fold-*/fold.json")]
        limit = member.settings.get("limit") or float("inf")
        found += [int(min(fold["trained_on"], limit)) for fold in kept if fold is not None]
        folds = len(kept)
    return f"{_range(found)} ({folds} fold{'s' * (folds > 1)})" if found else ""


def _device(record: Record) -> str:
    machine = record.about["machine"]
    return machine.get("device") or f"CPU, {machine['cores']} cores"


def _range(values: list[int]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
