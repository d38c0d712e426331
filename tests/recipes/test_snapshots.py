"""Snapshots of one run, and soups of them: one training, never two."""

from __future__ import annotations

import dataclasses
import json

import cv2
import pytest

from harness.pipeline.graph import UP_TO_DATE, Pipeline
from harness.plugins.scaffold import create
from harness.recipes import Network, Soup, snapshots
from harness.recipes.seeds import lookup
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError
from harness.utils.files import read_json
from harness.utils.workspace import Workspace
from tests.conftest import declared, draw, pipeline

NET = Network(
    network="minivggnet", size=(16, 16), epochs=6, learning_rate=0.01, schedule="cycles", cycles=3, monitor="last"
)
DECLARED = '''
from harness.recipes import Blend, Network, Soup, recipe, snapshots


@recipe
def net():
    """On 16x16 pixels."""
    return Network(
        network="minivggnet",
        folds=1,
        size=(16, 16),
        epochs=3,
        batch_size=8,
        learning_rate=0.01,
        schedule="cycles",
        cycles=3,
        checkpoint=100,
        monitor="last",
    )


@recipe
def blend():
    """Two of its snapshots."""
    return Blend(of=snapshots("net", 3)[:2])


@recipe
def soup():
    """All of them in one."""
    return Soup(of=snapshots("net", 3))


default = blend
'''


def test_snapshots_are_the_run_and_the_ends_of_its_cycles_before_the_last():
    assert snapshots("net", 3) == ("net", "net#2", "net#3")
    found = [lookup({"net": NET}, name) for name in snapshots("net", 3)]
    assert [(one.epochs, one.cycles, one.cycle) for one in found] == [(6, 3, 2), (4, 2, 2), (2, 1, 2)]
    assert lookup({"net": NET}, "net@2#3") == dataclasses.replace(found[2], seed=NET.seed + 1000)
    for recipe in found:
        recipe.check(declared())
    assert NET.smoke().epochs == 3 and NET.smoke().cycle == 1


@pytest.mark.parametrize("name", ["net#1", "net#4", "net#", "net#two", "net#2#2", "net#2@2", "#2", "steady#2"])
def test_a_snapshot_that_is_not_there_is_nothing(name):
    assert lookup({"net": NET, "steady": dataclasses.replace(NET, schedule="cosine")}, name) is None


@pytest.mark.parametrize(("setting", "value"), [("cycles", 4), ("cycles", 0), ("monitor", "loss"), ("lookahead", True)])
def test_cycles_that_do_not_end_are_refused(setting, value):
    with pytest.raises(UserError, match=rf"{setting} must be .*Received: {setting}={value!r}"):
        dataclasses.replace(NET, **{setting: value}).check(declared())


@pytest.mark.parametrize("of", [("net", "net@2"), ("net#2", "other#2"), ("net",), ("net", "net")])
def test_weights_that_have_nothing_to_do_with_each_other_are_not_averaged(of):
    Soup(of=("net", "net#2")).check(declared())
    with pytest.raises(UserError, match="of must be") as refused:
        Soup(of=of).check(declared())
    assert repr(of) in refused.value.what


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Workspace:
    """A workspace in which nothing is made yet, for the tests below to make it once."""
    root = tmp_path_factory.mktemp("snapshots")
    for label, name in enumerate(("ants", "bees", "wasps")):
        for number in range(12):
            file = root / "photos" / name / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(file), draw(label, number))
    workspace = Workspace(root / "workspace")
    workspace.competitions.mkdir(parents=True)
    create(workspace, "insects", root / "photos")
    (workspace.competition("insects") / "recipes.py").write_text(DECLARED)
    return workspace


@pytest.fixture(scope="module")
def made(everything: Workspace) -> tuple[Pipeline, list[str]]:
    """The pipeline that made all, and the titles of what was trained."""
    import keras

    trained, really = [], keras.Model.fit

    def fit(self, feed, **settings):
        trained.append(settings["callbacks"].callbacks[0].title)
        return really(self, feed, **settings)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keras.Model, "fit", fit)
        found = pipeline(everything)
        found.perform(found.artifacts.choose(["blend", "soup"]))
    return found, trained


