"""A search's trials: which point is tried next, by which process, and what came of it. Optuna chooses; files keep.

Any number of processes share a study through its journal. Each trial has a lock, which its process holds until it is
over; the operating system releases it when the process ends. So a trial whose lock is free although it is not over
was stopped or killed: the next process tries the same point anew, and finds the folds that were finished.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import optuna
from optuna.trial import TrialState

from harness.recipes import space as spaces
from harness.recipes.space import Range, Space
from harness.runs.searches import COMPLETE
from harness.tuning.journal import open_study
from harness.tuning.sampling import distribution, sampler
from harness.tuning.trial import Trial, Tried, tried
from harness.utils.console import say

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

STARTUP = 5  # complete trials before the median of their epochs is a rule


class Study:
    """The trials of one search.

    Args:
        folder: where they are kept.
        name: says what is searched on what; another name is another study.
        space: what is searched.
        first: the point that is tried first; None leaves it to Optuna.
        maximize: whether higher values are better.
        seed: the same seed gives the same trials, where one process runs them.
        warmup: epochs after which a trial may first be found behind the others.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        space: Space,
        first: dict[str, Any] | None,
        *,
        maximize: bool,
        seed: int,
        warmup: int = 1,
    ) -> None:
        self.folder, self._space, self._first, self._seed = folder, space, first, seed
        self._optuna, self._storage = open_study(folder / "journal.log", name, maximize)
        self._optuna.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=warmup)
        self._distributions = {axis.name: distribution(axis) for axis in space}

    def next(self, total: int) -> Trial | None:
        """The next trial, for this process alone; None where as many as wanted have begun.

        Args:
            total: how many trials the study is to have; a space with fewer points has no more than these.
        """
        with filelock.FileLock(self.folder / ".next.lock"):
            self._take_over()
            begun = [trial.params for trial in self._begun()]
            if not self._missing(begun, total):
                return None
            waiting = self._optuna.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            if not waiting:  # what was left is tried anew before all else
                self._enqueue(begun, total)
            # A sampler of its own for each, so that a study that was stopped goes on as if it had not been.
            self._optuna.sampler = sampler(self._seed + len(begun))
            asked = self._optuna.ask(self._distributions)
            held = self._lock_of(asked.number)
            held.acquire(timeout=0)
        return Trial(self._optuna, asked, self._typed(asked.params), held)

    def left(self, total: int) -> int:
        """How many of so many trials are not over; of a space with fewer points, how many points."""
        return self._missing([trial.params for trial in self._begun() if trial.state.is_finished()], total)

    def wait_for_others(self, timeout: float | None = None) -> bool:
        """Wait until a trial of another process is over, or left by it; False where there is none.

        Args:
            timeout: seconds after which the waiting is given up; None waits as long as it takes.
        """
        for trial in self._running():
            say("Waiting for a trial of another process. Ctrl-C stops the waiting, not that process.")
            with (
                contextlib.suppress(filelock.Timeout),
                self._lock_of(trial.number).acquire(-1 if timeout is None else timeout),
            ):
                pass
            return True
        return False

    def fail_left(self, job: str, reason: str) -> int | None:
        """Have a job's trial be failed whose process ended for the last time.

        Args:
            job: what the trial notes of the job that runs it.
            reason: why it failed.

        Returns:
            How many trials failed by that: 0 where another process has taken it over, None where the job began none.
        """
        failed = 0
        with filelock.FileLock(self.folder / ".next.lock"):
            begun = [one for one in self._optuna.get_trials(deepcopy=False) if one.user_attrs.get("job") == job]
            for trial in begun:
                with contextlib.suppress(filelock.Timeout), self._lock_of(trial.number).acquire(timeout=0):
                    if trial.state == TrialState.RUNNING:  # else another process tries it anew
                        self._note_reason(trial.number, reason)
                        self._optuna.tell(trial.number, state=TrialState.FAIL)
                        failed += 1
        return failed if begun else None

    def tried(self) -> list[Tried]:
        """The trials that have begun, in order."""
        return [tried(number, trial) for number, trial in enumerate(self._begun(), 1)]

    def best(self) -> Tried | None:
        """The complete trial with the best value, of equal ones the first; None before there is one."""
        complete = [one for one in self.tried() if one.state == COMPLETE and one.value is not None]
        sign = 1 if self._optuna.direction == optuna.study.StudyDirection.MAXIMIZE else -1
        return max(complete, key=lambda one: (sign * (one.value or 0.0), -one.number), default=None)

    def importance(self) -> dict[str, float]:
        """How much of the complete trials' differences each setting explains, summing to 1; {} where none differ.

        Source: Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance (2014).
        """
        complete = self._optuna.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < 2 or len(complete) < STARTUP:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        shares = optuna.importance.get_param_importances(self._optuna, evaluator=evaluator)
        return {name: float(share) for name, share in shares.items()}

    def _note_reason(self, number: int, reason: str) -> None:
        """Keep why a trial failed that this process does not run."""
        study = self._storage.get_study_id_from_name(self._optuna.study_name)
        trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
        self._storage.set_trial_user_attr(trial, "reason", reason)

    def _begun(self) -> list[FrozenTrial]:
        """Optuna's trials, without those that wait and those that were left and are tried anew."""
        trials = self._optuna.get_trials(deepcopy=False)
        return [
            trial
            for trial in trials
            if trial.state != TrialState.WAITING
            and not (trial.state == TrialState.FAIL and not trial.user_attrs.get("reason"))
        ]

    def _running(self) -> list[FrozenTrial]:
        return self._optuna.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _take_over(self) -> None:
        """Have each trial tried anew whose process is gone."""
        for trial in self._running():
            held = self._lock_of(trial.number)
            try:
                held.acquire(timeout=0)
            except filelock.Timeout:
                continue
            now = self._optuna.get_trials(deepcopy=False)[trial.number]
            if now.state != TrialState.RUNNING:  # it has ended meanwhile
                held.release()
                continue
            if now.user_attrs.get("reason"):  # it was about to end; what is tried anew counts once
                self._note_reason(trial.number, "")
            self._optuna.tell(trial.number, state=TrialState.FAIL)
            # A process that ended before it had noted all of a point drew it: the same is drawn again.
            point = trial.system_attrs.get("fixed_params", {}) | trial.params
            if point.keys() == self._distributions.keys():
                self._optuna.enqueue_trial(point)
            held.release()

    def _missing(self, tried: list[dict[str, Any]], total: int) -> int:
        """How many more than these there are to be; a point that was drawn twice counts once where all are tried."""
        points = spaces.size(self._space)
        if points is None or points > total:
            return max(0, total - len(tried))
        return sum(point not in tried for point in spaces.points(self._space))

    def _enqueue(self, begun: list[dict[str, Any]], total: int) -> None:
        """Choose the next point, where that is not left to Optuna: of a space to be tried whole, or the first."""
        points = spaces.size(self._space)
        if points is not None and points <= total:
            self._optuna.enqueue_trial(next(point for point in spaces.points(self._space) if point not in begun))
        elif not begun and self._first is not None:
            self._optuna.enqueue_trial(self._first)

    def _lock_of(self, number: int) -> filelock.FileLock:
        return filelock.FileLock(self.folder / f".trial-{number}.lock")

    def _typed(self, params: dict[str, Any]) -> dict[str, str]:
        return {
            axis.name: axis.text(params[axis.name]) if isinstance(axis, Range) else params[axis.name]
            for axis in self._space
        }
