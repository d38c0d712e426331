"""Advice: what is measured decides the approach, and the recipes named can be run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from harness.models.backbones import probe
from harness.models.backbones.probe import APPROACHES, LARGE, Similarity, approach
from harness.recipes import Blend, FeatureRegression, FineTune, LogisticRegression, Network
from harness.report import advice
from harness.utils.console import console
from harness.utils.errors import UserError
from tests.conftest import drawn

LIKE = Similarity(images=400, classes=10, middle=0.4, last=0.1, sure=1.0, confidence=0.4, seconds=5.0)
UNLIKE = dataclasses.replace(LIKE, middle=0.1, last=0.4)
RECIPES = {
    "pixels": LogisticRegression(size=(8, 8)),
    "net": Network(network="minivggnet", size=(16, 16), epochs=1, learning_rate=0.1),
    "one": FeatureRegression(backbone="efficientnet-lite0"),
    "other": FeatureRegression(backbone="efficientnet-lite1"),
    "both": Blend(of=("one", "other")),
    "tuned": FineTune(backbone="efficientnet-lite0", size=(224, 224), unfreeze=None, epochs=1, learning_rate=1e-3),
    "mixed": Blend(of=("both", "net")),
}

EARLY = [f"{name} --set layers=block5c_add" for name in ("both", "one", "other")]


def told(capsys, per_class: float, found: Similarity, recipes=RECIPES) -> tuple[str, list[str]]:
    advice.show("insects", per_class, found, recipes, console())
    out = capsys.readouterr().out
    return out, [line.removeprefix("  harness train insects ") for line in out.splitlines() if line.startswith("  ")]


@pytest.mark.parametrize(
    ("per_class", "found", "named"),
    [
        (60, LIKE, ["both", "one", "other"]),
        (5000, LIKE, ["both", "one", "other", "tuned"]),
        (
            60,
            UNLIKE,
            [f"{name} --set layers=block5c_add" for name in ("both", "one", "other")] + ["both", "one", "other"],
        ),
        (5000, UNLIKE, ["tuned", "net", *(f"{name} --set layers=block5c_add" for name in ("both", "one", "other"))]),
    ],
)
def test_each_cell_of_the_table_names_recipes_that_do_it(capsys, per_class, found, named):
    out, recipes = told(capsys, per_class, found)
    assert recipes == named
    assert approach(per_class, found.like).words in out
    assert ("small." in out) == (per_class < LARGE) and ("different from ImageNet" in out) == (found is UNLIKE)
    assert "not certain" not in out


def test_a_recipe_that_taps_early_layers_goes_before_one_that_could(capsys):
    early = {"early": FeatureRegression(backbone="efficientnet-lite0", layers=("block5c_add",))}
    assert told(capsys, 60, UNLIKE, RECIPES | early)[1] == ["early", "both", "one", "other"]


def test_repeats_are_no_recipes_of_their_own(capsys):
    blend = Blend(of=("one", "one@2"))
    repeats = {"one@2": dataclasses.replace(RECIPES["one"], seed=1), "repeated": blend}
    assert told(capsys, 60, LIKE, RECIPES | repeats)[1] == ["both", "repeated", "one", "other"]


def test_what_is_not_sure_is_said_to_be(capsys):
    assert "not certain" in told(capsys, 60, dataclasses.replace(LIKE, sure=0.7))[0]


def test_the_table_is_whole():
    assert set(APPROACHES) == {(large, like) for large in (False, True) for like in (False, True)}


@pytest.fixture
def small_probe(monkeypatch):
    """A backbone at 32x32 and few images, for speed."""
    find = probe.find
    monkeypatch.setattr(probe, "find", lambda name: find(name, 32))
    monkeypatch.setattr(probe, "IMAGES", 60)


@pytest.mark.model
@pytest.mark.slow
def test_the_probe_measures_the_same_each_time_and_looks_at_readable_training_images(small_probe):
    dataset = drawn(120, splits=["train"] * 90 + ["holdout"] * 30)
    dataset.images.images["image 4"] = b"words"
    found = probe.probe(dataset)
    assert found.classes == 3 and 55 <= found.images <= 60
    assert not {f"image {row}" for row in range(90, 120)} & set(dataset.images.reads)
    # Stripes in colours are easy to tell apart.
    assert 0 < min(found.middle, found.last) < np.log(3) / 2
    assert 0.5 <= found.sure <= 1 and 0 < found.confidence < 1
    assert dataclasses.replace(probe.probe(dataset), seconds=found.seconds) == found


@pytest.mark.parametrize("seed", range(5))
def test_classes_of_too_few_images_are_left_out_of_the_sample(monkeypatch, seed: int):
    monkeypatch.setattr(probe, "CLASSES", 2)
    dataset = drawn(102, classes=3)
    dataset.labels[:] = np.repeat(np.arange(3), [50, 50, 2])
    rows, labels = probe._sample(dataset, np.random.default_rng(seed))
    assert {*dataset.labels[rows].tolist()} == {0, 1} and {*labels.tolist()} == {0, 1}


def test_too_few_images_to_advise_on_are_refused(small_probe):
    for dataset in (drawn(4), drawn(30, classes=1)):
        with pytest.raises(UserError, match="too few"):
            probe.probe(dataset)


@pytest.mark.model
def test_advice_on_a_competition(insects, harness, small_probe):
    found = harness("advise", "insects")
    assert found.code == 0, found.err
    assert "data: small. 10 training images per class" in found.out and "approach: " in found.out
