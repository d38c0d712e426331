"""What finished runs predict for test images that were added after them, without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.splits import TEST
from harness.pipeline.artifacts import Artifacts
from harness.runs import records
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.utils import fingerprint as fp
from harness.utils.errors import UserError
from harness.utils.files import shown_path


def file(artifacts: Artifacts, name: str) -> Path:
    """Where the predictions of a recipe's run for added images are kept."""
    return artifacts.run_of(name).folder / "added.h5"


def kept(artifacts: Artifacts, name: str) -> Predictions | None:
    """The predictions that are kept, of the images that are there now; None where there are none."""
    found = tables.read(file(artifacts, name), _key(artifacts, name))
    return found[TEST] if found else None


def predict(artifacts: Artifacts, name: str) -> None:
    """Predict the added images by a recipe's finished run, and keep that beside the run.

    Raises:
        UserError: the run keeps no model, its recipe cannot predict, or more images are unreadable than allowed.
    """
    from harness.runs.predict import Predictor

    run, images = artifacts.run_of(name), artifacts.dataset.added
    record = records.read(run.folder, smoke=True)
    assert record is not None and images is not None, f"{name} was to be finished, and images added"
    caches = artifacts.workspace.cache(artifacts.competition.name)
    try:
        found = Predictor(images, artifacts.kinds(), caches, artifacts.competition.unreadable).predict(record)
    except UserError as error:
        table = artifacts.workspace.data(artifacts.competition.name) / "dataset.json"
        again = f"to make all anew with these images: rm {shown_path(table)}"
        raise UserError(error.what, f"{error.fix}; or, {again}" if error.fix else again) from None
    tables.write(file(artifacts, name), _key(artifacts, name), {TEST: found})


def joined(predictions: dict[str, Predictions], more: Predictions) -> dict[str, Predictions]:
    """A run's predictions by split, those of the test with those of the added images."""
    test = predictions.get(TEST)
    if test is None:
        return predictions | {TEST: more}
    both = np.concatenate([test.probabilities, more.probabilities])
    return predictions | {TEST: Predictions(test.ids + more.ids, test.classes, both)}


def _key(artifacts: Artifacts, name: str) -> str:
    images = artifacts.dataset.added
    return fp.fingerprint(run=artifacts.run_of(name).key, added=images.fingerprint if images else None)
