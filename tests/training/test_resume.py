"""Stopping and going on: however training ends, what follows is what would have followed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.recipes.network import Network
from harness.training import checkpoint
from harness.training.checkpoint import CheckpointStore, TrainingState, resume_from
from harness.training.interrupts import Interrupts
from harness.utils.errors import UserError
from harness.utils.files import read_json
from tests.training.folds import drawn_fold

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("heeding_interrupts")]

# All that is random is in it, and all that is kept beside the weights. 90 rows are 6 steps an epoch.
RECIPE = Network(
    network="minivggnet",
    size=(16, 16),
    pad=1,
    rotation=10,
    cutout=3,
    mixup=0.3,
    ema=0.8,
    epochs=3,
    batch_size=16,
    optimizer="adam",
    learning_rate=2e-3,
    schedule="cosine",
    checkpoint=1,
)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory) -> tuple[Fold, np.ndarray, dict]:
    """A run that was never stopped: its fold, its predictions, its history."""
    fold = drawn_fold(tmp_path_factory.mktemp("whole"))
    return fold, RECIPE.fit(fold), history(fold)


def history(fold: Fold) -> dict:
    return read_json(fold.folder / "history.json")


def checkpoints(fold: Fold) -> set[str]:
    return {file.name for file in (fold.folder / "checkpoints").iterdir()}


class KilledError(Exception):
    """Stands for an end that leaves no time to save anything."""


def at_step(monkeypatch, wanted: int, happens) -> None:
    """Have something happen after so many steps, once."""
    from harness.training.callbacks import Progress

    really, steps = Progress.on_train_batch_end, [0]

    def on_train_batch_end(self, batch, logs=None):
        really(self, batch, logs)
        steps[0] += 1
        if steps[0] == wanted:
            happens()

    monkeypatch.setattr(Progress, "on_train_batch_end", on_train_batch_end)


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def kill() -> None:
    raise KilledError


@pytest.mark.parametrize(
    ("step", "end", "error", "left"),
    [
        (8, interrupt, KeyboardInterrupt, "epoch-0001-step-000003.npz"),  # noticed at the end of the next step
        pytest.param(12, interrupt, KeyboardInterrupt, "epoch-0002.npz", marks=pytest.mark.slow),
        pytest.param(15, kill, KilledError, "epoch-0002.npz", marks=pytest.mark.slow),
    ],
)
def test_a_run_stopped_anywhere_ends_as_one_that_was_never_stopped(
    whole_run, tmp_path: Path, monkeypatch, step, end, error, left
):
    first, expected, curves = whole_run
    fold = dataclasses.replace(first, folder=tmp_path)
    with monkeypatch.context() as patched, pytest.raises(error):
        at_step(patched, step, end)
        RECIPE.fit(fold)
    assert left in checkpoints(fold)
    stopped = CheckpointStore(tmp_path / "checkpoints").latest()
    assert stopped is not None and stopped[0].name == left
    assert np.array_equal(RECIPE.fit(fold), expected)
    took = json.loads((tmp_path / "training.json").read_text())
    assert took["seconds"] > stopped[1].seconds > 0 and took["cpu_seconds"] > stopped[1].cpu_seconds > 0
    found = history(fold)
    assert found.keys() == curves.keys()
    for name, values in curves.items():  # those of an epoch in two parts are joined out of their means
        assert np.allclose(found[name], values, rtol=1e-4), name
    assert found["val_log_loss"] == curves["val_log_loss"]
    assert checkpoints(fold) == checkpoints(first), "and what was in the middle of an epoch is gone"


def test_a_checkpoint_finds_its_own_best_epoch_though_a_later_one_was_lost(whole_run, tmp_path: Path):
    first, expected, _ = whole_run
    fold, kept = dataclasses.replace(first, folder=tmp_path), tmp_path / "checkpoints"
    shutil.copytree(first.folder / "checkpoints", kept)
    (best,) = kept.glob("best-*.npz")
    # As a kill leaves it, between the best weights of an epoch that was lost and the checkpoint after it.
    shutil.copy(kept / "epoch-0001.npz", kept / "best-0009.npz")
    found = RECIPE.fit(fold)
    assert np.array_equal(found, expected) and best.exists()


def test_the_time_of_the_cores_is_left_out_where_a_checkpoint_does_not_know_it(whole_run, tmp_path: Path):
    """Earlier versions noted only the time on the clock."""
    first, expected, _ = whole_run
    fold, kept = dataclasses.replace(first, folder=tmp_path), tmp_path / "checkpoints"
    kept.mkdir()
    with np.load(first.folder / "checkpoints" / "epoch-0001.npz") as arrays:
        parts = dict(arrays)
    state = json.loads(parts["state"].tobytes())
    del state["cpu_seconds"]
    parts["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    np.savez(kept / "epoch-0001.npz", **parts)
    assert np.array_equal(RECIPE.fit(fold), expected)
    took = json.loads((tmp_path / "training.json").read_text())
    assert took["seconds"] > 0 and "cpu_seconds" not in took


@pytest.mark.parametrize(("free", "told"), [(7_000_000, False), (5_000_000, True)])
def test_it_is_said_beforehand_that_the_checkpoints_will_not_fit(tmp_path: Path, monkeypatch, capsys, free, told):
    monkeypatch.setattr(checkpoint, "_parts", lambda _: {"weights/0": np.zeros((1000, 250), np.float32)})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(free, 0, free))
    CheckpointStore(tmp_path).warn_of_room(None, 6)
    assert ("6 checkpoints will take 6.0 MB" in capsys.readouterr().err) == told


@pytest.mark.slow
def test_the_best_weights_are_written_with_the_next_checkpoint_and_hold_no_optimizer(whole_run, tmp_path: Path):
    fold = dataclasses.replace(whole_run[0], folder=tmp_path)
    found = dataclasses.replace(RECIPE, checkpoint=10).fit(fold)
    (best, last) = sorted((tmp_path / "checkpoints").iterdir())
    assert last.name == "epoch-0003.npz" and best.name.startswith("best-000")
    assert best.stat().st_size < 0.5 * last.stat().st_size
    assert np.array_equal(found, whole_run[1])


def test_what_is_trained_is_not_trained_again(whole_run, monkeypatch):
    import keras

    fold, expected, _ = whole_run
    monkeypatch.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("nothing is left to do"))
    assert np.array_equal(RECIPE.fit(fold), expected)


def test_a_second_interrupt_ends_at_once_and_the_first_only_asks():
    with Interrupts() as interrupts:
        assert not interrupts.asked
        interrupt()
        assert interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_nothing_heeded_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt), Interrupts():
        interrupt()


def test_a_damaged_checkpoint_is_told_and_the_one_before_it_used(whole_run, tmp_path: Path, capsys):
    fold, *_ = whole_run
    for name in ("epoch-0001.npz", "epoch-0002.npz", "epoch-0003.npz"):
        content = bytearray((fold.folder / "checkpoints" / name).read_bytes())
        if name == "epoch-0002.npz":
            content[len(content) // 2] ^= 1
        (tmp_path / name).write_bytes(content[: len(content) // 2] if name == "epoch-0003.npz" else content)
    found = CheckpointStore(tmp_path).latest()
    assert found is not None and found[0].name == "epoch-0001.npz" and found[1].epoch == 1
    told = capsys.readouterr().err
    assert "epoch-0002.npz is damaged" in told and "epoch-0003.npz cannot be read" in told
    (tmp_path / "best-0001.npz").write_bytes(b"PK")
    state = TrainingState(epoch=1, history={"val_accuracy": [0.5]})
    assert CheckpointStore(tmp_path).best(state, "accuracy") is None
    assert "best-0001.npz, are damaged" in capsys.readouterr().err


def test_a_run_goes_on_from_anothers_epoch_with_settings_of_its_own(whole_run, tmp_path: Path):
    first, _, curves = whole_run
    fold = dataclasses.replace(first, folder=tmp_path)
    resume_from(first.folder, fold.folder, epoch=2)
    changed = dataclasses.replace(
        RECIPE, optimizer="sgd", learning_rate=1e-3, schedule="constant", batch_size=32, epochs=4
    )
    found = changed.fit(fold)
    told = history(fold)
    assert told["val_log_loss"][:2] == curves["val_log_loss"][:2] and len(told["val_log_loss"]) == 4
    assert np.allclose(told["learning_rate"][2:], 1e-3)
    assert told["val_log_loss"][2] < curves["val_log_loss"][0], "it did not begin anew"
    assert json.loads((fold.folder / "training.json").read_text())["weights_of_epoch"] in (3, 4)
    assert (found.argmax(axis=1) == fold.labels[fold.predicted()]).mean() > 0.6


def test_only_a_checkpoint_that_is_there_can_be_gone_on_from(whole_run, tmp_path: Path):
    with pytest.raises(UserError, match=r"no checkpoint after epoch 7.*Available epochs: 1, 2, 3"):
        resume_from(whole_run[0].folder, tmp_path, epoch=7)


def test_a_checkpoint_of_another_network_is_refused(whole_run, tmp_path: Path):
    fold = dataclasses.replace(whole_run[0], folder=tmp_path)
    resume_from(whole_run[0].folder, fold.folder, epoch=2)
    with pytest.raises(UserError, match="another network"):
        dataclasses.replace(RECIPE, network="wideresnet", options={"blocks": (1, 1), "widen": 1}).fit(fold)


def test_the_best_epoch_and_the_end_are_told_by_the_history_alone():
    state = TrainingState(
        epoch=5, history={"val_log_loss": [3.0, 2.0, 2.5, 2.4, float("nan")], "val_accuracy": [0.1] * 5}
    )
    assert state.best("loss") == 2 and state.best("accuracy") == 1
    for epochs, patience, monitor, is_finished in (
        (10, 3, "loss", True), (10, 4, "loss", False), (5, 9, "last", True), (6, 1, "last", False)
    ):  # fmt: skip
        settings = dataclasses.replace(RECIPE, epochs=epochs, patience=patience, monitor=monitor)
        assert state.finished(settings) == is_finished
    own = dataclasses.replace(state, since=2)
    assert own.best("loss") == 4 and TrainingState().best("loss") == 0
