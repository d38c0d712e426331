"""A job's process: what it is asked, what it answers, how it ends; and which workers a command may ask for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster import environment, on_worker
from harness.cluster.jobs import JobFailedError, JobKilledError, Workers
from harness.pipeline import chunks
from harness.utils.errors import UserError


def job(folder: Path, code: str, **asked: Any) -> dict[str, Any]:
    """What a worker is asked: a process that runs some Python."""
    return {
        "title": "a job",
        "command": ("-S", "-c", code),
        "asked": asked,
        "log": str(folder / "logs" / "log.txt"),
        "folder": str(folder),
        "environment": environment.of_driver(),
        "topic": "ours",
    }


def watched(asked: dict[str, Any], wanted=lambda: True) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    return on_worker.watched(asked, wanted, said.append), said


def test_a_process_reads_what_it_is_asked_says_what_it_does_and_answers(tmp_path: Path) -> None:
    code = """
import json, sys
asked = json.loads(input())
print("at work", file=sys.stderr)
print(json.dumps({"n": asked["n"] + 1}))
"""
    answer, said = watched(job(tmp_path, code, n=41))
    assert answer["n"] == 42 and answer["host"] == environment.host() and said == ["at work"]
    assert on_worker.at_work("ours") == 0


@pytest.mark.parametrize(
    ("code", "told", "kind"),
    [
        ("import sys; sys.exit('no such luck')", "ended with exit code 1", JobFailedError),
        (
            "import os; print('last words', file=__import__('sys').stderr, flush=True); os.kill(os.getpid(), 9)",
            "SIGKILL",
            JobKilledError,
        ),
    ],
)
def test_a_process_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path, code: str, told: str, kind) -> None:
    with pytest.raises(JobFailedError, match=told) as failed:
        watched(job(tmp_path, code))
    assert type(failed.value) is kind
    assert "last words" in str(failed.value) or "no such luck" in str(failed.value)
    assert on_worker.at_work("ours") == 0


def test_what_the_user_can_fix_comes_back_in_words(tmp_path: Path) -> None:
    refused = json.dumps({"refused": {"what": "no.", "fix": "yes"}})
    answer, _ = watched(job(tmp_path, f"print('{refused}'); raise SystemExit(2)"))
    assert answer["refused"] == {"what": "no.", "fix": "yes"}


def test_a_process_that_is_not_wanted_any_more_is_told_by_its_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_worker, "TO_SAVE", 120.0)  # then it would be killed
    code = "import sys; sys.stdin.readline(); print('up', file=sys.stderr, flush=True); sys.stdin.read(); print('{}')"
    said: list[str] = []
    on_worker.watched(job(tmp_path, code), lambda: not said, said.append)
    assert said == ["up"]


def test_a_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_worker, "TO_SAVE", 0.1)
    with pytest.raises(JobKilledError, match="SIGKILL"):
        watched(job(tmp_path, "import time; time.sleep(60)"), lambda: False)


def test_a_process_gets_the_drivers_backend_and_threads_and_not_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(environment.PREFIXES)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    asked = environment.of_driver()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as a Dask worker has it
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    child = environment.of_child(asked)
    assert child["KERAS_BACKEND"] == "jax" and "OMP_NUM_THREADS" not in child and child["CUDA_VISIBLE_DEVICES"] == "3"
    on_more_cores = environment.of_child(asked | {"cores": environment.cores() + 3})
    assert {on_more_cores[name] for name in environment.THREADS} == {str(environment.cores() + 3)}


def test_a_worker_with_other_code_or_libraries_is_refused_by_what_differs() -> None:
    ours = environment.of_driver()
    environment.require_alike(ours, environment.of_driver(), "there")
    other = ours | {"code": "0", "libraries": ours["libraries"] | {"numpy": "1.0"}}
    with pytest.raises(UserError, match=r"worker on there .*the harness's code.*numpy \(.* here, 1.0 there\)"):
        environment.require_alike(ours, other, "there")
    with pytest.raises(UserError, match=r"Python \(.* here, 2.7 there\)"):
        environment.require_alike(ours, ours | {"python": "2.7"}, "there")


@pytest.mark.parametrize(
    ("workers", "gpus", "expected"),
    [
        (None, None, None),
        ("3", None, Workers(count=3)),
        ("tcp://10.0.0.1:8786", None, Workers(address="tcp://10.0.0.1:8786")),
        (None, "0,2", Workers(gpus=("0", "2"))),
    ],
)
def test_which_workers_a_command_asks_for(workers: str | None, gpus: str | None, expected: Workers | None) -> None:
    assert Workers.asked(workers, gpus) == expected


@pytest.mark.parametrize(
    ("workers", "gpus"),
    [("0", None), ("many", None), ("-1", None), ("10.0.0.1:8786", None), (None, "0,0"), (None, "a"), ("2", "0")],
)
def test_other_workers_are_refused_with_an_example(workers: str | None, gpus: str | None) -> None:
    with pytest.raises(UserError) as refused:
        Workers.asked(workers, gpus)
    assert "--workers" in str(refused.value.fix) or "--gpus" in str(refused.value.fix)


@given(st.sets(st.integers(0, 10_000), min_size=1, max_size=400), st.integers(1, 9))
def test_rows_are_parted_without_loss_and_written_as_runs(rows: set[int], slots: int) -> None:
    wanted = np.array(sorted(rows))
    parts = chunks.parted(wanted, slots)
    assert np.array_equal(np.concatenate(parts), wanted) and all(len(part) for part in parts)
    there = [row for first, last in chunks.runs(wanted) for row in range(first, last + 1)]
    assert there == sorted(rows)
