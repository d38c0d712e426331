"""Splits of images with several labels: each part has its share of each label, groups stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.folds import ALWAYS_TRAIN, HoldOut, KFold
from harness.data.iterative_stratification import assign


def marks(seed: int, n: int = 300, labels: int = 8) -> np.ndarray:
    """Labels from frequent to rare: (n, labels)."""
    random = np.random.default_rng(seed)
    return (random.random((n, labels)) < np.geomspace(0.5, 0.02, labels)).astype(np.int8)


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_each_fold_has_its_share_of_rows_and_of_each_label(seed: int, k: int):
    rows = marks(seed)
    folds = KFold(k, seed=seed).split(rows, np.arange(len(rows)))[:, 0]
    stay = folds == ALWAYS_TRAIN
    assert stay.sum() == rows[:, rows.sum(axis=0) == 1].any(axis=1).sum()
    sizes = np.bincount(folds[~stay], minlength=k)
    assert sizes.max() - sizes.min() <= 1
    counts = np.array([rows[folds == fold].sum(axis=0) for fold in range(k)])
    random_folds = np.random.default_rng(seed).permutation(np.arange(len(rows)) % k)
    at_random = np.array([rows[random_folds == fold].sum(axis=0) for fold in range(k)])
    assert np.ptp(counts, axis=0).sum() < np.ptp(at_random, axis=0).sum()
    learnable = rows.sum(axis=0) > 0
    assert all(rows[folds != fold].any(axis=0)[learnable].all() for fold in range(k))


@given(st.integers(0, 10**6))
def test_groups_stay_together_and_the_hold_out_has_its_share(seed: int):
    rows = marks(seed)
    groups = np.random.default_rng(seed).integers(0, 120, len(rows))
    folds = KFold(4).split(rows, groups, grouped=True)[:, 0]
    assert all(len({*folds[groups == group]}) == 1 for group in set(groups))
    held = HoldOut(0.25).cut(rows, groups)
    assert 0.2 < held.mean() < 0.3
    assert not set(groups[held]) & set(groups[~held])
    assert rows[~held].any(axis=0)[rows.any(axis=0)].all()


def test_the_seed_decides_and_a_number_of_rows_is_exact():
    rows, alone = marks(1), np.arange(300)
    assert (assign(rows, alone, np.full(3, 1 / 3), 5) == assign(rows, alone, np.full(3, 1 / 3), 5)).all()
    assert (assign(rows, alone, np.full(3, 1 / 3), 5) != assign(rows, alone, np.full(3, 1 / 3), 6)).any()
    assert HoldOut(77).cut(rows, alone).sum() == 77
    assert (KFold(validation=50).split(rows, alone) == 0).sum() == 50


def test_a_label_of_one_image_is_said(capsys: pytest.CaptureFixture[str]):
    rows = np.zeros((20, 2), np.int8)
    rows[:10, 0], rows[3, 1] = 1, 1
    folds = KFold(5).split(rows, np.arange(20))[:, 0]
    assert folds[3] == ALWAYS_TRAIN and (np.delete(folds, 3) >= 0).all()
    assert "1 rows stay in training: they have a label that no other fold would have" in "".join(capsys.readouterr())
