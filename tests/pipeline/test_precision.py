"""mixed_precision="auto": decided once, before training, by the machine or by a run that is there; told to jobs."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cluster import environment
from harness.cluster.jobs import Job
from harness.pipeline import job
from harness.pipeline.elsewhere import Elsewhere
from harness.pipeline.graph import MISSING, UP_TO_DATE
from harness.recipes import Network
from harness.runs import precision
from harness.runs.precision import Answer
from harness.training import bfloat16
from harness.training.bfloat16 import Timing
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import pipeline

RECIPES = """
from harness.recipes import Network, recipe, snapshots, Blend

CYCLES = {"schedule": "cycles", "cycles": 2, "monitor": "last"}


@recipe
def net():
    return Network(network="airbench", size=(16, 16), epochs=2, learning_rate=0.1, mixed_precision="auto")


@recipe
def cycled():
    return Network(network="airbench", size=(16, 16), epochs=2, learning_rate=0.1, mixed_precision="auto", **CYCLES)


@recipe
def both():
    return Blend(of=snapshots("cycled", 2))


default = net
"""
FASTER, SLOWER = Timing(2.1, 1.0), Timing(1.0, 0.96)


class Machine:
    """A machine with or without instructions for bfloat16, and what measuring says on it."""

    def __init__(self) -> None:
        self.has_bfloat16, self.says, self.measured = True, FASTER, 0
        self.trained: list[bool] = []  # in mixed precision, or not

    def measure(self, *_: Any) -> Timing:
        self.measured += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def fit(self, recipe: Network, fold: Any) -> np.ndarray:
        assert isinstance(recipe.mixed_precision, bool)
        self.trained.append(recipe.mixed_precision)
        rows = len(fold.predicted())
        return np.full((rows, len(fold.classes)), 1 / len(fold.classes), np.float32)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    made = Machine()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(bfloat16, "is_available", lambda: made.has_bfloat16)
    monkeypatch.setattr(bfloat16, "measured", made.measure)
    monkeypatch.setattr(Network, "fit", lambda recipe, fold: made.fit(recipe, fold))
    return made


@pytest.fixture
def insects(insects: Workspace) -> Workspace:
    (insects.competition("insects") / "recipes.py").write_text(RECIPES)
    return insects


def run_of(workspace: Workspace, *assignments: str) -> Any:
    made = pipeline(workspace, *assignments)
    made.artifacts.choose(["net"])
    return made.artifacts.run_of("net")


def train(workspace: Workspace, *assignments: str, name: str = "net") -> Any:
    made = pipeline(workspace, *assignments)
    made.perform(made.artifacts.choose([name]))
    return made.artifacts.run_of(name)


def answer(workspace: Workspace, *assignments: str) -> Answer:
    """What is known without measuring."""
    made = pipeline(workspace, *assignments)
    return made.artifacts.precision("net", made.artifacts.choose(["net"])["net"])  # type: ignore[arg-type]


def test_where_it_pays_networks_train_in_it_and_a_line_says_so(insects: Workspace, machine: Machine, capsys):
    run = train(insects)
    assert machine.trained == [True, True] and run.recipe.mixed_precision is True
    assert run.about()["settings"]["mixed_precision"] is True
    assert "net: bfloat16 is 2.1 times as fast as float32 here: mixed precision is on." in capsys.readouterr().err
    assert run.key == run_of(insects, "mixed_precision=true").key  # never that of "auto"


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("asked", ["tta=centre", "average=logits"])
def test_weights_that_a_run_has_trained_are_used_in_the_precision_they_were_trained_in(
    insects: Workspace, machine: Machine, mixed: bool, asked: str, capsys
):
    trained = train(insects, f"mixed_precision={mixed}", "tta=hflip")
    machine.says = SLOWER if mixed else FASTER
    found = answer(insects, asked)
    assert found.mixed is mixed and found.is_settled
    assert "weights" in found.why and machine.measured == 0
    assert run_of(insects, asked).training_key == trained.training_key


def test_in_bfloat16_nothing_is_used_again_without_its_instructions(insects: Workspace, machine: Machine):
    train(insects, "mixed_precision=True", "tta=hflip")
    machine.has_bfloat16 = False
    assert answer(insects, "tta=centre").mixed is False


@pytest.mark.parametrize(("has_bfloat16", "measured"), [(False, 0), (True, 1)])
def test_elsewhere_the_key_is_that_of_float32(
    insects: Workspace, machine: Machine, has_bfloat16: bool, measured: int, capsys
):
    machine.has_bfloat16, machine.says = has_bfloat16, SLOWER
    run = train(insects)
    assert machine.trained == [False, False] and machine.measured == measured
    assert run.key == run_of(insects, "mixed_precision=False").key
    assert run.training_key == run_of(insects, "mixed_precision=false").training_key
    assert "mixed precision is off." in capsys.readouterr().err


def test_what_was_measured_is_kept_for_the_same_network_on_the_same_machine(
    insects: Workspace, machine: Machine, monkeypatch: pytest.MonkeyPatch
):
    train(insects)
    assert answer(insects, "learning_rate=0.2", "weight_decay=0.1", "seed=4", "folds=1").mixed is True
    for change in ("batch_size=8", "size=20,20", 'options={"depth": 1}', "whiten=True"):
        assert not answer(insects, change).is_settled
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        with monkeypatch.context() as changed:
            changed.setenv(variable, "7")
            assert not answer(insects, "epochs=3").is_settled
    monkeypatch.setattr(precision.processor, "cores", lambda: 99)
    assert not answer(insects, "epochs=3").is_settled
    train(insects, "epochs=3")
    assert machine.measured == 2 and all(machine.trained)


def test_a_damaged_answer_is_measured_again(insects: Workspace, machine: Machine):
    train(insects)
    (file,) = precision.state_folder().glob("bfloat16/*.json")
    for damage in ("", "{", '{"float32": 2.0, "bfloat16": 1.0}', "[]", file.read_text().replace("2.1", "0.1")):
        file.write_text(damage)
        assert not answer(insects, "epochs=3").is_settled
    machine.says = SLOWER
    train(insects, "epochs=3")
    assert machine.measured == 2 and machine.trained[2:] == [False, False]
    assert answer(insects, "epochs=3").is_settled


def test_where_nothing_can_be_kept_it_trains_all_the_same(insects: Workspace, machine: Machine, tmp_path: Path):
    (tmp_path / "state").write_text("a file, where a folder should be")
    assert train(insects).recipe.mixed_precision is True
    train(insects, "epochs=3")
    assert machine.measured == 2


def test_where_measuring_fails_it_trains_in_float32_and_measures_another_time(
    insects: Workspace, machine: Machine, capsys
):
    machine.says = TypeError("no bfloat16 kernel for Odd\nat line 3")
    train(insects)
    assert machine.trained == [False, False]
    told = "net: measuring bfloat16 failed (TypeError: no bfloat16 kernel for Odd): mixed precision is off."
    assert told in capsys.readouterr().err
    machine.says = FASTER
    train(insects, "epochs=3")
    assert machine.measured == 2 and machine.trained[2:] == [True, True]


def test_a_setting_that_cannot_be_is_told_once_by_training(insects: Workspace, machine: Machine, capsys):
    machine.says = UserError("replicas=2 needs Keras on JAX.", "--set replicas=1")
    train(insects)
    assert "measuring" not in capsys.readouterr().err and machine.trained == [False, False]


def test_looking_measures_nothing(insects: Workspace, machine: Machine):
    made = pipeline(insects)
    made.make_folds()
    chosen = made.artifacts.choose([*made.artifacts.recipes])
    states = {step.name: step.state() for step in made.steps(chosen, "net")}
    assert states["net"] == states["cycled#2"] == MISSING and machine.measured == 0
    assert made.artifacts.recipes["net"].smoke().mixed_precision is False


def test_a_smoke_run_measures_nothing_though_its_recipe_asks_for_it(insects: Workspace, machine: Machine, capsys):
    recipes = insects.competition("insects") / "recipes.py"
    asking = "class Asking(Network):\n    def smoke(self):\n        return self\n\n\n@recipe"
    recipes.write_text(RECIPES.replace("@recipe", asking, 1).replace("return Network(", "return Asking(", 1))
    made = pipeline(insects, smoke=True)
    made.perform(made.artifacts.choose(["net"]))
    assert machine.trained == [False, False] and machine.measured == 0
    assert "mixed precision" not in capsys.readouterr().err


# A run that is there.


@pytest.mark.parametrize(("first", "then"), itertools.permutations((FASTER, SLOWER)))
def test_a_finished_run_is_kept_where_the_machine_answers_otherwise_now(
    insects: Workspace, machine: Machine, first: Timing, then: Timing, capsys
):
    machine.says = first
    before = train(insects)
    for file in precision.state_folder().glob("bfloat16/*.json"):
        file.unlink()
    machine.says = then
    train(insects, "epochs=3")
    assert machine.measured == 2 and len(machine.trained) == 4
    capsys.readouterr()
    assert train(insects).key == before.key and len(machine.trained) == 4
    words, state = ("bfloat16", "on") if first.pays else ("float32", "off")
    told = capsys.readouterr().err
    assert f"net: the finished run in {words} is kept, though bfloat16 is {then.times:.1f} times as fast" in told
    assert f"mixed precision is {state}." in told


def test_a_finished_run_is_up_to_date_on_a_machine_without_it(insects: Workspace, machine: Machine):
    train(insects)
    machine.has_bfloat16 = False
    made = pipeline(insects)
    states = {step.name: step.state() for step in made.steps(made.artifacts.choose(["net"]))}
    assert states["net"] == UP_TO_DATE


def test_training_that_was_begun_goes_on_but_not_where_it_would_be_slow(insects: Workspace, machine: Machine, capsys):
    begun = {mixed: run_of(insects, f"mixed_precision={mixed}").folder for mixed in (True, False)}
    for mixed, says in ((True, SLOWER), (False, FASTER)):
        file = begun[mixed] / "fold-1" / "frozen-stage" / "checkpoints" / "epoch-1.npz"
        file.parent.mkdir(parents=True)
        file.touch()
        machine.says = says
        assert answer(insects).mixed is mixed and machine.measured == 0
        machine.has_bfloat16 = False
        assert answer(insects).mixed is False
        machine.has_bfloat16 = True
        file.unlink()
    file = begun[True] / "fold-1" / "predictions.h5"
    file.touch()
    machine.says = SLOWER
    train(insects)
    assert "net: the run that was begun in bfloat16 goes on: mixed precision is on." in capsys.readouterr().err


def test_a_snapshot_is_of_the_precision_of_its_training(insects: Workspace, machine: Machine, monkeypatch):
    made = pipeline(insects)
    made.make_folds()
    made.artifacts.choose(["both"])
    for mixed in (True, False):
        made.artifacts.precisions["cycled"] = mixed
        runs = [made.artifacts.run_of(name) for name in ("cycled", "cycled#2")]
        assert [run.recipe.mixed_precision for run in runs] == [mixed, mixed]
        assert runs[1].parent.run.key == runs[0].key


# Jobs.


class Asked:
    """In place of a cluster: what it is asked."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def begin(self, jobs: list[Job]) -> None:
        self.jobs += jobs

    def finish(self, jobs: list[Job]) -> None:
        for one in jobs:
            self.jobs.remove(one)


