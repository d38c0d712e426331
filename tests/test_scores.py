"""Metrics, their intervals, predictions and fingerprints: the small things that everything rests on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss

from harness import fingerprint as fp
from harness import predictions as tables
from harness.metrics import METRICS, bootstrap, in_top
from harness.predictions import Predictions


def random_case(seed: int, n: int = 50, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, classes, n), random.dirichlet(np.ones(classes), n).astype(np.float32)


@given(st.integers(0, 10_000))
def test_metrics_agree_with_scikit_learn(seed):
    labels, probabilities = random_case(seed)
    right = accuracy_score(labels, probabilities.argmax(axis=1))
    assert METRICS["accuracy"].score(labels, probabilities) == pytest.approx(right)
    assert METRICS["error"].score(labels, probabilities) == pytest.approx(1 - right)
    expected = log_loss(labels, probabilities.astype(np.float64), labels=range(7))
    assert METRICS["log_loss"].score(labels, probabilities) == pytest.approx(expected, rel=1e-5)


def test_each_metric_knows_which_way_is_better():
    assert METRICS["accuracy"].better(0.9, 0.8) and not METRICS["accuracy"].better(0.8, 0.9)
    for name in ("error", "log_loss"):
        assert METRICS[name].better(0.1, 0.2) and not METRICS[name].better(0.2, 0.1)
    assert not any(metric.better(0.5, 0.5) for metric in METRICS.values())


def test_a_certain_mistake_costs_much_and_not_infinitely_much():
    labels, probabilities = np.array([0]), np.array([[0.0, 1.0]])
    assert METRICS["log_loss"].score(labels, probabilities) == pytest.approx(34.5, abs=0.1)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_rank_k_says_whether_the_true_class_is_among_the_k_most_probable(seed, k):
    labels, probabilities = random_case(seed)
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    assert np.array_equal(in_top(labels, probabilities, k), (best == labels[:, None]).any(axis=1))


def test_a_constant_prediction_is_right_for_one_class_only():
    assert in_top(np.arange(4), np.full((4, 4), 0.25), 1).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("values", [np.arange(400) % 10 < 8, np.random.default_rng(0).exponential(size=400)])
def test_the_bootstrap_interval_is_that_of_theory_and_the_same_each_time(values):
    values = values.astype(float)
    found = bootstrap(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found.score == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=half / 5)
    assert found.high == pytest.approx(values.mean() + half, abs=half / 5)
    assert found == bootstrap(values)


def predictions(n: int = 4) -> Predictions:
    return Predictions(tuple(f"é {i}" for i in range(n)), ("a", "b"), random_case(1, n, 2)[1])


def test_predictions_survive_the_disk_and_join_by_id(tmp_path: Path):
    kept = predictions()
    tables.write(tmp_path / "p.h5", "key", {"holdout": kept})
    found = tables.read(tmp_path / "p.h5", "key")["holdout"]
    assert found.ids == kept.ids and found.classes == kept.classes
    assert np.array_equal(found.of(kept.ids[::-1]), kept.probabilities[::-1])
    with pytest.raises(KeyError):
        found.of(("unknown",))


def test_predictions_of_another_key_or_damaged_ones_are_not_read(tmp_path: Path):
    file = tmp_path / "p.h5"
    assert tables.read(file, "key") is None
    tables.write(file, "key", {"holdout": predictions(2000)})
    assert tables.read(file, "other") is None
    content = bytearray(file.read_bytes())
    for damaged in (content[:-100], content[:100], b"", b"text"):
        file.write_bytes(damaged)
        assert tables.read(file, "key") is None


@pytest.mark.parametrize("probabilities", [np.ones((3, 2)), np.ones((4, 3)), np.full((4, 2), np.nan)])
def test_predictions_that_do_not_fit_are_refused(probabilities):
    with pytest.raises(ValueError, match=r"probabilities|finite"):
        Predictions(tuple("abcd"), ("a", "b"), probabilities)


@dataclass(frozen=True)
class Settings:
    size: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Others:
    size: tuple[int, int] = (1, 2)


def test_a_fingerprint_is_made_of_names_and_values():
    assert fp.fingerprint(a=1, b=Settings()) == fp.fingerprint(b=Settings(), a=1)
    distinct = [fp.fingerprint(a=value) for value in (Settings(), Settings((1, 3)), Others(), [1, 2], "1", 1, None)]
    assert len(set(distinct)) == len(distinct)
    with pytest.raises(TypeError, match="Received"):
        fp.fingerprint(a=object())


def test_a_better_comment_changes_no_code_and_a_changed_constant_does(tmp_path: Path):
    def of(text: str) -> str:
        file = tmp_path / "module.py"
        file.write_text(text)
        return fp._code_of(file)

    plain = "X = 1\n\n\ndef f(a):\n    return a + X\n"
    assert of(plain) == of('"""Doc."""\nX = 1  # why\ndef f(a):\n    """Doc."""\n    # so\n    return (a + X)\n')
    assert of(plain) != of(plain.replace("1", "2")) != of(plain.replace("+", "-"))


def test_the_code_of_a_class_is_that_of_its_bases_too():
    from harness.recipes import Blend, LogisticRegression

    assert fp.code_of_class(Blend) != fp.code_of_class(LogisticRegression)
    assert fp.code_of_class(Settings) == fp.code_of_class(Others)
