"""Every recipe of every competition really runs with ``--smoke``, from pictures in folders to a CSV."""

from __future__ import annotations

import dataclasses

import pytest

from harness.data.folds import HoldOut, KFold
from harness.data.readers import ClassFolders
from harness.models.backbones import BACKBONES
from harness.models.backbones.packaged import EfficientNetLite
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.recipes.recipe import Recipe
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT

pytestmark = [pytest.mark.model, pytest.mark.slow]


def downloads(recipe: Recipe) -> bool:
    """Whether it needs weights that no package brings."""
    one_or_more = getattr(recipe, "backbone", ())
    backbones = (one_or_more,) if isinstance(one_or_more, str) else one_or_more
    return not all(isinstance(BACKBONES[backbone], EfficientNetLite) for backbone in backbones)


@pytest.mark.parametrize("name", loading.names(Workspace(CHECKOUT)))
def test_all_recipes_of_a_competition_run_shrunken(workspace: Workspace, class_folders, name: str):
    declared = loading.load(Workspace(CHECKOUT), name)
    competition = dataclasses.replace(declared, readers=(ClassFolders(),), folds=KFold(2), holdout=HoldOut(0.2))
    classes = ("cat", "dog", "owl")[: 2 if competition.submission.positive else 3]
    photos = class_folders(classes, each=24)
    pipeline = Pipeline(workspace, competition, Options(data=photos, smoke=True))
    able = [one for one, recipe in pipeline.artifacts.recipes.items() if not downloads(recipe)]
    pipeline.perform(pipeline.artifacts.choose(able))
    assert pipeline.artifacts.failed == {}
    for one in able:
        assert pipeline.artifacts.run_of(one).is_done()
        pipeline.make_submission(one)
        (file,) = pipeline.artifacts.submission_files(one).values()
        held_out = pipeline.artifacts.predictions(one)["holdout"]
        lines = file.read_text().splitlines()
        assert len(lines) - competition.submission.header == len(held_out.ids), one