def log_loss(made: Pipeline, name: str) -> float:
    found = made.artifacts.predictions(name)["out_of_fold"]
    return METRICS["log_loss"].score(made.artifacts.dataset.labels_of(found.ids), found.probabilities)


@pytest.mark.slow
@pytest.mark.model
def test_all_snapshots_come_from_one_training(made):
    found, trained = made
    assert trained == ["net, fold 1 of 1"]
    assert [*found.took][-5:] == ["net", "net#2", "blend", "net#3", "soup"]
    checkpoints = {file.name for file in (found.artifacts.run_of("net").folder / "fold-1" / "checkpoints").iterdir()}
    assert checkpoints == {"epoch-0001.npz", "epoch-0002.npz", "epoch-0003.npz"}, "one a cycle, whatever checkpoint="
    again = pipeline(found.workspace)
    steps = again.steps(again.artifacts.choose(["blend", "soup"]))
    assert {step.state() for step in steps} == {UP_TO_DATE}
    assert {step.name: step.needs for step in steps}["net#2"] == ("net",)


@pytest.mark.slow
@pytest.mark.model
def test_a_snapshot_is_the_run_at_that_epoch(made):
    found, _ = made
    whole = read_json(found.artifacts.run_of("net").folder / "fold-1" / "history.json")
    for name, epoch in (("net#3", 1), ("net#2", 2), ("net", 3)):
        record = json.loads((found.artifacts.run_of(name).folder / "run.json").read_text())
        told = record["training"][0]
        assert told["epochs"] == told["weights_of_epoch"] == epoch
        assert told["validation"]["log_loss"] == whole["val_log_loss"][epoch - 1]
        loss = log_loss(found, name)
        assert loss == pytest.approx(whole["val_log_loss"][epoch - 1], abs=1e-5)
        parent = record["parent"] and (record["parent"]["run"], record["parent"]["epoch"])
        assert parent == (None if name == "net" else (found.artifacts.run_of("net").key, epoch))


@pytest.mark.slow
@pytest.mark.model
def test_a_soup_tells_what_it_tried_and_is_no_worse_than_its_best_member_where_it_chose(made):
    found, _ = made
    told = json.loads((found.artifacts.run_of("soup").folder / "fold-1" / "soup.json").read_text())
    assert set(told["members"]) == {"net", "net#2", "net#3"} and len(told["tried"]) == 2
    assert told["log_loss_in_sample"] <= min(told["members"].values())
    for name, loss in told["members"].items():
        assert loss == pytest.approx(log_loss(found, name), abs=1e-5)
    honest = log_loss(found, "soup")
    assert honest == pytest.approx(told["log_loss_cross_fitted"], abs=1e-5)


def test_a_run_that_failed_is_not_left_out_where_its_snapshots_are_wanted(everything: Workspace, monkeypatch):
    def fit(recipe, fold):
        raise MemoryError("no room for it")

    monkeypatch.setattr(Network, "fit", fit)
    failing = pipeline(everything, "seed=1", "blend.of='net','net#2','net#3'")
    with pytest.raises(MemoryError, match="no room"):
        failing.perform(failing.artifacts.choose(["blend"]))


def test_a_snapshot_that_a_setting_takes_away_is_refused_by_name(everything: Workspace):
    with pytest.raises(UserError, match="no snapshot net#2: the learning rate of net does not"):
        pipeline(everything, "net.cycles=1").artifacts.choose(["soup"])
    with pytest.raises(UserError, match="no snapshot net#2: the learning rate of net does not"):
        pipeline(everything, "net.schedule=constant").artifacts.choose(["soup"])
    with pytest.raises(UserError, match=r"no recipe 'nett#2'\. Did you mean"):
        pipeline(everything).artifacts.choose(["nett#2"])
