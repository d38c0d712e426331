"""Checkpoints: everything needed to resume training as if it had never stopped, in one file written atomically.

``epoch-0025.npz`` was written after 25 epochs, and ``epoch-0025-step-000120.npz`` 120 steps later, on an interruption.
``best-0023.npz`` holds only the weights of the best epoch. Predictions use them; training cannot resume from them.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.utils.console import say
from harness.utils.errors import UserError, some
from harness.utils.files import size, whole

if TYPE_CHECKING:
    import keras

    from harness.training.settings import TrainingSettings

Array = np.ndarray

# What reading a damaged file, or a file of another kind, raises.
DAMAGE = (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
# The keys in the history of which the first that is there decides which epoch is best, by the monitored quantity.
WATCHED = {"loss": ("val_log_loss", "val_squared_error"), "accuracy": ("val_accuracy",)}


@dataclass
class TrainingState:
    """The progress of a training run.

    Args:
        batch_size: images per step; None takes the batch size from the settings.
        epoch: completed epochs.
        step: completed steps of the current epoch. It is the position in the data, whose order follows from the seed
            and the epoch.
        partial: the mean scores over these steps.
        history: the scores by epoch.
        since: the number of epochs that another run trained; the best epoch is never one of them.
        seconds: training time, summed over all interruptions.
        cpu_seconds: the same on all cores together; not a number if a part of it was not noted.
    """

    batch_size: int | None = None
    epoch: int = 0
    step: int = 0
    partial: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    since: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def best(self, by: str) -> int:
        """The epoch with the best validation "loss" or "accuracy", counted from 1; 0 if there is none yet."""
        watched = next((name for name in WATCHED[by] if name in self.history), "")
        values = np.array(self.history.get(watched, [])[self.since :])
        if not len(values) or np.isnan(values).all():
            return 0
        return self.since + 1 + int(np.nanargmin(values) if by == "loss" else np.nanargmax(values))

    def finished(self, settings: TrainingSettings) -> bool:
        """Whether all epochs are done, or the last ``patience`` epochs brought no improvement."""
        by = settings.monitor
        patient = by == "last" or self.epoch - max(self.best(by), self.since) < settings.patience
        return self.epoch >= settings.epochs or (self.step == 0 and not patient)

    def why_it_ended(self, settings: TrainingSettings) -> str:
        """Why training is finished, in words that follow "for"."""
        if self.epoch >= settings.epochs:
            return f"all {settings.epochs} epochs are done"
        sought = {"loss": "lower loss", "accuracy": "higher accuracy"}[settings.monitor]
        return f"{settings.patience} epochs in a row brought no {sought}"


class CheckpointStore:
    """The checkpoints of one fold.

    Args:
        folder: where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._best: tuple[int, dict[str, Array]] | None = None  # epoch and weights, not yet written

    def remember(self, state: TrainingState, trainer: keras.Model) -> None:
        """Hold the best weights so far in memory until the next checkpoint writes them to disk.

        For a small network, writing them at every improvement could take longer than training. Also, a checkpoint from
        which training resumes must find its own best epoch, not a later one that was lost.
        """
        averages = dict(zip(map(id, trainer.trainable_variables), _averages(trainer), strict=False))
        weights = {name: weight for name, weight in _parts(trainer).items() if name.startswith("weights/")}
        self._best = (
            state.epoch,
            {name: np.array(averages.get(id(weight), weight)) for name, weight in weights.items()},
        )

    def save(self, state: TrainingState, trainer: keras.Model) -> None:
        """Write a checkpoint of the model, its optimizer, its random state and its progress, and the best weights."""
        obsolete = set(self.folder.glob("epoch-*-step-*.npz")) if state.step == 0 else set()
        if self._best is not None:
            epoch, weights = self._best
            obsolete |= set(self.folder.glob("best-*.npz")) - {self._best_file(epoch)}
            _write(self._best_file(epoch), TrainingState(epoch=epoch), weights)
        _write(self.folder / _name(state), state, {name: np.asarray(part) for name, part in _parts(trainer).items()})
        self._best = None
        for file in obsolete:
            file.unlink()

    def warn_of_room(self, trainer: keras.Model, count: int) -> None:
        """Warn, before training starts, if the disk has too little space for ``count`` more checkpoints."""
        needed = count * sum(math.prod(variable.shape) * 4 for variable in _parts(trainer).values())
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            say(
                f"{count} checkpoints will take {size(needed)} in {self.folder}, but only {size(free)} are free there. "
                "Training continues. To write fewer checkpoints, stop it and --set checkpoint= to a larger number."
            )

    def latest(self) -> tuple[Path, TrainingState] | None:
        """The undamaged checkpoint with the most progress; None if there is none."""
        states = {file: state for file in self.folder.glob("epoch-*.npz") if (state := _state(file)) is not None}
        for file, state in sorted(states.items(), key=lambda item: (item[1].epoch, item[1].step), reverse=True):
            if _is_whole(file):
                return file, state
            say(f"the checkpoint {file} is damaged and is not used.")
        return None

    def best(self, state: TrainingState, by: str) -> Path | None:
        """The file with the weights of a state's best epoch; None if it is missing or damaged."""
        file = self._best_file(state.best(by))
        if not file.exists():
            return None
        if not _is_whole(file):
            say(f"the weights of the best epoch, {file}, are damaged and are not used.")
            return None
        return file

    def _best_file(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:04d}.npz"


