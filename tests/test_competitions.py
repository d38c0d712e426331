"""What every folder in ``competitions/`` must hold to; a new one is found and tested without another line here."""

from __future__ import annotations

import ast
import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from harness.competition import Competition
from harness.pipeline.selection import choose
from harness.plugins import loading
from harness.plugins.loading import FILES
from harness.scoring import submission_csv
from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.tta.views import views
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT

WORKSPACE = Workspace(CHECKOUT)
FOLDERS = sorted(path for path in WORKSPACE.competitions.iterdir() if path.is_dir() and path.name != "__pycache__")
assert FOLDERS, "or nothing would be tested"


@pytest.fixture(params=[folder.name for folder in FOLDERS])
def competition(request: pytest.FixtureRequest) -> Competition:
    return loading.load(WORKSPACE, request.param)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_same_files_in_each(folder: Path) -> None:
    assert [name for name in FILES if not (folder / name).is_file()] == []
    assert folder.name == loading.canonical(folder.name)


def test_declaration(competition: Competition) -> None:
    assert competition.title
    assert competition.metric in METRICS
    assert competition.obtain.endswith(".")
    assert competition.terms.strip()
    assert competition.readers
    assert all(reader.looks_for for reader in competition.readers)


def test_found_by_either_spelling(competition: Competition) -> None:
    assert loading.load(WORKSPACE, competition.name.replace("_", "-")) == competition


def test_recipes(competition: Competition) -> None:
    recipes, default = loading.recipes(competition)
    assert default in recipes
    assert choose(competition, recipes, [*recipes], []).keys() >= recipes.keys()  # members fit together as they are
    for recipe in recipes.values():
        smoke = recipe.smoke()
        smoke.check(competition)
        assert type(smoke) is type(recipe)
        assert smoke.members == recipe.members


def test_recipes_say_what_they_are(competition: Competition) -> None:
    module = ast.parse((competition.folder / "recipes.py").read_text(encoding="utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    assert [ast.dump(node) for node in (module, *functions) if not ast.get_docstring(node)] == []


def test_mirrored_only_where_a_mirror_image_is_the_same_thing(competition: Competition) -> None:
    recipes, _ = loading.recipes(competition)
    for recipe in recipes.values():
        mirrored = getattr(recipe, "flip", False) or any(
            view.mirrored for view in views(getattr(recipe, "tta", "centre"), hflip_safe=True)
        )
        assert competition.hflip_safe or not mirrored


def test_leaderboard(competition: Competition) -> None:
    metric = METRICS[competition.metric]
    board = Leaderboard.load(competition.folder / "leaderboard.csv", metric)
    assert all(point.kind and point.source for point in board.points)
    assert all(point.score >= 0 for point in board.points)
    assert metric.name == "log_loss" or all(point.score <= 1 for point in board.points)
    ranked = [point for point in board.points if point.rank is not None]
    for ahead, behind in pairwise(ranked):
        assert ahead.rank < behind.rank
        assert not metric.better(behind.score, ahead.score)


def test_leaderboard_gives_its_own_scores_their_places(competition: Competition) -> None:
    board = Leaderboard.load(competition.folder / "leaderboard.csv", METRICS[competition.metric])
    for point in board.points:
        if point.rank is not None:
            standing = board.standing(point.score)
            assert standing.best <= standing.rank == standing.worst <= point.rank


def test_submission_reads_back_what_it_writes(competition: Competition, tmp_path: Path) -> None:
    form = competition.submission
    classes = next((r.classes for r in competition.readers if hasattr(r, "classes")), ("n02124075", "frog", "7"))
    assert form.positive is None or form.positive in classes
    ids = ("1", "test_0.JPEG", "train/with space.jpg", 'it\'s "ü".png')
    made = Predictions(ids, classes, np.random.default_rng(0).dirichlet(np.ones(len(classes)), 4).astype(np.float32))
    submission_csv.write(form, tmp_path / "x.csv", made)
    read = submission_csv.read(form, tmp_path / "x.csv", ids[::-1], classes)
    assert read.ids == ids[::-1]
    if form.value == "probability":
        column = classes.index(form.positive)
        found = read.probabilities[::-1, column]
        assert np.allclose(found, made.probabilities[:, column], atol=1e-6)
    else:
        assert (read.probabilities[::-1].argmax(axis=1) == made.probabilities.argmax(axis=1)).all()


def test_a_csv_scores_as_the_predictions_do(competition: Competition, tmp_path: Path) -> None:
    """However sure a network is of itself: rounding must not turn a large loss into the largest."""
    form, metric = competition.submission, METRICS[competition.metric]
    if form.value != "probability":
        pytest.skip("its CSV holds classes")
    small = np.array([0.3, 1e-3, 1e-7, 1e-11, 1e-14], np.float32)
    probabilities = np.concatenate([np.stack([small, 1 - small], axis=1), np.stack([1 - small, small], axis=1)])
    ids, labels = tuple(map(str, range(10))), np.arange(10) % 2
    submission_csv.write(form, tmp_path / "x.csv", Predictions(ids, ("cat", "dog"), probabilities))
    read = submission_csv.read(form, tmp_path / "x.csv", ids, ("cat", "dog"))
    wanted, found = metric.rows(labels, probabilities), metric.rows(labels, read.probabilities)
    assert np.allclose(found, wanted, rtol=0.01, atol=1e-6)


def test_readme(competition: Competition) -> None:
    text = (competition.folder / "README.md").read_text(encoding="utf-8")
    assert f"make submit COMP={competition.name}" in text
    for part in ("**Data**", "**Hold-out**", "**Metric**", "**CSV**", "**Leaderboard**", "**Views**", "**Terms**"):
        assert part in text
    assert METRICS[competition.metric].title in text


def test_declarations_are_frozen(competition: Competition) -> None:
    for declared in (competition, competition.submission, competition.folds, *competition.readers):
        assert dataclasses.is_dataclass(declared)
        assert declared.__dataclass_params__.frozen


def test_flowers_keep_the_organisers_order_of_species() -> None:
    species = loading.load(WORKSPACE, "flowers17").readers[0].classes
    assert (species[0], species[8], species[16]) == ("daffodil", "fritillary", "pansy")
    assert len(set(species)) == 17
