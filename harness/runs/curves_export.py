"""Finished runs for tools that keep curves and scores: TensorBoard's event files, MLflow's tracking store."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.runs.records import Record
from harness.utils.errors import UserError
from harness.utils.files import read_json, require_empty

# A setting's value in MLflow has at most so many characters.
LONGEST = 500


def curves(record: Record) -> Iterator[tuple[str, int, float]]:
    """What was measured in each epoch of each fold: name, epoch, value."""
    for number, folder in enumerate(record.fold_folders, 1):
        history = read_json(folder / "history.json") or {}
        for name, values in history.items():
            for epoch, value in enumerate(values, 1):
                yield f"fold {number}/{name}", epoch, float(value)


def scores(record: Record) -> Iterator[tuple[str, float]]:
    """The scores with their intervals, and the time: name, value."""
    for split, found in record.scores.items():
        for part in ("score", "low", "high", "top1", "top5"):
            if part in found:
                yield f"{split}/{found['metric'] if part == 'score' else part}", float(found[part])
    yield "seconds", float(record.about["seconds"])


def to_tensorboard(records: list[Record], folder: Path) -> None:
    """Write each run as event files: ``tensorboard --logdir FOLDER`` shows them side by side.

    Args:
        records: the runs.
        folder: a new or an empty one; a folder for each run is made in it.

    Raises:
        UserError: the folder is not empty.
    """
    import tensorflow as tf

    require_empty(folder)
    for record in records:
        writer = tf.summary.create_file_writer(str(folder / record.stem))
        with writer.as_default():
            for name, epoch, value in curves(record):
                tf.summary.scalar(name, value, step=epoch)
            for name, value in scores(record):
                tf.summary.scalar(name, value, step=0)
            tf.summary.text("settings", f"```json\n{json.dumps(record.settings, indent=2)}\n```", step=0)
        writer.close()


def to_mlflow(records: list[Record], folder: Path, experiment: str) -> None:
    """Log each run to an MLflow store in a folder, which ``shown_by_mlflow`` shows.

    Args:
        records: the runs.
        folder: where the store is made.
        experiment: the name under which the runs are shown.

    Raises:
        UserError: MLflow is not installed, or the folder is not empty.
    """
    try:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise UserError("MLflow is not installed, the extra 'mlflow'.", "make mlflow") from None
    require_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    client = MlflowClient(_store(folder))
    number = client.create_experiment(experiment, artifact_location=(folder.resolve() / "artifacts").as_uri())
    for record in records:
        run = client.create_run(number, run_name=record.stem).info.run_id
        measured = [(name.replace(" ", "_"), value, epoch) for name, epoch, value in curves(record)]
        measured += [(name.replace("@", "_"), value, 0) for name, value in scores(record)]
        client.log_batch(
            run,
            metrics=[Metric(name, value, 0, step) for name, value, step in measured][:1000],
            params=[Param(name, _short(value)) for name, value in record.settings.items()][:100],
            tags=[RunTag("key", record.key), RunTag("finished", record.finished)],
        )
        for start in range(1000, len(measured), 1000):  # MLflow takes so many at once
            part = measured[start : start + 1000]
            client.log_batch(run, [Metric(name, value, 0, step) for name, value, step in part])
        client.set_terminated(run)


def shown_by_mlflow(folder: Path) -> str:
    """The command that shows what ``to_mlflow`` wrote."""
    return f"mlflow ui --backend-store-uri {shlex.quote(_store(folder))}"


def _store(folder: Path) -> str:
    return f"sqlite:///{folder.resolve() / 'mlflow.db'}"


def _short(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:LONGEST]
