"""Checkpoints: all that training needs to go on as if it had never stopped, in one file that is whole or not there.

``epoch-0025.npz`` was written after 25 epochs, ``epoch-0025-step-000120.npz`` 120 steps later, when someone stopped
it. ``best-0023.npz`` holds the best epoch's weights alone: with them training ends, but does not go on.
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

from harness.console import say
from harness.errors import UserError, some
from harness.files import size, whole

if TYPE_CHECKING:
    import keras

Array = np.ndarray

# What reading a damaged or foreign file raises.
DAMAGE = (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
# The best epoch's loss or accuracy is looked for under these names.
WATCHED = {"loss": "val_log_loss", "accuracy": "val_accuracy"}


@dataclass
class State:
    """How far training has come.

    Args:
        batch: images a step; None where the recipe decides.
        epoch: whole epochs done.
        step: steps done of the next one: the position in the data, whose order the seed and the epoch give.
        partial: the scores' means over these steps.
        history: the scores by epoch.
        since: epochs before this one were another run's; the best is not looked for among them.
        seconds: spent on them, however often training was stopped.
    """

    batch: int | None = None
    epoch: int = 0
    step: int = 0
    partial: dict[str, float] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    since: int = 0
    seconds: float = 0.0

    def best(self, by: str) -> int:
        """The number of epochs after which the weights were best by "loss" or "accuracy"; 0 before there is any."""
        values = np.array(self.history.get(WATCHED[by], [])[self.since :])
        if not len(values) or np.isnan(values).all():
            return 0
        return self.since + 1 + int(np.nanargmin(values) if by == "loss" else np.nanargmax(values))

    def finished(self, epochs: int, patience: int, by: str) -> bool:
        """Whether all epochs are done, or the last so many brought nothing better."""
        patient = by == "last" or self.epoch - max(self.best(by), self.since) < patience
        return self.epoch >= epochs or (self.step == 0 and not patient)


class Store:
    """The checkpoints of one fold.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._best: tuple[int, dict[str, Array]] | None = None  # epoch, weights: not yet written

    def remember(self, state: State, trainer: keras.Model) -> None:
        """Hold the weights to predict with, the best so far, in memory until a checkpoint is saved with them.

        Writing them at each better epoch could cost small networks more than training does; and a checkpoint that
        training goes back to must find its own best epoch, not one of the epochs that were lost.
        """
        averages = dict(zip(map(id, trainer.trainable_variables), _averages(trainer), strict=False))
        weights = {name: v for name, v in _parts(trainer).items() if name.startswith("weights/")}
        self._best = state.epoch, {name: np.array(averages.get(id(v), v)) for name, v in weights.items()}

    def save(self, state: State, trainer: keras.Model) -> None:
        """Keep a model, its optimizer, its random state, how far it has come, and the best weights before."""
        over = set(self.folder.glob("epoch-*-step-*.npz")) if state.step == 0 else set()
        if self._best is not None:
            epoch, weights = self._best
            over |= set(self.folder.glob("best-*.npz")) - {self._best_file(epoch)}
            _write(self._best_file(epoch), State(epoch=epoch), weights)
        _write(self.folder / _name(state), state, {name: np.asarray(v) for name, v in _parts(trainer).items()})
        self._best = None
        for file in over:
            file.unlink()

    def warn_of_room(self, trainer: keras.Model, count: int) -> None:
        """Say where the disk has no room for so many more checkpoints: hours later it would be a surprise."""
        needed = count * sum(math.prod(variable.shape) * 4 for variable in _parts(trainer).values())
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            say(
                f"{count} checkpoints will take {size(needed)} in {self.folder}, but only {size(free)} are free there. "
                "Training goes on; to keep fewer, stop it and --set checkpoint= a larger number."
            )

    def latest(self) -> tuple[Path, State] | None:
        """The checkpoint that is furthest on and whole."""
        found = [(file, state) for file in self.folder.glob("epoch-*.npz") if (state := _state(file)) is not None]
        for file, state in sorted(found, key=lambda one: (one[1].epoch, one[1].step), reverse=True):
            if _is_whole(file):
                return file, state
            say(f"the checkpoint {file} is damaged and is not used.")
        return None

    def best(self, state: State, by: str) -> Path | None:
        """The weights of the best epoch up to a state; None where they are not there."""
        file = self._best_file(state.best(by))
        return file if _is_whole(file) else None

    def _best_file(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:04d}.npz"


