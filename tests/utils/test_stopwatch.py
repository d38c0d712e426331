"""Times on the clock and on all cores, over several sessions."""

from __future__ import annotations

import threading
import time

from harness.utils.stopwatch import Stopwatch, Took


def test_waiting_takes_no_time_of_a_core():
    stopwatch = Stopwatch()
    time.sleep(0.2)
    took = stopwatch.took()
    assert took.seconds >= 0.2 and took.cpu_seconds < took.seconds


def test_work_in_threads_counts():
    def work() -> None:
        until = time.thread_time() + 0.1
        while time.thread_time() < until:
            pass

    stopwatch = Stopwatch()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stopwatch.took().cpu_seconds >= 0.19


def test_sessions_before_count_too():
    took = Stopwatch(Took(100.0, 150.0)).took()
    assert 100 <= took.seconds < 110 and 150 <= took.cpu_seconds < 160
    assert sum([Took(1.0, 2.0), Took(0.5, 0.25)], Took()) == (1.5, 2.25)
