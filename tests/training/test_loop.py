"""Training a network on one fold: it learns, the same way every time, and leaves its curves behind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.models import keras_backend
from harness.recipes.network import Network
from harness.training import bfloat16, kept
from harness.training.model import build
from harness.tta import worth
from harness.tta.worth import ViewPredictions
from harness.utils.files import read_json
from tests.conftest import drawn
from tests.training.folds import TINY, drawn_fold

pytestmark = pytest.mark.model

RECIPE = Network(
    **TINY,
    size=(16, 16),
    pad=1,
    rotation=5,
    zoom=0.05,
    epochs=5,
    batch_size=16,
    optimizer="adam",
    learning_rate=2e-3,
    schedule="cosine",
    tta="crops",
)
MINIVGGNET = dataclasses.replace(RECIPE, network="minivggnet", options={})


@pytest.fixture
def fold(tmp_path: Path) -> Fold:
    return drawn_fold(tmp_path)


def test_it_learns_what_the_pictures_show_and_leaves_its_curves(fold: Fold):
    found = RECIPE.fit(fold)
    rows = fold.predicted()
    assert found.shape == (50, 3) and found.dtype == np.float32
    assert np.allclose(found.sum(axis=1), 1, atol=1e-4)
    assert (found.argmax(axis=1) == fold.labels[rows]).mean() > 0.8
    history = read_json(fold.folder / "history.json")
    assert {len(values) for values in history.values()} == {5}
    scores = ("loss", "accuracy", "log_loss")
    assert set(history) == {*scores, *(f"val_{score}" for score in scores), "learning_rate"}
    about = json.loads((fold.folder / "training.json").read_text())
    assert about["epochs"] == 5 and about["batch_size"] == 16
    assert (fold.folder / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_what_each_view_is_worth_is_told_on_the_validation_rows(fold: Fold):
    found = dataclasses.replace(RECIPE, epochs=1).fit(fold)
    kept = ViewPredictions.read(fold.folder / "views.npz")
    assert kept.views == ("top left", "top right", "bottom left", "bottom right", "centre")
    assert kept.rows.tolist() == fold.validation.tolist()
    assert np.allclose(kept.probabilities[0].mean(axis=0), found[: len(fold.validation)], atol=1e-6)
    worth.write(fold.folder.parent, drawn(140), "accuracy")
    told = json.loads((fold.folder.parent / "views.json").read_text())
    entries = {entry["name"]: entry for entry in told["entries"]}
    assert told["rows"] == 21 and [*entries][-1] == "crops" and len(entries) == 6
    assert entries["centre"]["gain"] == 0 and entries["centre"]["cost"] == 1
    right = found[: len(fold.validation)].argmax(axis=1) == fold.labels[fold.validation]
    assert entries["crops"]["score"] == pytest.approx(right.mean()) and entries["crops"]["cost"] == 5


def test_the_seed_and_the_training_rows_alone_decide(fold: Fold):
    recipe = dataclasses.replace(RECIPE, epochs=1, tta="centre")

    def fitted(name: str, **changes) -> np.ndarray:
        return recipe.fit(dataclasses.replace(fold, folder=fold.folder.with_name(name), **changes))

    spoilt = fold.labels.copy()
    spoilt[np.concatenate([fold.holdout, fold.test])] = 0
    first = fitted("first")
    assert np.array_equal(first, fitted("second", labels=spoilt))
    assert not np.array_equal(first, fitted("third", seed=4))


def test_it_stops_when_the_validation_loss_no_longer_falls_and_keeps_the_best_epochs_weights(fold: Fold):
    # Labels that mean nothing can only be learnt by heart, which soon makes the validation loss rise.
    fold = dataclasses.replace(fold, labels=np.random.default_rng(0).permutation(fold.labels))
    recipe = dataclasses.replace(MINIVGGNET, epochs=40, schedule="constant", tta="centre", patience=2, pad=0)
    recipe = dataclasses.replace(recipe, rotation=0.0, zoom=0.0)
    found = recipe.fit(fold)[: len(fold.validation)]
    losses = read_json(fold.folder / "history.json")["val_loss"]
    assert len(losses) < 40 and int(np.argmin(losses)) == len(losses) - 1 - 2
    assert losses[-1] > 1.02 * min(losses)
    true = found[np.arange(len(found)), fold.labels[fold.validation]]
    assert np.isclose(-np.log(true).mean(), min(losses), rtol=1e-3), losses
    about = json.loads((fold.folder / "training.json").read_text())
    assert about["weights_of_epoch"] == int(np.argmin(losses)) + 1


@pytest.mark.slow
def test_every_regulariser_at_once_learns_too(fold: Fold):
    recipe = Network(
        network="wideresnet",
        options={"blocks": (1, 1), "widen": 1},
        reg=1e-4,
        size=(16, 16),
        crop=(14, 14),
        pad=1,
        shift=0.05,
        shear=0.05,
        cutout=4,
        cutmix=1.0,
        label_smoothing=0.1,
        class_weight="balanced",
        epochs=8,
        monitor="accuracy",
        batch_size=8,
        learning_rate=0.02,
        schedule="one_cycle",
        weight_decay=5e-4,
        ema=0.9,
        tta="crops",
    )
    found = recipe.fit(fold)
    assert (found.argmax(axis=1) == fold.labels[fold.predicted()]).mean() > 0.8


@pytest.mark.parametrize("outside", ["float32", "mixed_float16"])
def test_half_precision_is_for_its_own_network_alone(fold: Fold, outside: str):
    """What the same process builds next, such as a backbone, computes as it would have."""
    import keras

    keras.config.set_dtype_policy(outside)
    try:
        halved = dataclasses.replace(RECIPE, mixed_precision=True)
        network = build(halved, fold).network
        assert "bfloat16" in {layer.compute_dtype for layer in network.layers}
        assert keras.config.dtype_policy().name == outside
        keras_backend.start(seed=0)
        assert keras.config.dtype_policy().name == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_pixels_and_labels_stay_in_float32_around_a_network_in_half_precision(fold: Fold):
    """Eight bits do not hold the fractions of pixels that were resampled, and of labels that were mixed."""
    halved = dataclasses.replace(RECIPE, mixed_precision=True, mixup=0.3, cutout=4)
    models = build(halved, fold)
    own = [layer for layer in models.trainer.layers if layer is not models.network]
    assert len(own) > 5 and {layer.compute_dtype for layer in own} - {"uint8", "int32"} == {"float32"}
    assert {"bfloat16"} <= {layer.compute_dtype for layer in models.network._flatten_layers()}


@pytest.mark.parametrize("available", [True, False])
def test_a_kept_network_computes_in_half_precision_as_the_trained_one_did(
    fold: Fold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, available: bool
):
    """Unless the device has no instructions for it; and never where it is copied for other machines."""
    import keras

    monkeypatch.setattr(bfloat16, "is_available", lambda: available)
    halved = dataclasses.replace(RECIPE, mixed_precision=True, whiten=True)
    network = build(halved, fold).network
    kept.write(network, fold.folder)
    again = kept.read(fold)
    images = halved.cache(fold).images[:5].astype(np.float32)
    assert ("bfloat16" in {layer.compute_dtype for layer in again._flatten_layers()}) is available
    kept.copy(fold.folder / kept.NAME, tmp_path / "copied.keras")
    copied = keras.saving.load_model(tmp_path / "copied.keras", compile=False)
    assert "bfloat16" not in {layer.compute_dtype for layer in copied._flatten_layers()}
    np.testing.assert_allclose(np.asarray(copied(images)), np.asarray(network(images)), atol=5e-3)
    np.testing.assert_allclose(np.asarray(again(images)), np.asarray(network(images)), atol=5e-3)


@pytest.mark.slow
def test_computing_in_half_precision_learns_too(fold: Fold):
    found = dataclasses.replace(RECIPE, mixed_precision=True, epochs=3, rotation=0.0, zoom=0.0, tta="centre").fit(fold)
    assert np.allclose(found.sum(axis=1), 1, atol=1e-4)
    assert (found.argmax(axis=1) == fold.labels[fold.predicted()]).mean() > 0.6


@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_halved_said_and_recorded(fold: Fold, monkeypatch, capsys):
    import keras

    really = keras.Model.fit

    def fit(self, x, **arguments):
        if x.batches.batch_size > 8:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 123 bytes.")
        return really(self, x, **arguments)

    monkeypatch.setattr(keras.Model, "fit", fit)
    recipe = dataclasses.replace(RECIPE, epochs=1, batch_size=32, tta="centre")
    halved = recipe.fit(fold)
    assert "a batch of 32 images does not fit" in (told := capsys.readouterr().err) and "continuing with 8" in told
    about = json.loads((fold.folder / "training.json").read_text())
    assert (about["batch_size"], about["batch_size_asked_for"]) == (8, 32)
    elsewhere = dataclasses.replace(fold, folder=fold.folder.with_name("fold-2"))
    assert np.array_equal(halved, dataclasses.replace(recipe, batch_size=8).fit(elsewhere))


def test_other_errors_are_not_taken_for_full_memory(fold: Fold, monkeypatch):
    import keras

    def fit(self, x, **arguments):
        raise ValueError("of another kind")

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(ValueError, match="of another kind"):
        RECIPE.fit(fold)


def test_the_finder_suggests_a_rate_at_which_the_loss_falls(fold: Fold):
    from harness.training.lr_finder import find

    recipe = dataclasses.replace(MINIVGGNET, optimizer="sgd")
    found = find(recipe, fold, low=1e-5, high=100.0, steps=60)
    assert len(found.rates) == len(found.losses) and np.allclose(np.diff(np.log(found.rates)), np.log(1e7) / 59)
    fallen = found.losses[np.searchsorted(found.rates, found.suggested)]
    assert fallen < 0.9 * found.losses[0] and found.losses[-1] > 2 * fallen
    assert 1e-4 < found.suggested < found.rates[-1] / 10
    assert (fold.folder / "learning-rates.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((fold.folder / "learning-rates.json").read_text())["suggested"] == found.suggested
