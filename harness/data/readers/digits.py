"""The handwritten digits that come with scikit-learn: real data without a download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.readers.reader import Listing, Row
from harness.data.splits import TRAIN


@dataclass(frozen=True)
class SklearnDigits:
    """1,797 scans of 8×8 pixels in 17 grey levels.

    Source: UCI, Optical Recognition of Handwritten Digits (its test part), as ``sklearn.datasets.load_digits``.
    Ids count from 1, as in Kaggle's Digit Recognizer.
    """

    looks_for = "scikit-learn's own copy of the digits"
    on_disk = False

    def matches(self, folder: Path) -> bool:
        return True

    def state(self, folder: Path) -> Any:
        return {"scikit-learn": version("scikit-learn")}

    def listing(self, folder: Path) -> Listing:
        from sklearn.datasets import load_digits

        labels = load_digits().target
        rows = [Row(str(number + 1), str(label), TRAIN, str(number)) for number, label in enumerate(labels)]
        return Listing(rows, tuple("0123456789"))

    def images(self, folder: Path) -> _Digits:
        return _Digits()


class _Digits:
    @cached_property
    def _images(self) -> np.ndarray:
        from sklearn.datasets import load_digits

        # Scale grey levels from 0…16 to 0…255.
        return np.rint(load_digits().images * (255 / 16)).astype(np.uint8)

    def read(self, source: str) -> np.ndarray:
        return self._images[int(source)]
