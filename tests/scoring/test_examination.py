"""Examining predictions: against what is counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scoring.examination import calibration_error, examine, likely_label_errors, of_given_class


def drawn(seed: int, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    logits = random.normal(size=(rows, classes)) * 2
    logits[np.arange(rows), labels] += 1
    shares = np.exp(logits)
    return labels, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(2, 6))
def test_counts_pairs_and_orders_are_those_counted_one_by_one(seed: int, rows: int, classes: int):
    labels, probabilities = drawn(seed, rows, classes)
    found = examine(labels, probabilities)
    given_classes = [max(range(classes), key=lambda one: row[one]) for row in probabilities.tolist()]
    wrong = [row for row in range(rows) if given_classes[row] != labels[row]]
    pairs = [(int(labels[row]), given_classes[row]) for row in wrong]
    assert {(pair.true, pair.given): pair.count for pair in found.confusions} == {
        one: pairs.count(one) for one in pairs
    }
    assert [pair.count for pair in found.confusions] == sorted((p.count for p in found.confusions), reverse=True)
    assert found.worst.tolist() == sorted(wrong, key=lambda row: probabilities[row, labels[row]])
    for one in range(classes):
        of_class = [row for row in range(rows) if labels[row] == one]
        assert found.counts[one] == len(of_class)
        if of_class:
            assert found.recalls[one] == pytest.approx(sum(given_classes[r] == one for r in of_class) / len(of_class))
        else:
            assert np.isnan(found.recalls[one])
    margins = [sorted(row)[-1] - sorted(row)[-2] for row in probabilities]
    assert found.doubtful.tolist() == sorted(range(rows), key=lambda row: margins[row])


@given(st.integers(0, 1000), st.integers(1, 200))
def test_every_row_is_in_one_bin_and_the_error_is_their_weighted_gap(seed: int, rows: int):
    labels, probabilities = drawn(seed, rows, 3)
    bins = of_given_class(labels, probabilities)
    assert sum(one.count for one in bins) == rows
    gap = 0.0
    for tenth in range(10):
        inside = [
            row
            for row in range(rows)
            if tenth / 10 <= float(probabilities[row].max()) < (tenth + 1) / 10
            or (tenth == 9 and probabilities[row].max() == 1)
        ]
        if inside:
            sure = np.mean([float(probabilities[row].max()) for row in inside])
            right = np.mean([probabilities[row].argmax() == labels[row] for row in inside])
            gap += len(inside) / rows * abs(sure - right)
    assert calibration_error(bins) == pytest.approx(gap, abs=1e-6)


def test_probabilities_that_are_as_sure_as_they_are_right_have_no_calibration_error():
    probabilities = np.tile(np.array([[0.75, 0.25]], np.float32), (100, 1))
    labels = np.array([0] * 75 + [1] * 25)
    assert calibration_error(of_given_class(labels, probabilities)) == pytest.approx(0, abs=1e-9)


def test_swapped_labels_are_found_and_few_others():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 400)
    logits = random.normal(size=(400, 4)) * 0.5
    logits[np.arange(400), truth] += 4
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels, swapped = truth.copy(), np.arange(0, 400, 20)
    labels[swapped] = (truth[swapped] + 1) % 4
    found = likely_label_errors(labels, probabilities).tolist()
    assert len(found) >= 18 and set(found) <= {*swapped.tolist()}
    assert likely_label_errors(truth, probabilities).tolist() == []


def test_a_class_without_rows_draws_no_suspicion():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.1, 0.1, 0.8]] * 4)
    assert likely_label_errors(labels, probabilities).tolist() == []


def test_thresholds_are_those_of_scikit_learn():
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    from harness.scoring.examination import thresholds

    random = np.random.default_rng(3)
    labels, positive = random.integers(0, 2, 80), random.random(80)
    found = thresholds(labels == 1, positive)
    assert [one.at for one in found[4::5]] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    for one in found:
        given = (positive >= one.at).astype(int)
        assert one.accuracy == pytest.approx(accuracy_score(labels, given))
        assert one.precision == pytest.approx(precision_score(labels, given, zero_division=1))
        assert one.recall == pytest.approx(recall_score(labels, given))
        assert one.f1 == pytest.approx(f1_score(labels, given))