def test_a_job_is_told_the_drivers_answer_and_measures_nothing(insects: Workspace, machine: Machine):
    driver, cluster = pipeline(insects), Asked()
    driver.perform(driver.artifacts.choose(["net"]), only=("folds", "images"))
    chosen = driver.artifacts.choose(["net"])
    elsewhere = Elsewhere(driver.artifacts, cluster, chosen, driver.of_folds)  # type: ignore[arg-type]
    elsewhere.begin()
    assert cluster.jobs == []  # it is not decided yet
    driver.artifacts.precisions["net"] = True
    elsewhere.begin()
    assert [one.asked["key"] for one in cluster.jobs] == [driver.artifacts.run_of("net").key] * 2
    machine.has_bfloat16 = False
    for one in cluster.jobs:
        job.perform(insects, one.asked | {"environment": environment.of_driver()})
    assert machine.trained == [True, True] and machine.measured == 0
    driver.make_run("net")
    assert len(machine.trained) == 2 and driver.artifacts.run_of("net").is_done()


def test_a_search_is_of_one_precision(insects: Workspace, machine: Machine):
    from harness.tuning.subject import subject

    found = subject(pipeline(insects), "net", "learning_rate=[0.1,0.2]", 1)
    assert machine.measured == 1 and found.pipeline.artifacts.precisions == {"net": True}
    tried = found.with_point({"learning_rate": "0.2"})
    assert dataclasses.is_dataclass(tried) and found.pipeline.artifacts.run("net", tried).recipe.mixed_precision is True
