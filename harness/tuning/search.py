"""A search over settings of a recipe: trials one after the other, each an ordinary run of which some folds are made.

``on_workers`` runs them beside each other.

The search sees the first folds alone. The trials' runs are not finished, so none has a score on the rows of the other
folds or on the hold-out. Whoever runs a recipe with a trial's settings goes on from the folds that the trial made.
"""

from __future__ import annotations

import contextlib
import math
import time
import traceback
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.ensembles.gain import paired
from harness.pipeline.graph import Watch
from harness.recipes import space as spaces
from harness.recipes.recipe import FoldRecipe
from harness.recipes.trained import Trained
from harness.runs import variants
from harness.runs.fold_folders import folder_of, predictions_of
from harness.runs.searches import FAILED, RUNNING
from harness.scoring.predictions import Predictions
from harness.training.checkpoint import WATCHED
from harness.tuning.subject import Subject
from harness.utils.console import below, printable, progress, seconds
from harness.utils.errors import UserError
from harness.utils.files import out_of_space, read_json
from harness.utils.signals import is_ending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tqdm import tqdm

    from harness.tuning.trial import Trial, Tried

Tables = dict[str, Predictions]

FRUITLESS = 3  # trials that fail before any succeeds, and the search is given up
WARMUP = 10  # the share of epochs, one in so many, before which no trial is found behind
SCHEDULED = frozenset({"epochs", "schedule"})  # where these differ, epochs of one number do not compare


