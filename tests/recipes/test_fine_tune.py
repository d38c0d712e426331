"""Fine-tuning: first the head learns, then the layers that were named, and the rest stays as it came."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.models.backbones import BACKBONES
from harness.models.backbones.backbone import Backbone
from harness.recipes import FineTune
from harness.utils.errors import UserError
from harness.utils.files import read_json
from tests.conftest import declared
from tests.training.folds import drawn_fold

pytestmark = pytest.mark.model


@dataclass(frozen=True)
class Tiny(Backbone):
    """A backbone of two convolutions, whose weights are drawn from a seed."""

    def weights_file(self) -> Path:
        raise NotImplementedError

    def weights_fingerprint(self) -> str:
        return "drawn"

    def network(self, *, weights: bool = True):
        import keras

        keras.utils.set_random_seed(1)
        x = inputs = keras.Input((self.side, self.side, 3))
        x = keras.layers.Rescaling(1 / 128, -1, name="rescaling")(x)
        for number, filters in enumerate((8, 16)):
            x = keras.layers.Conv2D(filters, 3, 2, padding="same", name=f"conv{number}")(x)
            x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
            x = keras.layers.ReLU(name=f"relu{number}")(x)
        x = keras.layers.Flatten(name="flat")(x)
        return keras.Model(inputs, keras.layers.Dense(5, name="classes")(x), name=self.name)


RECIPE = FineTune(
    backbone="tiny",
    size=(32, 32),
    crop=(32, 32),
    pad=1,
    head=16,
    unfreeze="conv1",
    frozen_epochs=6,
    frozen_learning_rate=5e-3,
    epochs=3,
    batch_size=16,
    optimizer="sgd",
    learning_rate=1e-3,
    tta="crops",
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", Tiny("tiny", 32, "flat", 1024))


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    return drawn_fold(tmp_path, side=32)


def weights(file: Path) -> list[np.ndarray]:
    """The network's weights in a checkpoint, in their order."""
    with np.load(file, allow_pickle=False) as kept:
        numbers = sorted(int(name.split("/")[1]) for name in kept.files if name.startswith("weights/"))
        return [kept[f"weights/{number}"] for number in numbers]


def changed(before: list[np.ndarray], after: list[np.ndarray]) -> list[bool]:
    return [not np.array_equal(one, other) for one, other in zip(before, after, strict=True)]


def test_the_head_learns_first_then_the_layers_from_the_named_one_on_and_no_batch_norm(fold: Fold):
    recipe = dataclasses.replace(RECIPE, monitor="last")
    found = recipe.fit(fold)
    assert (found.argmax(axis=1) == fold.labels[fold.predicted()]).mean() > 0.8
    assert np.allclose(recipe.predict(fold), found, atol=1e-6)
    start = recipe.assemble(3, recipe.cache(fold), fold.train).get_weights()
    frozen = weights(fold.folder / "frozen-stage" / "checkpoints" / "epoch-0006.npz")
    end = weights(fold.folder / "checkpoints" / "epoch-0003.npz")
    # conv0 and norm0 (2 + 4), conv1 and norm1 (2 + 4), head and classes (4).
    assert changed(start[:12], frozen[:12]) == [False] * 12 and all(changed(start[12:], frozen[12:]))
    assert changed(frozen, end) == [False] * 6 + [True] * 2 + [False] * 4 + [True] * 4


@pytest.mark.slow
def test_each_stage_leaves_its_scores_and_its_curves(fold: Fold, capsys):
    RECIPE.fit(fold)
    for folder, epochs in ((fold.folder / "frozen-stage", 6), (fold.folder, 3)):
        about = json.loads((folder / "training.json").read_text())
        history = read_json(folder / "history.json")
        assert len(history["loss"]) == epochs
        assert about["validation"]["accuracy"] == history["val_accuracy"][about["weights_of_epoch"] - 1]
        assert (folder / "curves.png").is_file()
    told = capsys.readouterr().err
    frozen = [line for line in told.splitlines() if "frozen stage:" in line]
    assert any("is kept, the one with the lowest loss" in line and "accuracy" in line for line in frozen)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["frozen-stage", "second"])
