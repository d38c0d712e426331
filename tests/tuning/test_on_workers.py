"""Trials as jobs, without processes: how many are asked for, and what is made of those that fail or find nothing."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.api import LoadedCompetition
from harness.cluster import environment
from harness.cluster.jobs import TRIES, Job, JobFailedError
from harness.data.cache import cache
from harness.tuning import on_workers
from harness.tuning.job import perform
from harness.tuning.search import Search
from harness.tuning.subject import subject
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace

Answer = dict[str, Any] | Exception


class Here:
    """Stands for a cluster: jobs run in this process, the latest first, when somebody waits for them.

    Args:
        workspace: where they run.
        slots: how many may be asked for at once.
        do: makes a job's answer from what it is asked.
    """

    def __init__(self, workspace: Workspace, slots: int = 2, do: Callable[[dict[str, Any]], Answer] | None = None):
        self.workspace, self._slots, self._do = workspace, slots, do or self.perform
        self.asked: list[dict[str, Any]] = []
        self.most = self.running = 0

    def perform(self, asked: dict[str, Any]) -> Answer:
        Path(asked["log"]).parent.mkdir(parents=True, exist_ok=True)  # as who starts the process does
        try:
            return perform(self.workspace, asked)
        except UserError as refused:
            return refused

    def slots(self) -> int:
        return self._slots

    def begin(self, jobs: list[Job]) -> None:
        self.running += len(jobs)
        self.most = max(self.most, self.running)

    def ended(self, jobs: list[Job], tell: Callable[[deque[dict[str, str]]], None]) -> Iterator[tuple[Job, Answer]]:
        told: set[Job] = set()
        while left := [job for job in jobs if job not in told]:
            told.add(left[-1])
            self.asked.append(json.loads(json.dumps(left[-1].asked)) | {"environment": environment.of_driver()})
            answer = self._do(self.asked[-1])
            self.running -= 1
            tell(deque())
            yield left[-1], answer

    def give_up(self, jobs: list[Job]) -> None:
        pass


def search_of(workspace: Workspace, recipe: str, space: str, trials: int, timeout: float | None = None) -> Search:
    return Search(subject(LoadedCompetition(workspace, "insects").pipeline, recipe, space), trials, timeout)


def test_as_many_jobs_as_workers_run_all_trials_and_find_their_caches_made(guesses: Workspace, monkeypatch):
    search = search_of(guesses, "pixels", "c=1e-5..1:log,size=[(6,6),(12,12)]", 6)
    here = Here(guesses, slots=3)
    made: Counter[str] = Counter()
    artifacts = search.subject.pipeline.artifacts
    build = type(artifacts).open_cache

    def counted(self, input, fill=None):
        if not cache.is_built(self.cache_file(input), input.key(self.dataset)):
            made[str(input)] += 1
            assert not here.asked, "a trial waits for a cache"
        return build(self, input, fill)

    monkeypatch.setattr(type(artifacts), "open_cache", counted)
    on_workers.run(search, here)
    assert [trial.state for trial in search.study.tried()] == ["complete"] * 6
    assert here.most == 3 and len(here.asked) == 6
    assert made == {"6x6": 1, "12x12": 1}
    runs = [trial.run for trial in search.study.tried()]
    assert len(set(runs)) == 6 and all((guesses.runs("insects") / "pixels" / run).is_dir() for run in runs)
    on_workers.run(search, here)
    assert len(here.asked) == 6, "nothing is left to do"


def test_fewer_trials_than_there_were_are_enough_though_one_was_left(guesses: Workspace, monkeypatch):
    longer = search_of(guesses, "guess", "luck=0..1", 5)
    assert all(longer.run_next() for _ in range(3))
    trial = longer.study.next(5)
    assert trial is not None
    trial.release()  # its process was killed
    search, asked = search_of(guesses, "guess", "luck=0..1", 3), []
    monkeypatch.setattr(search.study, "wait_for_others", lambda timeout: asked.append(timeout))
    on_workers.run(search, Here(guesses))
    assert not asked, "nobody runs it"


def left(here: Here, search: Search) -> Callable[[dict[str, Any]], Answer]:
    """What a job answers whose process dies with one trial, each time it is tried."""
    told = JobFailedError("a job: its process was killed by SIGKILL. The log, job.txt, ends:")

    def do(asked: dict[str, Any]) -> Answer:
        trial = search.study.next(search.trials)
        assert trial is not None
        trial.note(job=asked["job"])
        trial.release()
        return told

    return do


def test_a_trial_whose_processes_die_is_failed_with_its_log_and_the_search_goes_on(guesses: Workspace):
    search = search_of(guesses, "guess", "luck=0..1", 5)
    here = Here(guesses)
    dies = left(here, search)
    here._do = lambda asked: dies(asked) if len(here.asked) == 2 else here.perform(asked)
    on_workers.run(search, here)
    tried = search.study.tried()
    assert sorted(trial.state for trial in tried) == ["complete"] * 4 + ["failed"]
    (reason,) = [trial.reason for trial in tried if trial.state == "failed"]
    assert "killed by SIGKILL" in reason and f"{TRIES} times" in reason
    assert Path(reason.split()[-1]) == Path(here.asked[1]["log"])


def test_processes_that_die_whatever_they_try_end_the_search(guesses: Workspace):
    search = search_of(guesses, "guess", "luck=0..1", 9)
    here = Here(guesses)
    here._do = left(here, search)
    with pytest.raises(UserError, match=r"3 trials ended in failure 3 times each.*SIGKILL"):
        on_workers.run(search, here)
    assert len(here.asked) == 3
    nothing_begun = Here(guesses, do=lambda asked: JobFailedError("it cannot even start"))
    with pytest.raises(JobFailedError, match="cannot even start"):
        on_workers.run(search, nothing_begun)


def test_trials_that_all_fail_and_a_worker_with_other_data_are_refused(guesses: Workspace):
    search = search_of(guesses, "guess", "broken=[True],luck=0..1", 9)
    here = Here(guesses, slots=4)
    with pytest.raises(UserError, match=r"the first 3 trials failed.*broken as asked"):
        on_workers.run(search, here)
    assert "broken as asked" in Path(here.asked[-1]["log"]).read_text()
    search = search_of(guesses, "guess", "luck=0..1", 9)
    other = Here(guesses)
    other._do = lambda asked: other.perform(asked | {"key": "0" * 16})
    with pytest.raises(UserError, match="would make another thing than it is asked"):
        on_workers.run(search, other)


def test_no_job_is_asked_for_that_another_command_leaves_none_or_that_comes_too_late(guesses: Workspace):
    search, others = (search_of(guesses, "guess", "luck=0..1", 4) for _ in range(2))
    here = Here(guesses)

    def others_first(asked: dict[str, Any]) -> Answer:
        while others.run_next():
            pass
        return here.perform(asked)

    here._do = others_first
    on_workers.run(search, here)
    assert len(search.study.tried()) == 4 and len(here.asked) == 2, "the two that were asked for before"
    late = search_of(guesses, "guess", "luck=0..1", 40, timeout=1e-9)
    on_workers.run(late, here)
    assert len(here.asked) == 2
    assert perform(guesses, here.asked[-1] | {"trials": 40, "until": 1.0}) == {"begun": False}
