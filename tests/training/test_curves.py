"""The picture of how a network learnt."""

from __future__ import annotations

from pathlib import Path

import cv2

from harness.training.curves import plot


def test_curves_are_drawn_for_whatever_was_recorded(tmp_path: Path):
    whole = {"loss": [2, 1], "val_loss": [3, 2], "accuracy": [0.1, 0.5], "val_accuracy": [0.2, 0.3]}
    for number, history in enumerate((whole, whole | {"learning_rate": [0.1, 0.05]}, {"loss": [1.0]}, {})):
        path = tmp_path / str(number) / "curves.png"
        plot(history, path, "A title: of 2")
        picture = cv2.imread(str(path))
        assert picture is not None and picture.std() > 5
        assert list(path.parent.iterdir()) == [path]