def test_stopped_in_either_stage_it_ends_as_if_it_had_not_been(fold: Fold, monkeypatch, stage: str):
    from harness.training.callbacks import CheckpointCallback

    recipe = dataclasses.replace(RECIPE, frozen_epochs=2, epochs=2)
    undisturbed = recipe.fit(dataclasses.replace(fold, folder=fold.folder.with_name("undisturbed")))
    really, calls = CheckpointCallback.on_epoch_end, []

    def stop(self, epoch, logs=None):
        calls.append(epoch)
        self.interrupts.asked = len(calls) == {"frozen-stage": 1, "second": 3}[stage]
        really(self, epoch, logs)

    monkeypatch.setattr(CheckpointCallback, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        recipe.fit(fold)
    assert (fold.folder / "checkpoints").exists() == (stage == "second")
    assert np.array_equal(recipe.fit(fold), undisturbed)
    assert len(calls) == 2 + 2


def test_its_batch_norms_are_fused_with_its_convolutions_in_training_alone(fold: Fold):
    import keras

    from harness.training.model import build

    def kinds(model) -> set[str]:
        return {type(layer).__name__ for layer in model._flatten_layers() if not isinstance(layer, keras.Model)}

    models = build(RECIPE, fold)
    assert "FusedConvolution" not in kinds(models.network)
    backbone = next(layer for layer in models.trainer._flatten_layers() if layer.name == "tiny")
    assert {type(layer).__name__ for layer in backbone.layers} >= {"FusedConvolution", "ReLU"}
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in backbone.layers)


def test_without_a_frozen_stage_the_head_and_the_layers_learn_at_once(fold: Fold):
    dataclasses.replace(RECIPE, frozen_epochs=0, epochs=1).fit(fold)
    assert not (fold.folder / "frozen-stage").exists()


def test_a_layer_that_is_not_there_or_comes_too_late_is_named(fold: Fold):
    for unfreeze, words in (("conv7", "has no layer 'conv7'"), (40, "has layers 0 to"), ("classes", "no layer of")):
        with pytest.raises(UserError, match=words):
            dataclasses.replace(RECIPE, unfreeze=unfreeze, frozen_epochs=0).fit(fold)


def test_a_setting_that_makes_no_sense_is_named():
    RECIPE.check(declared())
    RECIPE.smoke().check(declared())
    for change in (
        {"backbone": "huge"},
        {"size": (40, 40), "crop": (40, 36)},
        {"head": 0},
        {"dropout": 1.0},
        {"frozen_epochs": -1},
        {"frozen_learning_rate": 0.0},
    ):
        with pytest.raises(UserError, match=f"{list(change)[-1]} must be"):
            dataclasses.replace(RECIPE, **change).check(declared())


def test_its_key_holds_the_backbones_weights(monkeypatch: pytest.MonkeyPatch):
    before = RECIPE.ingredients()
    monkeypatch.setattr(Tiny, "weights_fingerprint", lambda self: "others")
    assert RECIPE.ingredients() != before


@pytest.mark.slow
def test_efficientnet_lite_is_tuned_and_its_statistics_stay(tmp_path: Path):
    fold = drawn_fold(tmp_path, side=64)
    recipe = dataclasses.replace(
        RECIPE,
        backbone="efficientnet-lite0",
        unfreeze="block7a_expand_conv",
        size=(64, 64),
        crop=None,
        pad=0,
        frozen_epochs=2,
        epochs=2,
        tta="centre",
    )
    found = recipe.fit(fold)
    assert (found.argmax(axis=1) == fold.labels[fold.predicted()]).mean() > 0.8
    before = recipe.assemble(3, recipe.cache(fold), fold.train)
    after = weights(fold.folder / "checkpoints" / "epoch-0002.npz")
    statistics = [number for number, one in enumerate(before.weights) if "moving" in one.path]
    start = before.get_weights()
    assert statistics and not any(changed([start[n] for n in statistics], [after[n] for n in statistics]))
