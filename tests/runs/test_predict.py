"""Predicting new images with finished runs: the same as what the run said of the same images."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace
from tests.conftest import draw, stamps

CLOSE = 1e-5

# Every kind of recipe that makes a model, as cheap as it gets.
KINDS = """
from harness.recipes import (
    Blend, Calibrated, FeatureRegression, HillClimb, LogisticRegression, Network, Soup, Stacked, recipe, snapshots,
)


@recipe
def pixels():
    return LogisticRegression(size=(6, 6), c=0.01, iterations=20)


@recipe
def coarse():
    return LogisticRegression(size=(4, 5), resize="plain", c=0.01, iterations=20)


@recipe
def mean():
    return Blend(of=("pixels", "coarse"), weights=(3.0, 1.0))


@recipe
def geometric():
    return Blend(of=("pixels", "coarse"), how="geometric")


@recipe
def stacked():
    return Stacked(of=("pixels", "mean"))


@recipe
def climbed():
    return HillClimb(of=("pixels", "coarse"))


@recipe
def calibrated():
    return Calibrated(of="stacked")


@recipe
def network():
    return Network(
        network="wideresnet",
        options={"blocks": (1,), "widen": 1},
        size=(16, 16),
        crop=(12, 12),
        flip=True,
        scaling="standard",
        epochs=4,
        learning_rate=0.05,
        schedule="cycles",
        cycles=2,
        monitor="last",
        tta="ten_crop+random",
        average="logits",
    )


@recipe
def features():
    both = ("efficientnet-lite0", "efficientnet-lite1")
    return FeatureRegression(backbone=both, side=64, tta="crops+scales", power=0.5, c=(0.001, 0.1))


@recipe
def soup():
    return Soup(of=snapshots("network", 2))


@recipe
def everything():
    return Stacked(of=("calibrated", "network", "soup"))


default = pixels
"""


@pytest.fixture
def competition(insects: Workspace) -> LoadedCompetition:
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(KINDS)
    declaration = folder / "competition.py"
    text = declaration.read_text().replace('metric="accuracy"', 'metric="log_loss"')
    declaration.write_text(text.replace('value="class"', 'value="probabilities"'))
    return LoadedCompetition(insects, "insects")


def list_of(competition: LoadedCompetition, file: Path, split: str = "holdout") -> Path:
    """A CSV of a split's own image files, in another order than the run had them."""
    images = competition.images[competition.images["split"] == split].iloc[::-1]
    root = competition.pipeline.artifacts.source[1]
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "id"])
        writer.writerows((root / path, name) for path, name in zip(images["path"], images["id"], strict=True))
    return file


def assert_predicts_what_it_said(competition: LoadedCompetition, recipe: str, tmp_path: Path, **settings) -> None:
    run = competition.train(recipe, **settings)
    before = stamps(run.folder.parent.parent)
    holdout = run.predictions["holdout"]
    found = competition.predict(recipe, list_of(competition, tmp_path / "list.csv"))
    assert set(found.ids) == set(holdout.ids) and found.ids != holdout.ids and found.classes == holdout.classes
    np.testing.assert_allclose(found.of(holdout.ids), holdout.probabilities, atol=CLOSE, rtol=0)
    assert stamps(run.folder.parent.parent) == before, "predicting changes no run"
    assert not list(competition.workspace.data("insects").glob("predict-*"))


@pytest.mark.parametrize("recipe", ["pixels", "mean", "geometric", "climbed", "calibrated"])
def test_a_run_predicts_its_holdouts_images_as_it_did(competition: LoadedCompetition, recipe: str, tmp_path: Path):
    assert_predicts_what_it_said(competition, recipe, tmp_path)


@pytest.mark.slow
@pytest.mark.model
def test_a_network_predicts_its_holdouts_images_as_it_did(competition: LoadedCompetition, tmp_path: Path):
    assert_predicts_what_it_said(competition, "network", tmp_path, epochs=2, tta="hflip", folds=1)


@pytest.mark.slow
def test_features_of_several_views_predict_as_they_did(competition: LoadedCompetition, tmp_path: Path):
    assert_predicts_what_it_said(competition, "features", tmp_path)


@pytest.mark.slow
@pytest.mark.model
def test_soups_drawn_views_and_what_is_made_of_them_predict_as_they_did(competition: LoadedCompetition, tmp_path: Path):
    assert_predicts_what_it_said(competition, "everything", tmp_path)
    for recipe in ("network", "soup"):
        found = competition.predict(recipe, tmp_path / "list.csv")
        holdout = competition.train(recipe).predictions["holdout"]
        np.testing.assert_allclose(found.of(holdout.ids), holdout.probabilities, atol=CLOSE, rtol=0)


