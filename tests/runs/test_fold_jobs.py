"""What a fold is trained on: all its rows, or a sample of them in which no class is missing."""

from __future__ import annotations

import numpy as np

from harness.runs.fold_jobs import sampled

LABELS = np.arange(140) % 3
TRAIN = np.arange(90)


def test_a_sample_has_fewer_rows_of_every_class():
    chosen = sampled(TRAIN, LABELS, 7, seed=3)
    assert len(chosen) == 7 and set(chosen) <= set(TRAIN)
    assert set(LABELS[chosen]) == {0, 1, 2}
    assert np.array_equal(chosen, sampled(TRAIN, LABELS, 7, seed=3))
    assert not np.array_equal(chosen, sampled(TRAIN, LABELS, 7, seed=4))


def test_as_many_as_there_are_is_all_of_them():
    for max_samples in (None, 90, 1000):
        assert np.array_equal(sampled(TRAIN, LABELS, max_samples, seed=3), TRAIN)