def restore(file: Path, trainer: keras.Model) -> None:
    """Put a checkpoint's contents into a model whose optimizer is built.

    The optimizer's and the random state are taken where they are of the same kind, as they are unless a run
    goes on from another one's checkpoint with other settings.

    Raises:
        UserError: the checkpoint is of another network.
    """
    import keras

    groups: dict[str, list[Any]] = {}
    for name, variable in _parts(trainer).items():
        groups.setdefault(name.split("/")[0], []).append((name, variable))
    with np.load(file, allow_pickle=False) as kept:
        for group, wanted in groups.items():
            same = {name for name in kept.files if name.startswith(f"{group}/")} == {name for name, _ in wanted}
            if same and all(kept[name].shape == tuple(variable.shape) for name, variable in wanted):
                for name, variable in wanted:
                    variable.assign(kept[name])
            elif group == "weights":
                raise UserError(
                    f"the checkpoint {file} is of another network than the recipe's.",
                    "go on with the network and the options it was made with",
                )
            elif group == type(trainer.optimizer).__name__:
                # Averages begin at the weights, not at Keras's 0; as copies, for JAX gives both buffers away.
                for average, weight in zip(_averages(trainer), trainer.trainable_variables, strict=False):
                    average.assign(keras.ops.copy(weight))


def inherit(parent: Path, folder: Path, epoch: int) -> None:
    """Have training in one fold's folder go on from another's checkpoint, as a run of its own.

    Args:
        parent, folder: the folders of the two runs' folds.
        epoch: the number of epochs after which the checkpoint was written.

    Raises:
        UserError: there is no such checkpoint.
    """
    store = Store(parent / "checkpoints")
    states = {file: _state(file) for file in sorted(store.folder.glob("epoch-*.npz"))}
    there = {state.epoch: file for file, state in states.items() if state is not None and state.step == 0}
    if epoch not in there:
        raise UserError(
            f"there is no checkpoint after epoch {epoch} in {store.folder}. "
            f"There are: {some([str(number) for number in sorted(there)], 20) or 'none'}.",
            "choose one of these, or train with --set checkpoint=1",
        )
    with np.load(there[epoch], allow_pickle=False) as kept:
        parts = {name: kept[name] for name in kept.files if name != "state"}
    state = dataclasses.replace(states[there[epoch]] or State(), batch=None, since=epoch, seconds=0.0)
    _write(folder / "checkpoints" / _name(state), state, parts)


def _name(state: State) -> str:
    return f"epoch-{state.epoch:04d}" + (f"-step-{state.step:06d}" if state.step else "") + ".npz"


def _state(file: Path) -> State | None:
    try:
        with np.load(file, allow_pickle=False) as kept:
            return State(**json.loads(kept["state"].tobytes()))
    except DAMAGE:
        return None


def _is_whole(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as parts:
            return parts.testzip() is None
    except DAMAGE:
        return False


def _write(file: Path, state: State, parts: dict[str, Any]) -> None:
    parts["state"] = np.frombuffer(json.dumps(dataclasses.asdict(state)).encode(), np.uint8)
    with whole(file) as temporary:
        np.savez(temporary, **parts)


def _averages(trainer: keras.Model) -> list[keras.Variable]:
    """The averages of the trainable weights, in their order; none where the optimizer has none."""
    return [variable for variable in trainer.optimizer.variables if variable.name.endswith("_average")]


def _parts(trainer: keras.Model) -> dict[str, keras.Variable]:
    """All variables that decide how training goes on, by a name that is the same in every process.

    A constant learning rate is a setting, not a state.
    """
    weights = trainer.weights
    known = {id(weight) for weight in weights}
    groups = {
        "weights": weights,
        "random": [variable for variable in trainer.variables if id(variable) not in known],
        type(trainer.optimizer).__name__: [v for v in trainer.optimizer.variables if v.name != "learning_rate"],
    }
    return {f"{group}/{number}": v for group, variables in groups.items() for number, v in enumerate(variables)}
