"""Averaged weights on one fold: those of equal members are theirs, and batch norms are measured anew."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.data.fold import Fold
from harness.recipes.network import Network
from harness.utils.errors import UserError
from tests.training.folds import TINY, drawn_fold

pytestmark = pytest.mark.model

RECIPE = Network(**TINY, size=(16, 16), epochs=2, batch_size=16, learning_rate=0.01, monitor="last", ema=0.5)
GROUPS = np.arange(140)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Fold, np.ndarray]:
    fold = drawn_fold(tmp_path_factory.mktemp("trained"))
    return fold, RECIPE.fit(fold)


def test_a_soup_of_equal_members_is_the_member(trained, tmp_path: Path, monkeypatch):
    from harness.training import soup

    fold, expected = trained
    shutil.copytree(fold.folder, tmp_path / "copy")
    monkeypatch.setattr(soup, "measure_norms", lambda *_: None)
    members = {"one": fold.folder, "other": tmp_path / "copy"}
    fold = dataclasses.replace(fold, folder=tmp_path / "soup")
    found = soup.fit(RECIPE, fold, members, GROUPS)
    assert np.allclose(found, expected, atol=1e-6)
    assert json.loads((tmp_path / "soup" / "soup.json").read_text())["taken"] == ["one", "other"]


def test_a_member_without_a_checkpoint_is_named(trained, tmp_path: Path):
    from harness.training.soup import fit

    fold, _ = trained
    with pytest.raises(UserError, match="gone"):
        members = {"a": fold.folder, "b": tmp_path / "gone"}
        fit(RECIPE, dataclasses.replace(fold, folder=tmp_path), members, GROUPS)