def require_optuna() -> None:
    """Refuse to search where Optuna is not installed.

    Raises:
        UserError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise UserError("what searches is not installed: Optuna, the extra 'tune'.", "make tune")


class FarBehindError(Exception):
    """A trial is so far behind that it is not worth going on with."""


class LaterError(Exception):
    """The time is over in the middle of a trial, which stays as it is."""


class Search:
    """Runs trials until there are as many as wanted, or the time is over.

    Args:
        subject: what is searched.
        trials: how many the study is to have in all, over all processes and commands.
        timeout: seconds after which this process begins no fold; None takes all the time that it needs.
        log: where what trials say is kept; None for a file in the search's folder.
    """

    def __init__(self, subject: Subject, trials: int, timeout: float | None = None, log: Path | None = None) -> None:
        from harness.tuning.study import Study

        self.subject, self.trials, self.timeout = subject, trials, timeout
        recipe, metric = subject.recipe, subject.metric
        self.study = Study(
            subject.folder,
            f"{subject.name}-{subject.key}",
            subject.space,
            spaces.point_of(subject.space, subject.name, recipe),
            maximize=metric.higher_is_better,
            seed=int(subject.key[:7], 16),
            warmup=math.ceil(recipe.epochs / WARMUP) if isinstance(recipe, Trained) else 1,
        )
        size = spaces.size(subject.space)
        self.total = trials if size is None else min(trials, size)
        self._log_file = log or subject.folder / "trials.log"
        self._began = time.monotonic()
        self._leaders: dict[str, list[Tables]] = {}

    def run(self) -> None:
        """Run trials, and wait for those of other processes.

        Raises:
            UserError: all of the first trials failed.
            KeyboardInterrupt: after Ctrl-C; the same search goes on from there.
        """
        with self.line() as bar, below(bar, self._log):
            while not self.is_late():
                if not self.run_next() and not self.study.wait_for_others(self.left()):
                    break
                bar.update(len(self.over()) - bar.n)

    def run_next(self, **about: Any) -> bool:
        """Run the next trial; False where as many as wanted have begun, or the time is over.

        Args:
            about: what the study is to keep of it.

        Raises:
            UserError: all of the first trials failed.
            KeyboardInterrupt: as ``run``.
        """
        trial = None if self.is_late() else self.study.next(self.trials)
        if trial is None:
            return False
        trial.note(**about)
        self._run(trial)
        return True

    @contextlib.contextmanager
    def line(self) -> Iterator[tqdm]:
        """A context in which a line shows the search's progress."""
        with progress(f"tune {self.subject.name}", self.total, "trial", len(self.over()), self._parts) as bar:
            self._bar = bar
            yield bar

    def _run(self, trial: Trial) -> None:
        started = time.monotonic()
        try:
            value = self._value(trial)
        except FarBehindError as behind:
            trial.note(seconds=round(time.monotonic() - started, 2))
            trial.stop(str(behind))
        except LaterError:
            pass
        except Exception as error:
            if out_of_space(error) or is_ending():  # which no settings are to blame for
                raise
            reason = error.what if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            self._log(traceback.format_exc())
            trial.fail(reason)
            self._refuse_if_all_fail(error)
        else:
            trial.note(seconds=round(time.monotonic() - started, 2))
            trial.complete(value)
        finally:
            trial.release()

    def _value(self, trial: Trial) -> float:
        """The score of a trial on the rows of the folds that the search sees."""
        subject = self.subject
        self._log(f"trial: {trial.point}")
        pipeline = subject.pipeline_with(trial.point)
        recipe = subject.with_point(trial.point)
        run, watch = pipeline.artifacts.run_of(subject.name), self._watch(trial, recipe)
        trial.note(run=run.key)
        made: list[Tables] = []
        with contextlib.closing(pipeline.fold_by_fold(subject.name, watch)) as folds:
            for _, tables_of_fold in zip(range(subject.seen), folds, strict=False):
                made.append(tables_of_fold)
                if len(made) == 1 and watch is not None:  # of a fold that was kept, nobody has looked at the epochs
                    watch(read_json(folder_of(run.folder, 0) / "history.json") or {})
                if len(made) < subject.seen:
                    self._stop_if_behind(made, recipe)
                    if self.is_late():
                        raise LaterError
        return score(subject, recipe, made)

    def _watch(self, trial: Trial, recipe: FoldRecipe) -> Watch | None:
        """What looks at the epochs of the first fold; None where trials' epochs do not compare."""
        if not isinstance(recipe, Trained) or SCHEDULED & {axis.name for axis in self.subject.space}:
            return None
        sign = -1 if self.subject.metric.higher_is_better else 1

        def watch(history: dict[str, list[float]]) -> None:
            losses = next((history[name] for name in WATCHED["loss"] if name in history), [])
            if epoch := trial.report_epochs([sign * value for value in losses]):
                words = "is above the median of the complete trials"
                raise FarBehindError(f"its loss on fold 1 after epoch {epoch} {words}")

        return watch

    def _stop_if_behind(self, made: list[Tables], recipe: FoldRecipe) -> None:
        """Raise an error if a trial is worse than the best one on the same rows, by more than chance explains."""
        leader = self.study.best()
        if leader is None:
            return
        theirs = self._folds_of(leader)
        if len(theirs) < len(made):
            return  # its files are gone
        dataset, metric = self.subject.pipeline.artifacts.dataset, self.subject.metric
        ours = joined(self.subject, recipe, made)
        best_of_same = joined(self.subject, self.subject.with_point(leader.point), theirs[: len(made)])
        labels, groups = dataset.labels_of(ours.ids), dataset.groups_of(ours.ids)
        gain = paired(metric, labels, ours.probabilities, best_of_same.of(ours.ids), groups)
        if gain.verdict == "worse":
            raise FarBehindError(f"after fold {len(made)} it is {gain} from trial {leader.number}, the best")

    def _folds_of(self, leader: Tried) -> list[Tables]:
        """The kept predictions of a trial on the folds that the search sees, as far as they are there."""
        if leader.run not in self._leaders:
            folder = self.subject.folder.parent / leader.run
            kept = [predictions_of(folder, number, leader.run) for number in range(self.subject.seen)]
            self._leaders = {leader.run: [one for one in kept if one is not None]}
        return self._leaders[leader.run]

    def _refuse_if_all_fail(self, error: Exception) -> None:
        over = self.over()
        if len(over) >= min(FRUITLESS, self.total) and all(one.state == FAILED for one in over):
            raise UserError(
                f"the first {len(over)} trials failed, and none succeeded. The last one: {over[-1].reason}",
                f"correct the space, or mend what failed and {self.anew}; what the trials said is in {self._log_file}",
            ) from error

    @property
    def anew(self) -> str:
        """How trials are begun anew that failed for another reason than their settings."""
        return f"move {self.subject.folder / 'journal.log'} away: then the same command tries them anew"

    def left(self) -> float | None:
        """Seconds that are left; None where all the time is."""
        return None if self.timeout is None else max(0.0, self.timeout - (time.monotonic() - self._began))

    def is_late(self) -> bool:
        return self.left() == 0

    def over(self) -> list[Tried]:
        """The trials that have ended, in whatever way."""
        return [one for one in self.study.tried() if one.state != RUNNING]

    def _parts(self) -> list[str]:
        """What the line of progress shows: trial of trials, or how many run; the best one; the time left."""
        bar, best = getattr(self, "_bar", None), self.study.best()
        over = len(self.over())
        running = len(self.study.tried()) - over
        parts = [f"trial {min(over + 1, self.total)} of {self.total}"]
        if running > 1:
            parts = [f"{over} of {self.total} trials over, {running} running"]
        if best is not None:
            parts.append(f"best {best.value:.4f} (trial {best.number})")
        if bar is not None and over > bar.initial:
            left = (self.total - over) * (time.monotonic() - self._began) / (over - bar.initial)
            given = self.left()
            parts.append(f"{seconds(left if given is None else min(left, given))} left")
        return parts

    def _log(self, text: str) -> None:
        with self._log_file.open("a", encoding="utf-8") as file:
            file.write(printable(text) + "\n")


def joined(subject: Subject, recipe: FoldRecipe, made: list[Tables]) -> Predictions:
    """The out-of-fold predictions of some folds, by the variant of the recipe that has the lowest loss on them."""
    return variants.lowest(made, len(recipe.variants()), subject.pipeline.artifacts.dataset)[1]


def score(subject: Subject, recipe: FoldRecipe, made: list[Tables]) -> float:
    """The score by the competition's metric on the validation rows of some folds.

    Raises:
        UserError: it is no number.
    """
    predictions = joined(subject, recipe, made)
    labels = subject.pipeline.artifacts.dataset.labels_of(predictions.ids)
    value = subject.metric.score(labels, predictions.probabilities)
    if not np.isfinite(value):
        raise UserError(f"its {subject.metric.title} is {value}.", "search smaller values")
    return value
