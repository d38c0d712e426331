"""Curves and scores for TensorBoard and MLflow."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from harness.runs.curves_export import curves, scores, to_mlflow, to_tensorboard
from harness.runs.records import Record
from harness.utils.errors import UserError
from harness.utils.files import write_json


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A finished run of two folds of which one has curves."""
    folder = tmp_path / "net" / "0123456789abcdef"
    write_json(folder / "fold-1" / "history.json", {"loss": [0.5, 0.25], "val_accuracy": [0.6, 0.75]})
    about = {"settings": {"kind": "Network", "size": [8, 8]}, "seconds_by_fold": [1.0, 2.0], "seconds": 3.0}
    found = {"metric": "log_loss", "score": 0.31, "low": 0.3, "high": 0.32, "top1": 0.9, "top5": 1.0, "rows": 100}
    return Record(folder, about | {"finished": "2026-01-01"}, {"holdout": found})


def test_what_is_told_of_a_run(record: Record):
    assert [*curves(record)] == [
        ("fold 1/loss", 1, 0.5),
        ("fold 1/loss", 2, 0.25),
        ("fold 1/val_accuracy", 1, 0.6),
        ("fold 1/val_accuracy", 2, 0.75),
    ]
    assert dict(scores(record)) == {
        "holdout/log_loss": 0.31,
        "holdout/low": 0.3,
        "holdout/high": 0.32,
        "holdout/top1": 0.9,
        "holdout/top5": 1.0,
        "seconds": 3.0,
    }


def test_tensorboard_reads_the_curves_and_scores(record: Record, tmp_path: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    to_tensorboard([record], tmp_path / "board")
    read = EventAccumulator(str(tmp_path / "board" / "net-01234567"))
    read.Reload()
    tensors = {tag: [(one.step, make_ndarray(one.tensor_proto).item()) for one in read.Tensors(tag)]
               for tag in read.Tags()["tensors"] if tag != "settings"}  # fmt: skip
    assert tensors["fold 1/loss"] == [(1, 0.5), (2, 0.25)]
    assert math.isclose(tensors["holdout/log_loss"][0][1], 0.31, abs_tol=1e-6)
    with pytest.raises(UserError, match="not empty"):
        to_tensorboard([record], tmp_path / "board")


def test_mlflow_reads_the_curves_and_scores(record: Record, tmp_path: Path):
    tracking = pytest.importorskip("mlflow.tracking", reason="MLflow is not installed: make mlflow")
    to_mlflow([record], tmp_path / "store", "Insects")
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'store' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("Insects").experiment_id])
    assert run.data.metrics["holdout/log_loss"] == 0.31 and run.data.params["size"] == "[8, 8]"
    history = client.get_metric_history(run.info.run_id, "fold_1/loss")
    assert [(one.step, one.value) for one in history] == [(1, 0.5), (2, 0.25)]


def test_without_mlflow_its_extra_is_named(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "mlflow.tracking", None)
    monkeypatch.setitem(__import__("sys").modules, "mlflow.entities", None)
    with pytest.raises(UserError, match="not installed") as error:
        to_mlflow([record], tmp_path / "store", "Insects")
    assert error.value.fix == "make mlflow"


def test_the_command_names_what_to_type_next(insects, harness, tmp_path: Path):
    none = harness("export", "tensorboard", "insects", "--to", tmp_path / "board")
    assert none.code == 2 and "no finished runs" in none.err
    assert harness("train", "insects", "coarse").code == 0
    told = harness("export", "tensorboard", "insects", "--to", tmp_path / "board")
    assert told.code == 0 and f"next: tensorboard --logdir {tmp_path / 'board'}" in told.out
    assert [*(tmp_path / "board").glob("coarse-*/events*")]
