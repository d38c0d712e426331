"""Features into logistic regression: from folders to a scored CSV, C chosen on the folds."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from harness.data.cache.cache import Cache
from harness.data.columns import Columns
from harness.data.fold import Fold
from harness.models import linear, linear_path
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.recipes import FeatureRegression
from harness.recipes.with_columns import kept_encoder
from harness.scoring.metrics import METRICS
from harness.tta.worth import ViewPredictions
from harness.utils.errors import UserError
from tests.conftest import declared

RECIPE = FeatureRegression(backbone="efficientnet-lite0", side=32, c=(0.001, 0.1))


@pytest.mark.parametrize(
    "change",
    [
        {"backbone": "resnet5"},
        {"backbone": ("efficientnet-lite0", "resnet5")},
        {"backbone": ("efficientnet-lite0", "efficientnet-lite0")},
        {"backbone": ()},
        {"side": 16},
        {"power": 0.0},
        {"power": 2.0},
        {"c": ()},
        {"c": (1.0, 0.0)},
        {"tta": "eleven_crop"},
        {"tta": "hflip+random"},
    ],
)
def test_a_setting_out_of_range_is_named_with_what_it_got(change):
    RECIPE.check(declared())
    (name, value), *_ = change.items()
    with pytest.raises(UserError, match=name) as refused:
        dataclasses.replace(RECIPE, **change).check(declared())
    assert repr(value) in refused.value.what


def test_nothing_is_mirrored_where_a_mirrored_image_is_another_thing():
    recipe = dataclasses.replace(RECIPE, tta="hflip")
    recipe.check(declared())
    with pytest.raises(UserError, match="another class"):
        recipe.check(declared(hflip_safe=False))


@pytest.fixture
def fold(tmp_path) -> Fold:
    """Rectified random features of three classes."""
    random = np.random.default_rng(0)
    labels = random.integers(3, size=130)
    rows = np.maximum(random.normal(size=(130, 20)) + random.normal(size=(3, 20))[labels], 0).astype(np.float32)
    ids = tuple(map(str, range(130)))
    cache = Cache(rows, ids, labels, np.array(["train"] * 130), np.ones(130, bool), ("a", "b", "c"), {})
    parts = np.split(np.arange(130), [80, 100, 120])
    return Fold("fold 1 of 1", *parts, labels, ("a", "b", "c"), {RECIPE.features[0]: cache}, True, 0, tmp_path)


def test_one_fit_predicts_for_every_c_and_keeps_its_models_as_arrays(fold: Fold):
    found = RECIPE.fit(fold)
    assert found.shape == (2, 50, 3)
    models = linear.read(fold.folder / "models.h5")
    assert [model.c for model in models] == [variant["c"] for variant in RECIPE.variants()] == [0.001, 0.1]
    assert np.array_equal(linear.probabilities(models, fold.caches[RECIPE.features[0]].rows, fold.predicted()), found)


def test_several_backbones_stand_side_by_side_in_one_regression(fold: Fold):
    recipe = dataclasses.replace(RECIPE, backbone=("efficientnet-lite0", "efficientnet-lite1"))
    first, second = recipe.features
    assert (first.backbone, second.backbone) == recipe.backbones
    whole = fold.caches[RECIPE.features[0]]
    halves = [dataclasses.replace(whole, rows=np.asarray(whole.rows)[:, columns]) for columns in np.s_[:7, 7:]]
    joined = dataclasses.replace(fold, caches=dict(zip(recipe.features, halves, strict=True)))
    assert np.array_equal(recipe.fit(joined), RECIPE.fit(fold))
    assert np.array_equal(recipe.predict(joined), RECIPE.predict(fold))


@pytest.mark.parametrize("columns", [(), ("age",)])
def test_roots_are_of_the_features_with_their_signs_and_not_of_the_tables_columns(patients: Fold, columns):
    plain, rooted = (dataclasses.replace(RECIPE, columns=columns, power=power) for power in (1.0, 0.5))
    whole = patients.caches[RECIPE.features[0]]
    rows = np.asarray(whole.rows) - 0.5  # some below 0
    roots = np.where(rows < 0, -1, 1) * np.sqrt(abs(rows))
    given, wanted = (
        dataclasses.replace(patients, caches={RECIPE.features[0]: dataclasses.replace(whole, rows=each)})
        for each in (rows, roots)
    )
    np.testing.assert_allclose(rooted.fit(given), plain.fit(wanted), atol=1e-4)
    np.testing.assert_allclose(rooted.predict(given), plain.predict(wanted), atol=1e-4)
    assert abs(rooted.predict(given) - plain.fit(given)).max() > 0.01


def test_layers_are_tapped_of_every_backbone():
    several = dataclasses.replace(RECIPE, backbone=("efficientnet-lite0", "vgg16"), layers=(-2, "pool"))
    several.check(declared())
    tapped = {one.backbone: one.layers for one in several.features}
    assert tapped == {"efficientnet-lite0": (-2, "pool"), "vgg16": (-2, "pool")}


def test_one_of_several_backbones_is_to_be_looked_at():
    with pytest.raises(UserError, match="side by side") as refused:
        dataclasses.replace(RECIPE, backbone=("efficientnet-lite0", "vgg16")).architecture(lambda: 3)
    assert refused.value.fix.endswith("harness inspect efficientnet-lite0")


def test_labels_outside_the_training_rows_change_nothing(fold: Fold):
    found = RECIPE.fit(fold)
    secret = fold.labels.copy()
    secret[80:] = 2 - secret[80:]
    assert np.array_equal(RECIPE.fit(dataclasses.replace(fold, labels=secret)), found)


COLUMNS = dataclasses.replace(RECIPE, columns=("age", "pl*"))


@pytest.fixture
def patients(fold: Fold) -> Fold:
    """The same fold with columns: an age that tells the first class, a place that no training row has, and noise."""
    rows = np.arange(130)
    ages = np.array(["" if row % 7 == 0 else str(50 + 9 * (fold.labels[row] == 0) + row % 5) for row in rows])
    places = np.array(["mars" if row > 100 else "ab"[row % 2] for row in rows])
    columns = Columns({"age": ages, "place": places, "noise": ages[::-1]}, ("age",))
    return dataclasses.replace(fold, columns=columns)


def test_columns_join_the_features(patients: Fold):
    found = COLUMNS.fit(patients)
    encoder = kept_encoder(patients.folder)
    assert [*encoder.numbers, *encoder.categories] == ["age", "place"]
    rows = np.asarray(patients.caches[RECIPE.features[0]].rows)
    wider = np.hstack([rows, encoder.encode(patients.columns)])
    models = linear_path.fit_path(wider, patients.labels, 3, RECIPE.c, rows=patients.train)
    np.testing.assert_array_equal(found, linear.probabilities(models, wider, patients.predicted()))
    loss = METRICS["log_loss"].score
    labels = patients.labels[patients.predicted()]
    assert loss(labels, found[1]) < loss(labels, RECIPE.fit(patients)[1]) - 0.02
    asked = dataclasses.replace(patients, train=patients.train[:0], validation=patients.train[:0])
    COLUMNS.fit(patients)
    np.testing.assert_array_equal(COLUMNS.predict(asked), found[:, 20:])


def test_cells_outside_the_training_rows_change_no_model(patients: Fold):
    COLUMNS.fit(patients)
    before = [(patients.folder / name).read_bytes() for name in ("columns.json", "models.h5")]
    cells = {name: np.where(np.arange(130) < 80, each, "7") for name, each in patients.columns.cells.items()}
    COLUMNS.fit(dataclasses.replace(patients, columns=Columns(cells, ("age",))))
    assert [(patients.folder / name).read_bytes() for name in ("columns.json", "models.h5")] == before


def test_columns_that_are_not_there_are_told(patients: Fold):
    with pytest.raises(UserError, match=r"no column 'agee'.* Did you mean age"):
        dataclasses.replace(RECIPE, columns=("agee",)).fit(patients)
    with pytest.raises(UserError, match="the competition's reader declares none"):
        COLUMNS.fit(dataclasses.replace(patients, columns=None))
    COLUMNS.fit(patients)
    with pytest.raises(UserError, match="without the columns age, place"):
        COLUMNS.predict(dataclasses.replace(patients, columns=None))
    (patients.folder / "columns.json").unlink()
    with pytest.raises(OSError, match=r"columns\.json"):
        COLUMNS.predict(patients)


@pytest.fixture
def mirrored(fold: Fold) -> tuple[FeatureRegression, Fold]:
    """The same with a second view, of the same rows with noise."""
    recipe = dataclasses.replace(RECIPE, tta="hflip")
    (cache,) = fold.caches.values()
    other = np.asarray(cache.rows) + np.random.default_rng(1).normal(size=(130, 20)).astype(np.float32)
    both = dataclasses.replace(cache, rows=np.stack([np.asarray(cache.rows), other], axis=1))
    return recipe, dataclasses.replace(fold, caches={recipe.features[0]: both}, folder=fold.folder / "hflip")


def test_of_several_views_the_centre_is_fitted_and_the_answers_to_all_are_averaged(fold: Fold, mirrored):
    recipe, several = mirrored
    several.folder.mkdir()
    plain, found = RECIPE.fit(fold), recipe.fit(several)
    kept = ViewPredictions.read(several.folder / "views.npz")
    assert kept.views == ("centre", "centre, mirrored") and kept.probabilities.shape == (2, 2, 20, 3)
    assert np.allclose(kept.probabilities[:, 0], plain[:, :20], atol=1e-6)
    assert found.shape == plain.shape and found.dtype == np.float32
    assert np.allclose(found[:, :20], kept.probabilities.mean(axis=1), atol=1e-6)
    assert np.abs(found - plain).max() > 0.01


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_the_kept_models_predict_what_the_fit_did_and_leave_its_views_alone(mirrored, average):
    recipe, several = mirrored
    several.folder.mkdir()
    recipe = dataclasses.replace(recipe, average=average)
    found = recipe.fit(several)
    views = (several.folder / "views.npz").read_bytes()
    nothing = several.train[:0]
    asked = dataclasses.replace(several, train=nothing, validation=nothing, holdout=nothing, labels=several.labels * 0)
    assert np.array_equal(recipe.predict(asked), found[:, -len(several.test) :])
    assert (several.folder / "views.npz").read_bytes() == views


def test_averages_of_logits_are_the_answers_to_averaged_features(mirrored):
    recipe, several = mirrored
    several.folder.mkdir()
    found = dataclasses.replace(recipe, average="logits").fit(several)
    rows = several.caches[recipe.features[0]].rows
    models = linear.read(several.folder / "models.h5")
    assert np.allclose(
        found, linear.probabilities(models, np.asarray(rows).mean(axis=1), several.predicted()), atol=1e-5
    )


DECLARED = '''
from harness.recipes import FeatureRegression, recipe


@recipe
def lite():
    """At 32x32."""
    return FeatureRegression(backbone="efficientnet-lite0", side=32, c=(1e-6, 1e-2))


default = lite
'''


@pytest.mark.model
def test_from_folders_to_a_scored_csv(insects, harness):
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    done = harness("submit", "insects")
    assert done.code == 0, done.err
    assert "c=0.01 chosen" in done.err and "further ones may do better" in done.err and "on 7 hold-out" in done.out

    pipeline = Pipeline(insects, loading.load(insects, "insects"), Options())
    run = pipeline.artifacts.run_of("lite")
    record = json.loads((run.folder / "run.json").read_text())
    losses = {variant["c"]: variant["log_loss"] for variant in record["variants"]}
    assert record["chosen"] == {"c": 0.01} and losses[0.01] < losses[1e-6]
    found = run.predictions()["out_of_fold"]
    labels = pipeline.artifacts.dataset.labels_of(found.ids)
    assert METRICS["log_loss"].score(labels, found.probabilities) == pytest.approx(losses[0.01])
    # Each row's prediction is the model's of the fold that has not seen it.
    cache = pipeline.artifacts.open_cache(pipeline.artifacts.recipes["lite"].features[0])
    for number, (_, validation) in enumerate(pipeline.artifacts.folds, 1):
        model = linear.read(run.folder / f"fold-{number}" / "models.h5")[1]
        ids = tuple(pipeline.artifacts.folds.ids[row] for row in validation)
        rows = np.array([cache.ids.index(name) for name in ids])
        assert np.allclose(found.of(ids), linear.probabilities([model], cache.rows, rows)[0])

    again = harness("submit", "insects")
    assert (
        again.code == 0
        and "lite: up to date" in again.err
        and "features efficientnet-lite0-32: up to date" in again.err
    )
    wider = harness("train", "insects", "--set", "c=0.01,0.1")
    assert "features efficientnet-lite0-32: up to date" in wider.err and "lite: made" in wider.err
    assert "features efficientnet-lite0-32" in harness("cache", "ls", "insects").out
    assert "verified" in harness("cache", "verify", "insects").out


@pytest.mark.model
def test_inspect_prints_what_can_be_tapped(insects, harness):
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    for arguments in (["efficientnet-lite0"], ["insects", "lite"]):
        found = harness("inspect", *arguments)
        assert found.code == 0, found.err
        assert "141  top_activation" in found.out and "144 layers, 4,694,024 parameters" in found.out
    assert "minivggnet: 23 layers" in harness("inspect", "minivggnet").out
    assert "alexnet: " in harness("inspect", "alexnet").out
    small = harness("inspect", "alexnet", "--size", "16")
    assert small.code == 2 and "alexnet takes images of at least" in small.err
    wrong = harness("inspect", "efficientnet-lite9")
    assert wrong.code == 2 and "Did you mean efficientnet-lite2" in wrong.err


def test_weights_that_cannot_be_had_are_told_before_anything_is_decoded(insects, harness, tmp_path, monkeypatch):
    from harness.models.backbones import applications

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(applications, "ORIGIN", "http://127.0.0.1:9")
    (insects.competition("insects") / "recipes.py").write_text(DECLARED.replace("efficientnet-lite0", "vgg16"))
    assert harness("status", "insects").code == 0
    refused = harness("submit", "insects")
    assert refused.code == 2 and "weights of vgg16 could not be downloaded" in refused.err
    assert "efficientnet-lite0" in refused.err  # what works off line
