"""Ensembles as recipes: refused where they make no sense, joined by id, honest out of fold, and going on without a
member that failed."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from harness.ensembles.members import join
from harness.pipeline.graph import Pipeline
from harness.recipes import Blend, Calibrated, HillClimb, LogisticRegression, Stacked
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, declared, pipeline

ONE = Predictions(("a", "b"), ("x", "y"), np.array([[1, 0], [0.5, 0.5]], np.float32))
OTHER = Predictions(("b", "a"), ("x", "y"), np.array([[0, 1], [0.5, 0.5]], np.float32))
LOSS = declared(metric="log_loss")


def combined(recipe, **tables) -> Predictions:
    members = join(tables)
    combiner = recipe.fit(members, np.array([0, 1]), METRICS["accuracy"])
    return Predictions(members.ids, members.classes, combiner(members.probabilities).astype(np.float32))


def test_a_blend_is_the_average_joined_by_id_unless_it_says_otherwise():
    found = combined(Blend(of=("one", "other")), one=ONE, other=OTHER)
    assert np.allclose(found.of(("a", "b")), [[0.75, 0.25], [0.25, 0.75]])
    found = combined(Blend(of=("other", "one"), weights=(3.0, 1.0)), one=ONE, other=OTHER)
    assert np.allclose(found.of(("a", "b")), [[0.625, 0.375], [0.125, 0.875]])


def test_weights_stay_with_their_members_when_one_is_left_out():
    recipe = Blend(of=("gone", "other", "one"), weights=(5.0, 3.0, 1.0))
    assert np.allclose(combined(recipe, one=ONE, other=OTHER).of(("a",)), [[0.625, 0.375]])


@pytest.mark.parametrize(
    ("recipe", "change"),
    [
        (Blend(of=("a", "b")), {"of": ()}),
        (Blend(of=("a", "b")), {"of": ("a", "a")}),
        (Blend(of=("a", "b")), {"enough": 0}),
        (Blend(of=("a", "b")), {"weights": (1.0,)}),
        (Blend(of=("a", "b")), {"weights": (1.0, 0.0)}),
        (Blend(of=("a", "b")), {"how": "rank"}),
        (Blend(of=("a", "b")), {"how": "vote"}),
        (HillClimb(of=("a", "b")), {"steps": 0}),
        (HillClimb(of=("a", "b")), {"bags": 0}),
        (Stacked(of=("a", "b")), {"c": 0.0}),
        (Stacked(of=("a", "b")), {"of": ()}),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_it_got(recipe, change):
    recipe.check(LOSS)
    (name, value), *_ = change.items()
    with pytest.raises(UserError, match=name) as refused:
        dataclasses.replace(recipe, **change).check(LOSS)
    assert repr(value) in refused.value.what


def test_votes_and_ranks_are_for_metrics_that_look_at_the_order_alone():
    for how in ("vote", "rank"):
        Blend(of=("a", "b"), how=how).check(declared(metric="accuracy"))


@pytest.mark.parametrize("metric", ["accuracy", "error"])
def test_nothing_is_calibrated_where_the_metric_does_not_want_it(metric):
    Calibrated(of="a").check(LOSS)
    with pytest.raises(UserError, match="calibration never changes it"):
        Calibrated(of="a").check(declared(metric=metric))


# Through the pipeline.

MORE = '''
from harness.recipes import Calibrated, HillClimb, Stacked


@recipe
def greedy():
    """Weights found."""
    return HillClimb(of=("coarse", "fine", "failing"), enough=2)


@recipe
def stacked():
    """A regression."""
    return Stacked(of=("coarse", "fine"))


@recipe
def calibrated():
    """As sure as it should be."""
    return Calibrated(of="blend")


@recipe
def failing():
    """Another size."""
    return LogisticRegression(size=(7, 7), c=0.01, iterations=20)
'''


@pytest.fixture
def ensembles(insects: Workspace) -> Workspace:
    """The insects, judged by log loss, with more ensembles."""
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(RECIPES + MORE)
    declaration = folder / "competition.py"
    text = declaration.read_text().replace('metric="accuracy"', 'metric="log_loss"')
    declaration.write_text(text.replace('value="class"', 'value="probabilities"'))
    return insects


def run(workspace: Workspace, *wanted: str, assignments: tuple[str, ...] = ()) -> Pipeline:
    made = pipeline(workspace, *assignments)
    made.perform(made.artifacts.choose([*wanted]))
    return made


def report(made: Pipeline, name: str) -> dict:
    return json.loads((made.artifacts.run_of(name).folder / "blend.json").read_text())


def test_ensembles_of_ensembles_are_fitted_and_reported(ensembles: Workspace):
    made = run(ensembles, "greedy", "stacked", "calibrated")
    metrics = {name: made.artifacts.run_of(name).metrics() for name in made.artifacts.recipes}
    for name in ("greedy", "stacked", "calibrated", "blend"):
        found = report(made, name)
        assert found["honest"] == pytest.approx(metrics[name]["out_of_fold"]["score"], rel=1e-4)
        assert found["left_out"] == {}
        best = min(found["members"], key=lambda member: member["score"])
        assert found["best"] == best["name"]
        assert best["score"] == pytest.approx(metrics[best["name"]]["out_of_fold"]["score"])
        assert found["gain"]["gain"] == pytest.approx(found["best_honest"] - found["honest"], abs=1e-4)
    assert report(made, "blend")["in_sample"] == pytest.approx(report(made, "blend")["honest"])
    assert report(made, "calibrated")["fitted"]["temperature"] > 0
    assert sum(report(made, "greedy")["fitted"]["weights"]) == pytest.approx(1)


def test_a_lost_report_is_made_again_and_nothing_else(ensembles: Workspace):
    file = run(ensembles, "stacked").artifacts.run_of("stacked").folder / "blend.json"
    content = file.read_bytes()
    file.unlink()
    assert set(run(ensembles, "stacked").took) == {"stacked"} and file.read_bytes() == content


def test_out_of_fold_rows_are_predicted_by_what_was_fitted_to_the_other_folds(ensembles: Workspace):
    made = run(ensembles, "stacked")
    members = join({name: made.artifacts.predictions(name)["out_of_fold"] for name in ("coarse", "fine")})
    label = dict(zip(made.artifacts.dataset.ids, made.artifacts.dataset.labels.tolist(), strict=True))
    labels = np.array([label[name] for name in members.ids])
    found, recipe = made.artifacts.predictions("stacked"), made.artifacts.recipes["stacked"]
    for train, validation in made.artifacts.folds:
        ids = [tuple(made.artifacts.folds.ids[row] for row in rows) for rows in (train, validation)]
        fit, ask = ([members.ids.index(name) for name in part] for part in ids)
        combiner = recipe.fit(members.at(np.array(fit)), labels[fit], METRICS["log_loss"])
        assert np.allclose(
            found["out_of_fold"].of(ids[1]), combiner(members.at(np.array(ask)).probabilities), atol=1e-6
        )
    held = join({name: made.artifacts.predictions(name)["holdout"] for name in ("coarse", "fine")})
    wanted = recipe.fit(members, labels, METRICS["log_loss"])(held.probabilities)
    assert np.allclose(found["holdout"].of(held.ids), wanted, atol=1e-6)


def test_a_blend_of_recipes_on_a_single_fold_is_cross_fitted_too(ensembles: Workspace):
    made = run(ensembles, "greedy", assignments=("folds=1",))
    assert report(made, "greedy")["rows"] == len(next(iter(made.artifacts.folds))[1])


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, int]]:
    """Sizes of images at which fitting fails."""
    sizes = {(7, 7)}
    whole_fit = LogisticRegression.fit

    def fit(recipe, fold):
        if recipe.size in sizes:
            raise MemoryError("no room for it")
        return whole_fit(recipe, fold)

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    return sizes


def test_a_member_that_failed_is_named_and_left_out_and_tried_again(ensembles: Workspace, broken, capsys):
    made = run(ensembles, "greedy")
    assert "failing: failed, and is left out. MemoryError: no room for it" in capsys.readouterr().err
    partial = report(made, "greedy")
    assert partial["left_out"] == {"failing": "MemoryError: no room for it"}
    assert [member["name"] for member in partial["members"]] == ["coarse", "fine"]
    assert "in fit" in (made.artifacts.run_of("failing").folder / "failed.txt").read_text()

    broken.clear()
    again = run(ensembles, "greedy")
    assert set(again.took) == {"failing", "greedy"}
    assert [member["name"] for member in report(again, "greedy")["members"]] == ["coarse", "failing", "fine"]
    assert again.artifacts.run_of("greedy").folder != made.artifacts.run_of("greedy").folder


def test_a_failure_is_told_at_once_where_too_few_members_remain(ensembles: Workspace, broken):
    with pytest.raises(MemoryError, match="no room"):
        run(ensembles, "greedy", assignments=("greedy.enough=3",))
    broken |= {(6, 6)}
    with pytest.raises(MemoryError, match="no room"):
        run(ensembles, "greedy", assignments=("coarse.c=0.5",))


def test_what_is_wanted_for_itself_must_not_fail(ensembles: Workspace, broken):
    with pytest.raises(MemoryError, match="no room"):
        run(ensembles, "failing")


def test_a_full_disk_is_no_members_failure(ensembles: Workspace, monkeypatch: pytest.MonkeyPatch):
    def fit(recipe, fold):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    with pytest.raises(OSError, match="No space"):
        run(ensembles, "greedy", assignments=("greedy.enough=1",))
