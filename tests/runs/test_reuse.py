"""A network that is only asked in another way is not trained again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.data.fold import Fold
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.recipes.network import Network
from harness.runs import reuse
from harness.utils.workspace import Workspace
from tests.conftest import stamps
from tests.training.folds import TINY, drawn_fold

DECLARED = f'''
from harness.recipes import Network, recipe


@recipe
def net():
    """On 16x16 pixels."""
    return Network(**{TINY}, folds=1, size=(16, 16), pad=2, epochs=2, batch_size=8, learning_rate=0.01)


default = net
'''


def pipeline(workspace: Workspace, *assignments: str) -> Pipeline:
    made = Pipeline(workspace, loading.load(workspace, "insects"), Options(assignments=[*assignments]))
    made.artifacts.choose([])
    return made


def run(workspace: Workspace, *assignments: str) -> Pipeline:
    made = pipeline(workspace, *assignments)
    made.perform(made.artifacts.choose([]))
    return made


@pytest.fixture
def net(insects: Workspace) -> Workspace:
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    return insects


@pytest.mark.slow
def test_other_views_take_the_weights_and_predict_what_training_afresh_would(net, monkeypatch, capsys):
    import keras

    plain = run(net).artifacts.run_of("net")
    before = stamps(plain.folder)
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("nothing is left to train"))
        taken = run(net, "tta=crops").artifacts.run_of("net")
    assert f"net, fold 1 of 1: weights taken from run {plain.key}." in capsys.readouterr().err
    assert taken.key != plain.key and taken.about()["training_key"] == plain.about()["training_key"]
    theirs, ours = (one.folder / "fold-1" for one in (plain, taken))
    assert (ours / "history.json").read_bytes() == (theirs / "history.json").read_bytes()
    for name in ("history.json", "curves.png", "training.json"):
        assert (ours / name).is_file()
    checkpoints = sorted((ours / "checkpoints").iterdir())
    assert checkpoints and all(file.samefile(theirs / "checkpoints" / file.name) for file in checkpoints)
    assert stamps(plain.folder) == before

    both = run(net, "folds=2").artifacts.run_of("net")
    assert f"net, fold 1 of 2: weights taken from run {taken.key}." in (told := capsys.readouterr().err)
    assert "fold 2 of 2: weights taken" not in told and (both.folder / "fold-2" / "checkpoints").is_dir()

    report = taken.folder / "views.json"
    content = report.read_bytes()
    report.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "fit", lambda *_, **__: pytest.fail("a lost report is no reason to train"))
        assert "net" in run(net, "tta=crops").took and report.read_bytes() == content

    found = taken.predictions()["holdout"].probabilities
    shutil.rmtree(net.runs("insects"))
    capsys.readouterr()
    afresh = run(net, "tta=crops").artifacts.run_of("net")
    assert "weights taken" not in capsys.readouterr().err
    assert afresh.key == taken.key and (afresh.predictions()["holdout"].probabilities == found).all()


@pytest.mark.parametrize(
    "change", ["learning_rate=0.02", "epochs=3", "max_samples=20", "seed=1", "size=20,20", "monitor=last"]
)
def test_what_training_depends_on_is_in_its_key(net, change):
    plain, changed, asked = (
        pipeline(net, *more).artifacts.run_of("net")
        for more in ((), (change,), ("tta=crops", "average=logits", "folds=2"))
    )
    assert changed.training_key != plain.training_key == asked.training_key
    assert len({plain.key, changed.key, asked.key}) == 3


RECIPE = Network(**TINY, size=(16, 16), epochs=2, learning_rate=0.01)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Fold:
    fold = drawn_fold(tmp_path_factory.mktemp("trained"))
    RECIPE.fit(fold)
    return fold


def removed(folder: Path) -> None:
    shutil.rmtree(folder)


def without_the_best(folder: Path) -> None:
    (best,) = (folder / "checkpoints").glob("best-*.npz")
    best.unlink()


def without_the_last(folder: Path) -> None:
    (folder / "checkpoints" / "epoch-0002.npz").unlink()


def flipped(folder: Path) -> None:
    for file in folder.glob("checkpoints/*.npz"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)


@pytest.mark.parametrize("damage", [removed, without_the_best, without_the_last, flipped])
def test_what_is_not_wholly_there_is_not_taken(trained: Fold, tmp_path: Path, damage):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    shutil.copytree(trained.folder, theirs)
    damage(theirs)
    assert not reuse.link_training(theirs, ours, RECIPE) and not (ours / "checkpoints").exists()


def test_without_links_it_is_copied_and_over_what_a_stopped_one_left(trained: Fold, tmp_path: Path, monkeypatch):
    assert reuse.link_training(trained.folder, tmp_path, RECIPE)
    (tmp_path / "checkpoints").rename(tmp_path / ".checkpoints.0123abcd.tmp")
    before = (trained.folder / "history.json").read_bytes()

    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(reuse.os, "link", refuse)
    assert reuse.link_training(trained.folder, tmp_path, RECIPE)
    assert not (tmp_path / "history.json").samefile(trained.folder / "history.json")
    assert (tmp_path / "history.json").read_bytes() == before == (trained.folder / "history.json").read_bytes()
    assert not (tmp_path / ".checkpoints.0123abcd.tmp").exists()
