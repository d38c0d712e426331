"""Networks by the kind of targets: the last layer, the loss, and what a short training gives."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.data.fold import Fold
from harness.data.targets import MULTICLASS, Multilabel, Regression
from harness.models.networks import NETWORKS, build, smallest
from harness.recipes import Network
from harness.training import kept
from harness.training.heads import head
from harness.training.loop import fit
from harness.training.loss_layer import LossLayer
from harness.training.predict import predict
from harness.utils.errors import UserError
from tests.conftest import declared
from tests.steps.regressions.given import small_network, without_plots
from tests.training.folds import TINY, drawn_fold

pytestmark = pytest.mark.model

SETTINGS = {**TINY, "size": (16, 16), "epochs": 8, "learning_rate": 1e-2, "optimizer": "adam"}


class Quick(Network):
    def assemble(self, classes, cache, train):
        return small_network(classes, *self.input_size)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Fold:
    return drawn_fold(tmp_path_factory.mktemp("drawn"))


def trained(fold: Fold, folder: Path, **changes) -> tuple[np.ndarray, Fold]:
    """Predictions of the rows to predict, and the fold."""
    fold = dataclasses.replace(fold, folder=folder, **changes)
    settings = Quick(**SETTINGS, batch_size=15)
    with without_plots():
        found = fit(settings, fold)
    assert np.allclose(predict(settings, fold, kept.read(fold)), found, atol=1e-5)  # the kept network is the same
    return found, fold


def test_several_labels(drawn: Fold, tmp_path: Path):
    # Is it of the first class? Is it not of the last? What nobody could see: is the row even?
    labels = np.stack([drawn.labels == 0, drawn.labels < 2, np.arange(140) % 2], axis=1).astype(np.int8)
    found, fold = trained(drawn, tmp_path, labels=labels, classes=("a", "b", "c"), targets=Multilabel())
    held = found[len(fold.validation) :][: len(fold.holdout)] >= 0.5
    assert ((held == labels[fold.holdout]).mean(axis=0)[:2] > 0.9).all()
    assert not np.allclose(found.sum(axis=1), 1, atol=0.05)
    training = json.loads((tmp_path / "training.json").read_text())
    assert set(training["validation"]) == {"log_loss", "accuracy"}


@pytest.mark.parametrize("error", ["squared", pytest.param("absolute", marks=pytest.mark.slow)])
def test_a_number_in_its_own_unit(drawn: Fold, tmp_path: Path, error: str):
    values = 5000.0 + 100 * drawn.labels
    found, fold = trained(drawn, tmp_path, labels=values, classes=("value",), targets=Regression(error=error))
    held = found[len(fold.validation) :][: len(fold.holdout), 0]
    assert np.abs(held - values[fold.holdout]).mean() < 40
    assert spearmanr(held, values[fold.holdout]).statistic > 0.8
    training = json.loads((tmp_path / "training.json").read_text())
    assert set(training["validation"]) == {"squared_error", "absolute_error"}


def test_losses_are_the_formulas():
    random = np.random.default_rng(0)
    y, p = (random.random((6, 3)) < 0.5).astype(np.float32), random.uniform(0.1, 0.9, (6, 3)).astype(np.float32)

    def loss(name: str, *arrays: np.ndarray, unit: float = 1.0) -> float:
        layer = LossLayer(loss=name, unit=unit)
        layer(arrays)
        return float(layer.losses[0])

    assert loss("sigmoid", p, y) == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), rel=1e-5)
    assert loss("squared", 9 * p[:, :1], y[:, :1], unit=3.0) == pytest.approx(
        (((9 * p - y)[:, 0] / 3) ** 2).mean(), rel=1e-5
    )
    assert loss("absolute", p[:, :1], y[:, :1]) == pytest.approx(np.abs(p - y)[:, 0].mean(), rel=1e-5)


def test_a_network_whose_end_is_not_a_softmax_is_refused():
    import keras

    whole = small_network(3, 16, 16)
    assert head(MULTICLASS, np.zeros(2, int), 3).on(whole) is whole
    bare = keras.Model(whole.inputs, whole.layers[-2].output)
    with pytest.raises(UserError, match=r"ends in Dropout .*, which is no softmax"):
        head(Multilabel(), np.zeros((2, 3)), 3).on(bare)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in ("alexnet", "resnet") else name for name in NETWORKS]
)
def test_networks_of_ours_take_other_heads(name: str):
    import keras

    side = max(32, smallest(name))
    network = build(name, side, side, 3, 3)
    other = head(Multilabel(), np.zeros((2, 3)), 3).on(network)
    assert other.layers[-1].activation is keras.activations.sigmoid


@pytest.mark.parametrize(
    ("targets", "setting"),
    [
        (Multilabel(), {"class_weight": "balanced"}),
        (Regression(), {"label_smoothing": 0.1}),
        (Regression(), {"monitor": "accuracy"}),
    ],
)
def test_settings_that_mean_nothing_for_a_kind_are_refused(targets, setting):
    with pytest.raises(UserError, match=f"{next(iter(setting))} must be .* for {targets.name} targets"):
        Network(**SETTINGS, **setting).check(declared(targets=targets))
