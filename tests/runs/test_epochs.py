"""What the best epoch of each fold flatters, from the folds' curves alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.splits import OUT_OF_FOLD
from harness.runs.epochs import kept_epochs
from harness.runs.variants import table
from harness.scoring import predictions as tables
from harness.scoring.predictions import Predictions
from harness.utils.files import write_json

VALUES = st.floats(0, 9, width=16)


def run(folder: Path, curves: list[list[float]], quantity: str = "val_log_loss", **about) -> dict:
    """The record of a run with these curves."""
    for number, curve in enumerate(curves, 1):
        write_json(folder / f"fold-{number}" / "history.json", {quantity: curve})
    monitor = "accuracy" if quantity == "val_accuracy" else "loss"
    return {"settings": {"monitor": monitor}, "seconds_by_fold": [1.0] * len(curves), **about}


@given(st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(VALUES, min_size=n, max_size=n), min_size=2, max_size=5)))
def test_an_epoch_chosen_on_other_folds_is_never_better(tmp_path_factory, curves):
    folder = tmp_path_factory.mktemp("run")
    found = kept_epochs(folder, run(folder, curves, "val_squared_error"))
    assert found.quantity == "squared error" and found.kept == pytest.approx(np.min(curves, axis=1).mean())
    chosen = []
    for number in range(len(curves)):
        others = [curve for other, curve in enumerate(curves) if other != number]
        means = [sum(column) / len(others) for column in zip(*others, strict=True)]
        chosen.append(curves[number][means.index(min(means))])
    assert found.elsewhere == pytest.approx(np.mean(chosen)) and found.elsewhere >= found.kept - 1e-12


def test_the_higher_accuracy_is_the_better_and_epochs_of_a_parent_never_count(tmp_path: Path):
    about = run(tmp_path, [[0.99, 0.7, 0.8], [0.98, 0.9, 0.5, 0.6]], "val_accuracy", parent={"epoch": 1})
    found = kept_epochs(tmp_path, about)
    assert found.epochs == (3, 2) and found.kept == pytest.approx(0.85)
    assert found.elsewhere == pytest.approx((0.7 + 0.5) / 2)
    assert str(found).startswith(
        "each fold kept the epoch that was best on the rows whose score is shown (epochs 3, 2)"
    )


@pytest.mark.parametrize(
    "change",
    [{"settings": {"monitor": "last"}}, {"settings": {}}, {"seconds_by_fold": [1.0]}, {"parent": {"epoch": 2}}],
)
def test_nothing_is_said_where_nothing_was_chosen(tmp_path: Path, change: dict):
    about = run(tmp_path, [[1.0, 2.0], [2.0, 1.0]])
    assert kept_epochs(tmp_path, about) is not None
    assert kept_epochs(tmp_path, about | change) is None
    (tmp_path / "fold-2" / "history.json").unlink()
    assert kept_epochs(tmp_path, about) is None


@pytest.mark.parametrize(("second", "is_told"), [(("b", "d"), False), (("c", "d"), True)])
def test_nothing_is_said_of_repeats_whose_curves_are_of_the_same_rows(tmp_path: Path, second, is_told: bool):
    about = run(tmp_path, [[1.0, 2.0], [2.0, 1.0]])
    for number, ids in enumerate((("a", "b"), second), 1):
        one = Predictions(ids, ("x", "y"), np.full((2, 2), 0.5, np.float32))
        tables.write(tmp_path / f"fold-{number}" / "predictions.h5", tmp_path.name, {table(OUT_OF_FOLD, 0): one})
    assert (kept_epochs(tmp_path, about) is not None) == is_told