def test_new_images_are_called_by_their_paths_and_one_that_cannot_be_read_is_left_out(
    insects: Workspace, harness, tmp_path: Path, save: Callable[..., Path]
):
    assert harness("train", "insects").code == 0
    new = tmp_path / "new"
    for number in range(3):
        save(new / "below" / f"{number}.png", draw(1, 100 + number))
    (new / "broken.png").write_bytes(b"\x89PNG")
    told = harness("predict", "insects", "blend", new)
    rows = [*csv.reader(told.out.splitlines())]
    assert told.code == 0 and rows[0] == ["id", "class", "ants", "bees", "wasps"]
    assert [row[0] for row in rows[1:]] == [f"below/{number}.png" for number in range(3)]
    assert "get no prediction, for they cannot be read: broken.png" in told.err
    for row in rows[1:]:
        probabilities = [*map(float, row[2:])]
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
        assert row[1] == rows[0][2 + probabilities.index(max(probabilities))]
    out = tmp_path / "out.csv"
    again = harness("predict", "insects", "blend", new / "below" / "2.png", "--out", out)
    assert again.code == 0 and again.out == ""
    assert [*csv.reader(out.read_text().splitlines())][1][0] == "2.png"


def test_a_run_is_found_by_its_recipe_or_its_key_and_old_runs_stay_usable(insects: Workspace, harness, tmp_path: Path):
    competition = LoadedCompetition(insects, "insects")
    first, second = competition.train("coarse"), competition.train("coarse", c=0.5)
    images = list_of(competition, tmp_path / "list.csv")
    for name, run in (("coarse", second), (f"coarse/{first.key[:8]}", first), (f"coarse-{first.key[:8]}", first)):
        holdout = run.predictions["holdout"]
        found = competition.predict(name, images)
        np.testing.assert_allclose(found.of(holdout.ids), holdout.probabilities, atol=CLOSE, rtol=0)
    unknown = harness("predict", "insects", "coarze", images)
    assert unknown.code == 2 and "Did you mean coarse" in unknown.err


@pytest.mark.parametrize(
    ("recipe", "model"), [("coarse", "fold-1/models.h5"), ("blend", "combiner.npz"), ("blend", None)]
)
def test_a_run_without_its_model_says_how_it_gets_one(
    insects: Workspace, harness, tmp_path: Path, recipe: str, model: str | None
):
    competition = LoadedCompetition(insects, "insects")
    run = competition.train(recipe)
    images = list_of(competition, tmp_path / "list.csv")
    if model is None:
        next(insects.runs("insects").glob("fine/*/run.json")).unlink()
        assert "is made of the run fine/" in harness("predict", "insects", recipe, images).err
        return
    (run.folder / model).unlink()
    told = harness("predict", "insects", recipe, images)
    assert told.code == 2 and "keeps no model" in told.err
    remove, _, train = told.err.partition("fix: rm -f ")[2].partition(" && ")
    for pattern in remove.split():
        for file in insects.root.glob(pattern):
            file.unlink()
    assert harness(*train.partition(",")[0].split()[1:]).code == 0
    assert harness("predict", "insects", recipe, images).code == 0


def test_what_is_given_must_be_images(insects: Workspace, harness, tmp_path: Path):
    assert harness("train", "insects").code == 0
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("file\na.png\n")
    (tmp_path / "missing.csv").write_text("path,id\na.png,1\nb.png,1\n")
    for given, words in (
        ("empty", "there is no image in"),
        ("none", "there is no "),
        ("list.csv", "its first line is 'file'"),
        ("missing.csv", "1 ids occur more than once (1); 2 files are not there (a.png, b.png)"),
    ):
        told = harness("predict", "insects", "blend", tmp_path / given)
        assert told.code == 2 and words in told.err, given


def test_runs_predict_where_the_data_is_not(competition: LoadedCompetition, tmp_path: Path):
    competition.train("pixels")
    expected = competition.predict("pixels", tmp_path / "photos")
    shutil.rmtree(competition.workspace.data("insects"))
    found = LoadedCompetition(competition.workspace, "insects").predict("pixels", tmp_path / "photos")
    assert found.ids == expected.ids and np.array_equal(found.probabilities, expected.probabilities)
