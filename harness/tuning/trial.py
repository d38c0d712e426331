"""One trial of a search: the one that this process runs, and what the journal tells of any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from harness.runs.searches import COMPLETE, FAILED, PRUNED, RUNNING

if TYPE_CHECKING:
    import filelock
    import optuna
    from optuna.trial import FrozenTrial

STATES = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED}


@dataclass(frozen=True)
class Tried:
    """A trial as the journal tells of it.

    Args:
        number: from 1, in the order in which trials began; one that was stopped and tried anew counts once.
        state: COMPLETE, PRUNED, FAILED or RUNNING.
        point: setting to value as typed.
        value: the score on all folds that the search sees; None where it is not complete.
        run: the key of its run; "" where it failed before that was known.
        seconds: that it took.
        reason: why it failed or was stopped early; "" otherwise.
    """

    number: int
    state: str
    point: dict[str, str]
    value: float | None = None
    run: str = ""
    seconds: float = 0.0
    reason: str = ""


class Trial:
    """A trial that this process runs.

    Args:
        study: Optuna's study, whose it is.
        asked: Optuna's trial.
        point: setting to value as typed.
        held: the trial's lock, which this process has.
    """

    def __init__(
        self, study: optuna.Study, asked: optuna.Trial, point: dict[str, str], held: filelock.BaseFileLock
    ) -> None:
        self._study, self._asked, self.point, self._held = study, asked, point, held
        self._asked.set_user_attr("point", point)

    def note(self, **about: Any) -> None:
        """Keep what is known of the trial: "run", "seconds", "job"."""
        for name, value in about.items():
            self._asked.set_user_attr(name, value)

    def report_epochs(self, values: list[float]) -> int:
        """Note the value after each epoch of the first fold, where that is not known yet.

        Returns:
            The first of these epochs after which it is behind the complete trials' median; 0 for none.
        """
        known = self._study.get_trials(deepcopy=False)[self._asked.number].intermediate_values
        for epoch, value in enumerate(values, 1):
            if epoch not in known:
                self._asked.report(value, epoch)
                if self._asked.should_prune():
                    return epoch
        return 0

    def complete(self, value: float) -> None:
        self._study.tell(self._asked.number, value)

    def stop(self, reason: str) -> None:
        """End it early: it is far behind."""
        self.note(reason=reason)
        self._study.tell(self._asked.number, state=TrialState.PRUNED)

    def fail(self, reason: str) -> None:
        self.note(reason=reason)
        self._study.tell(self._asked.number, state=TrialState.FAIL)

    def release(self) -> None:
        """Let others have it, if it is not over."""
        self._held.release()


def tried(number: int, trial: FrozenTrial) -> Tried:
    """What Optuna's journal tells of a trial.

    Args:
        number: from 1, in the order in which trials began.
        trial: as Optuna keeps it.
    """
    state = STATES.get(trial.state, RUNNING)
    about = trial.user_attrs
    return Tried(
        number,
        state,
        about.get("point", {}),
        trial.value if state == COMPLETE else None,
        about.get("run", ""),
        about.get("seconds", 0.0),
        about.get("reason", ""),
    )
