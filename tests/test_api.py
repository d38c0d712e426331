"""The public API, as a notebook uses it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import harness
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT


@pytest.fixture
def competition(insects: Workspace) -> harness.LoadedCompetition:
    return harness.load("insects", workspace=insects.root)


def test_the_images_are_a_table(competition):
    images = competition.images
    assert [*images.columns] == ["id", "label", "split", "group", "path"]
    assert images["id"].is_unique and set(images["label"]) == {"ants", "bees", "wasps"}
    assert set(images["split"]) == {"train", "holdout"} and len(images) == 36
    assert all(row.path.startswith(f"{row.label}/") for row in images.itertuples())


def test_a_recipe_is_trained_scored_and_submitted(competition):
    run = competition.train("coarse")
    assert [*run.scores.index] == ["out_of_fold", "holdout"]
    assert {"metric", "score", "low", "high", "rows", "top1", "top5"} <= {*run.scores.columns}
    frame = run.predictions["holdout"].to_frame()
    assert [*frame.columns] == ["ants", "bees", "wasps"] and frame.index.name == "id"
    assert frame.sum(axis=1).between(0.999, 1.001).all()
    assert run.submission.is_file() and run.submission == run.submissions["holdout"]
    score = competition.score(run.submission)
    assert float(score) == pytest.approx(run.scores.loc["holdout", "score"])
    assert str(score).startswith("score: accuracy ")


def test_settings_are_those_of_set_and_belong_to_the_run_alone(competition):
    plain, changed = competition.train("fine"), competition.train("fine", c=1.0, iterations=5)
    assert plain.key != changed.key
    assert competition.train("fine").key == plain.key
    with pytest.raises(UserError, match="no such setting"):
        competition.train("fine", penalty=1)


def test_runs_are_listed_the_latest_last(competition, insects):
    competition.train()
    competition.train("coarse", c=1.0)
    table = harness.runs("insects", workspace=insects.root)
    assert [*table["recipe"]] == ["coarse", "fine", "blend", "coarse"]
    assert table["settings"].iloc[-1]["c"] == 1.0 and table["run"].is_unique
    assert table["holdout"].between(0, 1).all()


def test_a_score_of_a_file_by_name_alone(competition, insects, monkeypatch):
    file = competition.train("coarse").submission
    monkeypatch.chdir(insects.root)
    assert repr(harness.score("insects", file)).startswith("Score(accuracy ")
    with pytest.raises(UserError, match="there is no competition 'inscts'"):
        harness.load("inscts")
    with pytest.raises(UserError, match=r"there is no sort 'holdot'\. Did you mean holdout"):
        competition.compare("holdot")


def test_wrong_names_of_splits_and_ids_are_told_with_those_that_there_are(competition):
    run = competition.train("coarse")
    gains = competition.diff("coarse", "coarse").gains
    for things in (run.predictions, run.submissions, gains):
        with pytest.raises(UserError, match=r"there is no split 'hold-out'\. Known: .*holdout"):
            things["hold-out"]
        assert things["holdout"] is things.get("holdout") and things.get("hold-out") is None
    kept = dataclasses.asdict(competition.diff("coarse", "coarse"))["gains"]
    assert kept.keys() == gains.keys() and kept["holdout"]["gain"] == gains["holdout"].gain
    held = run.predictions["holdout"]
    assert np.array_equal(held.of([*held.ids[::-1]]), held.probabilities[::-1])
    assert np.array_equal(held.of(held.to_frame().index[:2]), held.probabilities[:2])
    with pytest.raises(UserError, match=rf"no predictions of 1 of 2 ids \('ant'\)\. Known: '{held.ids[0]}', .* 4 more"):
        held.of((held.ids[0], "ant"))


def test_what_is_no_name_and_no_path_is_refused_in_words(competition, insects):
    frame = competition.train("coarse").predictions["holdout"].to_frame()
    for wrong, told in (
        (lambda: harness.load(None, workspace=insects.root), "the name of a competition is wanted. Received: None"),
        (
            lambda: competition.train(["coarse", "fine"]),
            "the name of a recipe is wanted. Received: \\['coarse', 'fine'\\]",
        ),
        (lambda: competition.report(5), "the name of a run is wanted. Received: 5"),
        (lambda: competition.predict("coarse", ["a.png"]), "a path is wanted. Received: \\['a.png'\\]"),
        (lambda: competition.score(frame), "a path is wanted. Received: "),
    ):
        with pytest.raises(UserError, match=told):
            wrong()


def test_the_api_is_what_is_public_and_loads_nothing_before_it_is_used():
    assert set(harness.__all__) == {"FinishedRun", "LoadedCompetition", "load", "runs", "score"}
    line = "import sys, harness; print([n for n in ('numpy', 'pandas', 'keras') if n in sys.modules], harness.runs)"
    text = subprocess.check_output([sys.executable, "-c", line], text=True, cwd=CHECKOUT)
    assert text.startswith("[] <function runs")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = harness.nothing


@pytest.mark.parametrize("value", [np.float64(0.5), np.array([0.5])[0], np.array(0.5)])
def test_numbers_of_numpy_are_settings_too(competition, value):
    assert competition.train("fine", c=value).key == competition.train("fine", c=0.5).key
    size = competition.train("fine", size=(np.int64(4), 4)).key
    assert size == competition.train("fine", size=(4, 4)).key == competition.train("fine", size=np.array([4, 4])).key
