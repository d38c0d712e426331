"""A fitted ensemble as plain arrays in a file, so that it can combine its members' predictions of new images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.ensembles.calibration import Calibration
from harness.ensembles.combine import Average, Combiner
from harness.ensembles.stacking import ColumnStack, Stack
from harness.ensembles.thresholds import GradeCuts, LabelThresholds
from harness.utils.errors import UserError
from harness.utils.files import whole

NAME = "combiner.npz"
KINDS: dict[str, type] = {
    kind.__name__: kind for kind in (Average, Calibration, ColumnStack, GradeCuts, LabelThresholds, Stack)
}


def write(folder: Path, combiner: Combiner, members: tuple[str, ...]) -> None:
    """Keep a combiner with the names of its members, in the order in which it takes their probabilities.

    Raises:
        KeyError: its class is not one of ``KINDS``.
    """
    assert KINDS[type(combiner).__name__] is type(combiner)
    with whole(folder / NAME) as temporary:
        np.savez(temporary, kind=type(combiner).__name__, members=np.array(members), **vars(combiner))


def read(folder: Path) -> tuple[Combiner, tuple[str, ...]]:
    """The combiner in a run's folder, for images of which predictions come later, and the names of its members.

    Raises:
        FileNotFoundError: there is none.
        UserError: it ranks images among each other.
    """
    with np.load(folder / NAME, allow_pickle=False) as arrays:
        values = {name: arrays[name] for name in arrays.files if name not in ("kind", "members")}
        plain = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
        combiner, names = KINDS[str(arrays["kind"])](**plain), tuple(map(str, arrays["members"]))
    if isinstance(combiner, Average) and combiner.among_given:
        raise UserError(
            f"the average of {' and '.join(names)} is of ranks among the images of one split: it predicts no others.",
            'average with how="mean" or how="geometric" in the competition\'s recipes.py',
        )
    return combiner, names
