"""What views are worth: gains on identical rows, costs against plain, and a recommendation that pays its way."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harness.data.dataset import Dataset
from harness.ensembles.combine import Average, averaged
from harness.ensembles.gain import Gain
from harness.scoring.metrics import METRICS
from harness.tta import worth
from harness.tta.views import views as named
from harness.tta.worth import ViewPredictions, Worth, recommended, worth_of_views
from tests.conftest import of_labels
from tests.ensembles.cases import probabilities

LOG_LOSS = METRICS["log_loss"]


WEIGHTS = {"noise": 0.25}


def mean(members: np.ndarray, weights: list[float]) -> np.ndarray:
    return Average(np.array(weights))(members)


def test_each_view_and_each_set_gets_its_score_gain_and_cost():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 2001)
    view = partial(probabilities, random, labels, 4)
    views = {"identity": view(1.5), "hflip": view(1.5), "noise": view(-1.0)}
    costs = {"identity": 2.0, "hflip": 2.0, "noise": 3.0}
    sets = {"both": ("identity", "hflip"), "all": ("identity", "hflip", "noise")}
    found = {
        entry.name: entry for entry in worth_of_views(LOG_LOSS, labels, views, sets, "identity", costs, mean, WEIGHTS)
    }
    assert [*found] == ["identity", "hflip", "noise", "both", "all"]
    assert {name: entry.cost for name, entry in found.items()} == {
        "identity": 1, "hflip": 1, "noise": 1.5, "both": 2, "all": 3.5
    }  # fmt: skip
    plain = LOG_LOSS.score(labels, views["identity"])
    for entry in found.values():
        shares = np.array([WEIGHTS.get(name, 1.0) for name in entry.views])
        expected = np.tensordot(shares / shares.sum(), [views[name] for name in entry.views], 1)
        assert entry.score == pytest.approx(LOG_LOSS.score(labels, expected))
        assert entry.gain.gain == pytest.approx(plain - entry.score)
    assert found["identity"].gain == Gain(0, 0, 0)
    assert (found["both"].gain.verdict, found["noise"].gain.verdict) == ("better", "worse")
    assert recommended([*found.values()]) == found["both"]


def entry(name: str, cost: float, gain: float, half: float) -> Worth:
    return Worth(name, (name,), 0.5, Gain(gain, gain - half, gain + half), cost)


def test_the_cheapest_set_that_does_about_as_well_as_the_best_is_recommended():
    plain, cheap = entry("plain", 1, 0, 0), entry("cheap", 2, 0.008, 0.004)
    weak, dear = entry("weak", 1.5, 0.002, 0.001), entry("dear", 10, 0.010, 0.004)
    assert recommended([plain, weak, cheap, dear]) == cheap
    assert recommended([plain, weak]) == weak


def test_nothing_is_recommended_within_noise_or_worse():
    assert recommended([entry("plain", 1, 0, 0), entry("one", 2, 0.01, 0.02), entry("other", 2, -0.02, 0.01)]) is None


def test_plain_and_views_on_different_rows_are_refused():
    with pytest.raises(ValueError, match="the same images"):
        views = {"identity": np.full((5, 2), 0.5), "hflip": np.full((4, 2), 0.5)}
        worth_of_views(LOG_LOSS, np.zeros(5, int), views, {}, "identity", {"identity": 1, "hflip": 1}, mean, {})


# Of a run, out of what its folds kept.

LABELS = np.random.default_rng(0).integers(0, 3, 900)
IMAGES = of_labels(LABELS)
FOLDS = np.split(np.random.default_rng(1).permutation(900), [400])


def keep(folder: Path, name: str, average: str = "probabilities", variants: int = 1) -> list[ViewPredictions]:
    """Two folds; each view is as good as any, with noise of its own."""
    random, found = np.random.default_rng(2), []
    names = tuple(view.name for view in named(name, hflip_safe=True))
    for number, rows in enumerate(FOLDS, 1):
        of_views = [[probabilities(random, LABELS[rows], 3, 1.5) for _ in names] for _ in range(variants)]
        (folder / f"fold-{number}").mkdir(parents=True)
        found.append(ViewPredictions(name, names, average, rows, np.array(of_views, np.float32)))
        found[-1].write(folder / f"fold-{number}")
    return found


def told(folder: Path, images: Dataset = IMAGES) -> dict:
    worth.write(folder, images, "log_loss")
    return json.loads((folder / "views.json").read_text())


def test_what_is_kept_is_read_back(tmp_path):
    for number, kept in enumerate(keep(tmp_path, "ten_crop+scales", "logits", variants=2), 1):
        found = ViewPredictions.read(tmp_path / f"fold-{number}" / "views.npz")
        assert (found.name, found.views, found.average) == (kept.name, kept.views, kept.average)
        assert np.array_equal(found.rows, kept.rows) and np.array_equal(found.probabilities, kept.probabilities)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_each_view_and_each_set_within_is_told_against_plain_on_the_same_rows(tmp_path, average):
    kept = keep(tmp_path, "hflip+scales", average)
    found = told(tmp_path)
    assert (found["rows"], found["average"], found["metric"]) == (900, average, "log_loss")
    entries = {entry["name"]: entry for entry in found["entries"]}
    sets = ["hflip", "scales", "hflip+scales"]
    assert [*entries] == [*kept[0].views, *sets]
    assert [entries[name]["cost"] for name in sets] == [2, 3, 4]
    all_views = np.concatenate([fold.probabilities[0] for fold in kept], axis=1)
    labels = LABELS[np.concatenate(FOLDS)]
    score = LOG_LOSS.score(labels, averaged(all_views, average))
    assert entries["hflip+scales"]["score"] == pytest.approx(score)
    plain = LOG_LOSS.score(labels, all_views[0])
    assert entries["centre"]["score"] == pytest.approx(plain) and entries["centre"]["gain"] == 0
    assert entries["hflip+scales"]["gain"] == pytest.approx(plain - score, abs=1e-5)
    assert found["recommended"] in sets


def test_of_several_variants_the_one_taken_is_told(tmp_path):
    kept = keep(tmp_path, "hflip", variants=2)
    (tmp_path / "run.json").write_text(
        json.dumps({"chosen": {"c": 2}, "variants": [{"c": 1, "log_loss": 9}, {"c": 2, "log_loss": 1}]})
    )
    plain = np.concatenate([fold.probabilities[1, 0] for fold in kept])
    assert told(tmp_path)["entries"][0]["score"] == pytest.approx(
        LOG_LOSS.score(LABELS[np.concatenate(FOLDS)], plain), abs=1e-6
    )


def test_only_what_can_be_asked_for_is_recommended(tmp_path):
    """A single mirrored view that beats the centre is luck, or cannot be had by itself."""
    keep(tmp_path, "hflip")
    random = np.random.default_rng(3)
    for number, rows in enumerate(FOLDS, 1):
        good, bad = (probabilities(random, LABELS[rows], 3, skill) for skill in (4.0, 0.5))
        of_views = np.array([[bad, good]], np.float32)
        ViewPredictions("hflip", ("centre", "centre, mirrored"), "probabilities", rows, of_views).write(
            tmp_path / f"fold-{number}"
        )
    assert told(tmp_path)["recommended"] == "hflip"


def again(folder: Path, times: int) -> None:
    """The same two folds as further repeats."""
    for repeat in range(1, times):
        for number in (1, 2):
            ViewPredictions.read(folder / f"fold-{number}" / "views.npz").write(folder / f"fold-{2 * repeat + number}")


def test_repeats_of_a_row_are_averaged_not_counted_as_rows(tmp_path):
    keep(tmp_path, "hflip")
    once = told(tmp_path)
    again(tmp_path, 3)
    thrice = told(tmp_path)
    assert thrice["rows"] == 900
    for one, other in zip(once["entries"], thrice["entries"], strict=True):
        assert [one[part] for part in ("score", "gain", "low", "high")] == pytest.approx(
            [other[part] for part in ("score", "gain", "low", "high")], abs=1e-6
        )


def test_gains_are_resampled_by_groups_where_rows_are_not_independent(tmp_path):
    """Three equal rows a group: as a third as many rows, the intervals are wider by the root of three."""
    random, names = np.random.default_rng(0), ("hflip", "centre")
    labels = np.repeat(random.integers(0, 3, 300), 3)
    of_views = [np.repeat(probabilities(random, labels[::3], 3, 1.5), 3, axis=0) for _ in names]
    images = dataclasses.replace(IMAGES, labels=labels)
    kept = ViewPredictions("hflip", names, "probabilities", np.arange(900), np.array([of_views], np.float32))
    (tmp_path / "fold-1").mkdir()
    kept.write(tmp_path / "fold-1")
    widths = []
    for grouped in (False, True):
        found = told(tmp_path, dataclasses.replace(images, grouped=grouped))["entries"][0]
        widths.append(found["high"] - found["low"])
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(3), rel=0.15)


def test_images_of_one_row_are_scored_as_the_row(tmp_path):
    kept = keep(tmp_path, "hflip")
    labels = np.repeat(LABELS[::3], 3)
    images = dataclasses.replace(IMAGES, labels=labels, first_of=np.repeat(np.arange(0, 900, 3), 3))
    for number in (1, 2):  # rows are never separated
        rows = np.arange(0, 450) + 450 * (number - 1)
        probabilities = np.resize(kept[0].probabilities, (1, 2, 450, 3))
        ViewPredictions("hflip", kept[0].views, "probabilities", rows, probabilities).write(tmp_path / f"fold-{number}")
    found = told(tmp_path, images)
    assert found["rows"] == 300
    half = ViewPredictions.read(tmp_path / "fold-1" / "views.npz").probabilities[0, 0].reshape(150, 3, 3).mean(axis=1)
    plain = next(entry for entry in found["entries"] if entry["name"] == kept[0].views[0])
    assert plain["score"] == pytest.approx(LOG_LOSS.score(labels[::3], np.concatenate([half, half])), rel=1e-5)