def restore(file: Path, trainer: keras.Model) -> None:
    """Load a checkpoint into a model whose optimizer is built.

    The optimizer state and the random state are loaded only if they match the model. They match unless a run resumes
    from another run's checkpoint with different settings.

    Raises:
        UserError: the checkpoint belongs to a different network.
    """
    import keras

    groups: dict[str, list[Any]] = {}
    for name, variable in _parts(trainer).items():
        groups.setdefault(name.split("/")[0], []).append((name, variable))
    with np.load(file, allow_pickle=False) as arrays:
        for group, variables in groups.items():
            same = {name for name in arrays.files if name.startswith(f"{group}/")} == {name for name, _ in variables}
            if same and all(arrays[name].shape == tuple(variable.shape) for name, variable in variables):
                for name, variable in variables:
                    variable.assign(arrays[name])
            elif group == "weights":
                raise UserError(
                    f"the checkpoint {file} belongs to another network than the recipe's, or to an earlier version of "
                    "the harness.",
                    "resume with the network and the options that it was trained with",
                )
            elif group == type(trainer.optimizer).__name__:
                # Averages start at the weights, not at Keras's 0. They are copies, because JAX donates both buffers.
                for average, weight in zip(_averages(trainer), trainer.trainable_variables, strict=False):
                    average.assign(keras.ops.copy(weight))


def resume_from(parent: Path, folder: Path, epoch: int) -> None:
    """Copy a checkpoint of another run's fold, so that training in this fold's folder resumes from it.

    Args:
        parent: the folder of the other run's fold.
        folder: the folder of this run's fold.
        epoch: the epoch of the checkpoint.

    Raises:
        UserError: there is no such checkpoint.
    """
    store = CheckpointStore(parent / "checkpoints")
    states = {file: _state(file) for file in sorted(store.folder.glob("epoch-*.npz"))}
    by_epoch = {state.epoch: file for file, state in states.items() if state is not None and state.step == 0}
    if epoch not in by_epoch:
        raise UserError(
            f"there is no checkpoint after epoch {epoch} in {store.folder}. "
            f"Available epochs: {some([str(number) for number in sorted(by_epoch)], 20) or 'none'}.",
            "choose one of these, or train with --set checkpoint=1",
        )
    with np.load(by_epoch[epoch], allow_pickle=False) as arrays:
        parts = {name: arrays[name] for name in arrays.files if name != "state"}
    state = states[by_epoch[epoch]] or TrainingState()
    state = dataclasses.replace(state, batch_size=None, since=epoch, seconds=0.0, cpu_seconds=0.0)
    _write(folder / "checkpoints" / _name(state), state, parts)


def _name(state: TrainingState) -> str:
    return f"epoch-{state.epoch:04d}" + (f"-step-{state.step:06d}" if state.step else "") + ".npz"


def _state(file: Path) -> TrainingState | None:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            # Before it was noted, states had no such time.
            return TrainingState(**({"cpu_seconds": math.nan} | json.loads(arrays["state"].tobytes())))
    except FileNotFoundError:  # removed meanwhile
        return None
    except DAMAGE as error:
        say(f"the checkpoint {file} cannot be read and is not used: {type(error).__name__}: {error}")
        return None


def _is_whole(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as parts:
            return parts.testzip() is None
    except DAMAGE:
        return False


def _write(file: Path, state: TrainingState, parts: dict[str, Any]) -> None:
    parts["state"] = np.frombuffer(json.dumps(dataclasses.asdict(state)).encode(), np.uint8)
    with whole(file) as temporary:
        np.savez(temporary, **parts)


def _averages(trainer: keras.Model) -> list[keras.Variable]:
    """The optimizer's averages of the trainable weights, in the same order; empty if it keeps none."""
    return [variable for variable in trainer.optimizer.variables if variable.name.endswith("_average")]


def _parts(trainer: keras.Model) -> dict[str, keras.Variable]:
    """All variables that training needs to resume, by a name that is the same in every process.

    The learning rate is left out: a constant one is a setting, not state.
    """
    weights, optimizer = trainer.weights, trainer.optimizer
    weight_ids = {id(weight) for weight in weights}
    groups = {
        "weights": weights,
        "random": [variable for variable in trainer.variables if id(variable) not in weight_ids],
        type(optimizer).__name__: [variable for variable in optimizer.variables if variable.name != "learning_rate"],
    }
    return {
        f"{group}/{number}": variable
        for group, variables in groups.items()
        for number, variable in enumerate(variables)
    }
