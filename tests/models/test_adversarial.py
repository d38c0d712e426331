"""Adversarial validation on drawn features whose densities are known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from harness.data.cache.cache import Cache
from harness.data.dataset import Dataset
from harness.models import adversarial
from harness.models.adversarial import Likeness, compare, estimate, load_or_compare
from harness.scoring.metrics import METRICS, Interval
from harness.scoring.predictions import Predictions
from tests.conftest import table


def made(values: np.ndarray, splits: list[str], readable: np.ndarray | None = None) -> tuple[Cache, Dataset]:
    """A cache of given features, and its data set of two classes."""
    labels = np.arange(len(values)) % 2
    dataset = table(None, labels, splits)
    ok = np.ones(len(values), bool) if readable is None else readable
    return Cache(values, dataset.ids, dataset.labels, dataset.splits, ok, dataset.classes, {}), dataset


def shifted(by: float, n: int = 600, others: int = 300, split: str = "test") -> tuple[Cache, Dataset]:
    """Noise in eight columns, of which one is moved in the other split."""
    values = np.random.default_rng(0).normal(size=(n + others, 8)).astype(np.float32)
    values[n:, 3] += by
    return made(values, ["train"] * n + [split] * others)


def likeness_of(cache: Cache, dataset: Dataset, folder: Path) -> Likeness:
    found = load_or_compare(folder / "likeness.h5", "a key", "drawn features", lambda: cache, dataset)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("by", "verdict"), [(0.0, "alike"), (0.2, "alike"), (0.6, "quite unlike"), (2.0, "very unlike")]
)
def test_what_differs_is_told_by_how_much(tmp_path: Path, by: float, verdict: str):
    found = likeness_of(*shifted(by), tmp_path)
    assert found.verdict == verdict and found.alike == (verdict == "alike")
    # Two normal distributions of one deviation: AUC = Φ(distance / √2).
    assert found.auc.score == pytest.approx(norm.cdf(by / np.sqrt(2)), abs=0.06)
    assert found.against == "test" and found.is_other.sum() == 300


Moved = tuple[Cache, Dataset, Likeness]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Moved:
    """The test is moved by a deviation, and compared."""
    cache, dataset = shifted(1.0, 2000, 1000)
    return cache, dataset, likeness_of(cache, dataset, tmp_path_factory.mktemp("moved"))


def test_the_odds_are_those_of_the_densities(moved: Moved):
    cache, dataset, found = moved
    x = np.asarray(cache.rows)[:, 3]
    expected = norm.pdf(x - 1) / norm.pdf(x)
    assert np.corrcoef(np.log(found.odds), np.log(expected))[0, 1] > 0.97
    assert np.median(found.odds / expected) == pytest.approx(1, abs=0.15)  # though there are twice as many of one
    most = [dataset.ids.index(name) for name in found.most_unlike[:50]]
    assert set(dataset.splits[most]) == {"test"} and x[most].mean() > 2


def test_a_weighted_score_comes_near_the_truth(moved: Moved):
    cache, dataset, found = moved
    # The larger the moved column, the less often the prediction is right.
    x, random = np.asarray(cache.rows)[:, 3], np.random.default_rng(1)
    right = random.random(len(x)) < norm.cdf(1 - x)
    given = np.where(right, dataset.labels, 1 - dataset.labels)
    predictions = Predictions(dataset.ids[:2000], dataset.classes, np.eye(2, dtype=np.float32)[given[:2000]])
    told = estimate(found, "out_of_fold", dataset.labels[:2000], predictions, METRICS["accuracy"])
    truth = right[2000:].mean()
    assert told.plain.score - truth > 0.2
    assert told.weighted is not None and told.weighted.low < truth < told.weighted.high
    twins = np.arange(2000) // 4
    grouped = estimate(found, "out_of_fold", dataset.labels[:2000], predictions, METRICS["accuracy"], twins)
    for one, other in ((told.plain, grouped.plain), (told.weighted, grouped.weighted)):
        assert other is not None and other.score == one.score and other.low != one.low
    assert abs(told.weighted.score - truth) < 0.05 and 200 < told.worth < 1500


def test_where_few_images_would_decide_it_or_the_splits_hardly_overlap_there_is_no_weighted_score(tmp_path: Path):
    cache, dataset = shifted(4.0)
    found = likeness_of(cache, dataset, tmp_path)
    predictions = Predictions(dataset.ids[:600], dataset.classes, np.full((600, 2), 0.5, np.float32))
    told = estimate(found, "out_of_fold", dataset.labels[:600], predictions, METRICS["log_loss"])
    assert told.weighted is None and told.images == 600 and found.auc.score > 0.99
    few = dataclasses.replace(found, auc=Interval(0.8, 0.7, 0.9), odds=np.where(np.arange(900) < 10, 1.0, 1e-6))
    told = estimate(few, "out_of_fold", dataset.labels[:600], predictions, METRICS["log_loss"])
    assert told.weighted is None and told.worth == pytest.approx(10, abs=0.1)


def test_copies_of_images_on_both_sides_do_not_tell_the_sides_apart(tmp_path: Path):
    values = np.random.default_rng(2).normal(size=(60, 40)).astype(np.float32)
    cache, dataset = made(np.concatenate([values, values]), ["train"] * 60 + ["test"] * 60)
    dataset.groups[:] = np.tile(np.arange(60), 2)
    assert likeness_of(cache, dataset, tmp_path).alike


def test_what_is_all_of_one_group_cannot_be_told_apart_by_what_was_not_seen(tmp_path: Path):
    random, groups = np.random.default_rng(3), np.repeat(np.arange(24), 30)
    values = (random.normal(size=(24, 8))[groups] + random.normal(size=(720, 8))).astype(np.float32)
    for others, is_known in ((1, False), (6, True)):
        cache, dataset = made(values, ["test" if group < others else "train" for group in groups])
        dataset.groups[:] = groups
        found = load_or_compare(tmp_path / f"{others}.h5", "a key", "drawn", lambda cache=cache: cache, dataset)
        assert (found is not None) == is_known
    assert found is not None and found.auc.low < 0.5 < found.auc.high, "all are drawn alike; intervals are over groups"
    few, dataset = made(values[:150], ["train"] * 120 + ["test"] * 30)
    dataset.groups[:] = groups[:150]
    assert load_or_compare(tmp_path / "few.h5", "a key", "drawn", lambda: few, dataset) is None


def test_unreadable_images_are_left_out_and_of_several_views_the_first_counts():
    cache, dataset = shifted(1.0, 200, 100)
    readable = np.ones(300, bool)
    readable[[0, 250]] = False
    views = np.stack([np.asarray(cache.rows), np.zeros((300, 8), np.float32)], axis=1)
    seen, _ = made(views, [*dataset.splits], readable)
    found = compare(seen, dataset, "test")
    assert len(found.ids) == 298 and "image 0" not in found.ids and "image 250" not in found.ids
    only, _ = made(views[:, 0], [*dataset.splits], readable)
    assert np.array_equal(found.probabilities, compare(only, dataset, "test").probabilities)


def test_a_comparison_is_kept_and_made_again_for_another_key(tmp_path: Path):
    cache, dataset = shifted(1.0, 100, 50)
    first = likeness_of(cache, dataset, tmp_path)

    def fail() -> Cache:
        raise AssertionError("it was kept")

    again = load_or_compare(tmp_path / "likeness.h5", "a key", "drawn features", fail, dataset)
    assert again is not None and again.auc == first.auc and np.array_equal(again.odds, first.odds)
    with pytest.raises(AssertionError, match="it was kept"):
        load_or_compare(tmp_path / "likeness.h5", "another", "drawn features", fail, dataset)


def test_the_hold_out_stands_in_where_there_is_no_test(tmp_path: Path):
    cache, dataset = shifted(2.0, split="holdout")
    assert likeness_of(cache, dataset, tmp_path).against == "holdout"
    alone = made(np.zeros((20, 2), np.float32), ["train"] * 20)
    assert load_or_compare(tmp_path / "none.h5", "a key", "", lambda: alone[0], alone[1]) is None


def test_weights_are_clipped_and_of_mean_one():
    odds = np.array([0.1, 1.0, 1e6])
    found = Likeness("test", ("a", "b", "c"), np.array([False] * 3), odds, Interval(0.7, 0.6, 0.8), "")
    assert found.weights(("c", "a", "b")) == pytest.approx(np.array([20, 0.1, 1]) / np.mean([20, 0.1, 1]))
    with pytest.raises(KeyError):
        found.weights(("d",))
    assert adversarial.MOST_WEIGHT == 20
