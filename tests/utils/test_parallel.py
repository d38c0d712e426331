"""Work on many things at once: in order, and the same however many share it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import joblib
import numpy as np
import pytest

from harness.data import near_duplicates
from harness.scoring.metrics import METRICS, resampling
from harness.utils.errors import UserError
from harness.utils.parallel import each
from harness.utils.signals import Ended, ended_by_signals

JOBS = (1, 2, 3)


def with_jobs(compute: Callable[[], object]) -> list[object]:
    """What is computed by one, by two and by three threads."""
    found = []
    for jobs in JOBS:
        with joblib.parallel_config(n_jobs=jobs):
            found.append(compute())
    return found


def test_results_come_in_the_order_of_the_items_however_many_share_them() -> None:
    def later(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    for items in ([], [7], range(40)):
        expected = [number * number for number in items]
        assert [*each(later, items)] == expected
        assert with_jobs(lambda items=items: [*each(later, items)]) == [expected] * len(JOBS)


def test_joblib_says_how_many_share_it_and_what_is_inside_is_done_by_one() -> None:
    together = threading.Barrier(3)

    def threads_inside(_: int) -> set[int]:
        together.wait(60)
        return {threading.get_ident(), *each(lambda _: threading.get_ident(), range(3))}

    with joblib.parallel_config(n_jobs=3):
        found = [*each(threads_inside, range(3))]
    assert len(set.union(*found)) == 3 and all(len(threads) == 1 for threads in found)


@pytest.mark.filterwarnings("ignore:.*not used")
def test_items_are_taken_while_results_are_asked_for() -> None:
    taken: list[int] = []

    def items():
        for number in range(10_000):
            taken.append(number)
            yield number

    with joblib.parallel_config(n_jobs=2):
        results = each(lambda number: time.sleep(0.001) or number, items())
        assert next(results) == 0 and len(taken) < 1000
        results.close()


def test_an_error_keeps_its_words_and_the_rest_is_left() -> None:
    done: list[int] = []

    def fails(number: int) -> None:
        if number == 3:
            raise UserError(f"no {number}.", "take another")
        done.append(number)

    with joblib.parallel_config(n_jobs=2), pytest.raises(UserError, match=r"^no 3\.$") as told:
        [*each(fails, range(10_000))]
    assert told.value.fix == "take another" and len(done) < 9_000


@pytest.mark.usefixtures("heeding_interrupts")
def test_ctrl_c_ends_it_without_waiting_for_what_was_not_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

    with joblib.parallel_config(n_jobs=2), ended_by_signals(), pytest.raises(Ended):
        [*each(work, range(10_000))]
    assert len(begun) < 1000


def test_near_duplicates_are_the_same_pairs_however_many_search() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 200, dtype=np.uint64)
    hashes[100:] = hashes[:100] ^ (np.uint64(1) << random.integers(0, 64, 100).astype(np.uint64))
    close = sorted((i, j) for j in range(200) for i in range(j) if (int(hashes[i]) ^ int(hashes[j])).bit_count() <= 8)
    assert len(close) >= 100
    for pairs in with_jobs(lambda: near_duplicates.close_pairs(hashes, 8).tolist()):
        assert [tuple(pair) for pair in pairs] == close
    thumbnails = random.integers(0, 255, (200, 16, 16, 3), dtype=np.uint8)
    thumbnails[150:] = thumbnails[50:100]
    copies = [[i, i + 100] for i in range(50, 100)]
    assert with_jobs(lambda: near_duplicates.alike(hashes, thumbnails).tolist()) == [copies] * len(JOBS)


def test_an_interval_is_the_same_to_the_bit_however_many_score_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, samples = 500, 60
    monkeypatch.setattr(resampling, "SHARED", rows)
    monkeypatch.setattr(resampling, "BLOCK_NUMBERS", 4 * rows)
    random = np.random.default_rng(0)
    labels, values = random.integers(0, 2, rows), random.random(rows)

    def score(drawn: np.ndarray) -> float:
        return float(drawn @ values / rows) if drawn[0] else np.nan

    # One after another: a draw without a score, here one without the first row, is drawn again.
    drawing, scores, redrawn = np.random.default_rng(0), [], 0
    while len(scores) < samples:
        drawn = np.bincount(drawing.integers(0, rows, rows, dtype=np.int32), minlength=rows)
        if drawn[0]:
            scores.append(drawn @ values / rows)
        else:
            redrawn += 1
    low, high = np.quantile(scores, [0.025, 0.975])
    for interval in with_jobs(lambda: resampling.resample(score, rows, samples=samples)):
        assert (interval.low, interval.high, interval.redrawn) == (low, high, redrawn) and redrawn > 0

    probabilities = np.stack([1 - values, values], axis=1).astype(np.float32)
    one, *others = with_jobs(lambda: METRICS["auc"].interval(labels, probabilities))
    assert others == [one] * len(others)
