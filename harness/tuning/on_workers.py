"""Trials of a search on workers: each a job, in whose process the study is asked what to try, and told what came of it.

The study's journal is all that they share. Here it is only seen to it that as many jobs run as there are workers.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from harness.cluster.jobs import TRIES, Job, JobFailedError
from harness.data.cache import cache
from harness.data.cache.cache import Input
from harness.pipeline.elsewhere import job_of
from harness.recipes.space import COMBINATIONS, Choice
from harness.tuning.search import FRUITLESS, Search
from harness.tuning.subject import Subject
from harness.utils.console import say
from harness.utils.errors import UserError

if TYPE_CHECKING:
    from harness.cluster.engine import Cluster


def run(search: Search, cluster: Cluster) -> None:
    """Run trials on workers until there are as many as wanted, or the time is over; wait for those of other commands.

    Args:
        search: its study and its subject.
        cluster: the workers.

    Raises:
        UserError: all of the first trials failed, or the workers would make another thing than this command.
        JobFailedError: processes end before they begin a trial.
        KeyboardInterrupt: after Ctrl-C; the same search goes on from there.
    """
    make_caches(search.subject, search.trials)
    cluster.slots()  # which starts the workers, and says so
    with search.line() as bar:
        trials = Trials(search, cluster, bar)
        while not search.is_late():
            trials.run()
            if not search.study.left(search.trials) or not search.study.wait_for_others(search.left()):
                break


class Trials:
    """The jobs of one command.

    Args:
        search: whose trials they are.
        cluster: the workers.
        bar: the line of progress.
    """

    def __init__(self, search: Search, cluster: Cluster, bar: Any) -> None:
        self._search, self._cluster, self._bar = search, cluster, bar
        self._command = secrets.token_hex(4)
        self._begun, self._lost = 0, 0

    def run(self) -> None:
        """Run jobs until one finds no trial to begin, and all are over."""
        jobs, is_none_left = self._more(0), False
        running = len(jobs)
        try:
            with contextlib.closing(self._cluster.ended(jobs, self._show)) as ended:
                for job, answer in ended:
                    self._cluster.give_up([job])
                    is_none_left = is_none_left or not self._had_trial(job, answer)
                    more = [] if is_none_left else self._more(running - 1)
                    running += len(more) - 1
                    jobs += more
        finally:
            self._cluster.give_up(jobs)

    def _more(self, running: int) -> list[Job]:
        """Begin as many jobs as there is work for, and a worker."""
        search = self._search
        left = 0 if search.is_late() else search.study.left(search.trials)
        jobs = [self.job() for _ in range(min(self._cluster.slots(), left) - running)]
        self._cluster.begin(jobs)
        return jobs

    def job(self) -> Job:
        """The next job: a trial of its process's choice."""
        self._begun += 1
        search, subject = self._search, self._search.subject
        artifacts, left = subject.pipeline.artifacts, search.left()
        log = subject.folder / "logs" / f"job-{self._begun}.txt"
        asked = {
            "recipe": subject.name,
            "space": subject.typed,
            "seen": subject.seen,
            "key": subject.key,
            "trials": search.trials,
            "until": None if left is None else time.time() + left,
            "job": f"{self._command} {self._begun}",
            "log": str(log),
        }
        words = ("trial", artifacts.competition.name, subject.name)
        return job_of(artifacts, [subject.name], f"a trial of {subject.name}, job {self._begun}", words, asked, log)

    def _had_trial(self, job: Job, answer: dict[str, Any] | Exception) -> bool:
        """Whether a job that is over found a trial to run; one in which all its processes died is failed.

        A job that died next to another may have left its trial to that one, which then answers for it.
        """
        if not isinstance(answer, Exception):
            return answer["begun"]
        why = f"{str(answer).partition(' The log')[0]} It was tried {TRIES} times. The log: {job.log}"
        failed = self._search.study.fail_left(job.asked["job"], why) if isinstance(answer, JobFailedError) else None
        if failed is None:
            raise answer
        self._lost += failed
        if failed and self._lost >= FRUITLESS:
            raise UserError(
                f"{self._lost} trials ended in failure {TRIES} times each. The last one: {answer}",
                "if it was memory: fewer workers, or a smaller space; then the same command goes on",
            ) from answer
        if failed:
            say(why)
        return True

    def _show(self, words: deque[dict[str, str]]) -> None:
        words.clear()  # what trials say is in their logs
        self._bar.n = len(self._search.over())
        self._bar.update(0)


def make_caches(subject: Subject, trials: int) -> None:
    """Make what trials read, all workers together, so that no trial waits for another one that makes it.

    That is what the recipe itself reads, and what it reads by each choice of the space. What only some number of a
    range asks for is left to the trial that needs it first.

    Args:
        subject: what is searched.
        trials: how many there are to be; of more caches than these the recipe's own alone are made.
    """
    choices = [axis for axis in subject.space if isinstance(axis, Choice)]
    points: list[dict[str, str]] = [{}]
    for values in itertools.islice(itertools.product(*(axis.values for axis in choices)), COMBINATIONS):
        points.append({axis.name: value for axis, value in zip(choices, values, strict=True)})
    point_of: dict[Input, dict[str, str]] = {}
    for point in points:
        with contextlib.suppress(UserError):  # these settings do not go together
            for input in subject.with_point(point).inputs():
                point_of.setdefault(input, point)
    is_too_much = len(point_of) > trials
    for input, point in point_of.items():
        pipeline = subject.pipeline_with(point)
        artifacts = pipeline.artifacts
        is_built = cache.is_built(artifacts.cache_file(input), input.key(artifacts.dataset))
        if not is_built and not (is_too_much and point):
            pipeline.perform({subject.name: artifacts.recipes[subject.name]}, only=("images", "features"))
