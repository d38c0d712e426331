"""What a search found, and what that is worth: its best trial beside the recipe as it was, on rows it did not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.data.splits import HOLDOUT, OUT_OF_FOLD
from harness.ensembles.gain import paired
from harness.runs import variants
from harness.runs.fold_folders import folder_of, predictions_of
from harness.runs.run import Run
from harness.runs.searches import FAILED, SUMMARY
from harness.scoring import evaluation
from harness.scoring.predictions import Predictions
from harness.tuning.search import Search
from harness.tuning.subject import Subject
from harness.tuning.trial import Tried
from harness.utils.console import say
from harness.utils.errors import UserError
from harness.utils.files import lock, read_json, write_json

# The rows that scores are of: those of the folds that the search saw, those of the other folds, and the hold-out.
SEEN, UNSEEN = "seen", "unseen"
ROWS = (SEEN, UNSEEN, HOLDOUT)
OPENED = "opened.json"


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    Args:
        best: its best trial.
        own, tuned: scores by rows of the recipe with its own settings and with the best trial's, as
            ``harness.scoring.evaluation.evaluate`` gives them; without rows that there are none of.
        gains: of the second over the first, by rows.
        opened: how many runs this search has been scored with on the hold-out, these two and those of before.
    """

    best: Tried
    own: dict[str, dict[str, Any]]
    tuned: dict[str, dict[str, Any]]
    gains: dict[str, dict[str, Any]]
    opened: int


def outcome(search: Search) -> Outcome:
    """Finish the best trial's run and that of the recipe as it is, and compare them.

    Raises:
        UserError: no trial is complete.
    """
    subject, best = search.subject, search.study.best()
    if best is None:
        failed = [one for one in search.study.tried() if one.state == FAILED]
        why = f" {len(failed)} failed; the last one: {failed[-1].reason}" if failed else ""
        goes_on = search.study.left(search.trials) or not failed
        fix = "the same command goes on" if goes_on else f"mend what failed, and {search.anew}"
        raise UserError(f"no trial of {subject.name} is complete yet.{why}", fix)
    say("finishing two runs: the recipe as it is, and with the settings of the best trial")
    own, tuned = _tables(subject, {}), _tables(subject, best.point)
    dataset, metric = subject.pipeline.artifacts.dataset, subject.metric
    scores: list[dict[str, dict[str, Any]]] = [{}, {}]
    gains = {}
    for rows in (rows for rows in ROWS if rows in own):
        ids = own[rows].ids
        labels, groups = dataset.labels_of(ids), dataset.groups_of(ids)
        for scores_of_one, table in zip(scores, (own[rows], tuned[rows]), strict=True):
            ordered = Predictions(ids, table.classes, table.of(ids))
            scores_of_one[rows] = evaluation.evaluate(ordered, dataset, metric.name)
        gains[rows] = paired(metric, labels, tuned[rows].of(ids), own[rows].of(ids), groups).about()
    return Outcome(best, scores[0], scores[1], gains, _opened(subject, best) if HOLDOUT in own else 0)


def _tables(subject: Subject, point: dict[str, str]) -> dict[str, Predictions]:
    """The predictions of the recipe's whole run with some settings, by the rows that scores are of.

    Out of fold they are those of the variant that has the lowest loss on the folds that the search saw.
    """
    pipeline, recipe = subject.pipeline_with(point), subject.with_point(point)
    pipeline.perform({subject.name: recipe})
    run = pipeline.artifacts.run_of(subject.name)
    by_fold = _folds_of(run, subject.folds)
    seen_folds, others = by_fold[: subject.seen], by_fold[subject.seen :]
    variant, seen, _ = variants.lowest(seen_folds, len(recipe.variants()), pipeline.artifacts.dataset)
    found = {SEEN: seen}
    if others:
        unseen = variants.out_of_fold([part[variants.table(OUT_OF_FOLD, variant)] for part in others])
        known = set(seen.ids)
        ids = tuple(one for one in unseen.ids if one not in known)
        if ids:
            found[UNSEEN] = Predictions(ids, unseen.classes, unseen.of(ids))
    whole = run.predictions() or {}
    return found | ({HOLDOUT: whole[HOLDOUT]} if HOLDOUT in whole else {})


def _folds_of(run: Run, count: int) -> list[dict[str, Predictions]]:
    """The kept predictions of each fold of a finished run.

    Raises:
        UserError: one is missing.
    """
    found = []
    for number in range(count):
        kept = predictions_of(run.folder, number, run.key)
        if kept is None:
            file = folder_of(run.folder, number) / "predictions.h5"
            raise UserError(f"{file} is missing or damaged.", f"remove the folder {run.folder}, and tune again")
        found.append(kept)
    return found


def _opened(subject: Subject, best: Tried) -> int:
    """Note that the best trial was scored on the hold-out; tell how many of the search's have been."""
    file = subject.folder / OPENED
    with lock(file, "the note of the hold-out"):
        runs = (read_json(file) or {}).get("runs", [])
        if best.run not in runs:
            runs = [*runs, best.run]
            write_json(file, {"runs": runs})
    return len(runs)


def summary(search: Search, found: Outcome | None) -> dict[str, Any]:
    """A search for a JSON file, from which its page is made."""
    subject = search.subject
    artifacts = subject.pipeline.artifacts
    own = artifacts.run(subject.name, subject.recipe).key
    return {
        "recipe": subject.name,
        "smoke": artifacts.options.smoke,
        "own": own,
        "space": [
            {"name": axis.name, "log": getattr(axis, "log", False), "choices": [*getattr(axis, "values", ())]}
            for axis in subject.space
        ],
        "metric": subject.metric.name,
        "seen": subject.seen,
        "folds": subject.folds,
        "trials": [vars(one) for one in search.study.tried()],
        # Which takes a second; who pressed Ctrl-C waits for nothing.
        "importance": search.study.importance() if found else {},
        "best": found and found.best.number,
        "scores": found and {"own": found.own, "tuned": found.tuned, "gains": found.gains},
        "opened": found.opened if found else 0,
    }


def keep(search: Search, found: Outcome | None) -> dict[str, Any]:
    """Keep the search's summary in its folder, and give it; what it was worth stays until it is known anew."""
    file, report = search.subject.folder / SUMMARY, summary(search, found)
    with lock(file, "the summary of the search"):
        before = read_json(file) or {}
        if found is None and before.get("scores"):
            report |= {name: before[name] for name in ("best", "scores", "importance", "opened")}
        write_json(file, report)
    return report
