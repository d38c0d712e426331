"""Jobs on Dask: workers on this machine or a scheduler's, progress of all in one display, an orderly end.

Dask finds a worker for each job, and another one when that dies. All that travels is a job's few words; files lie in a
folder that all machines see.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from harness.cluster import display, environment, local, on_worker
from harness.cluster.jobs import TRIES, Job, JobFailedError, JobKilledError, Workers
from harness.training.interrupts import Interrupts
from harness.utils.console import say
from harness.utils.errors import UserError

# How long a scheduler and its first worker may take to answer, in seconds.
TO_ANSWER = 30
# How often the display is renewed, in seconds.
REFRESH = 0.2
# How long children that were told to end may take; they end themselves before that.
TO_END = 10.0


class Cluster:
    """The workers that a command asks for: started with its first job, and ended with this context.

    Args:
        workers: which.
        folder: the workspace's root, which every machine must see.
    """

    def __init__(self, workers: Workers, folder: Path) -> None:
        self.workers, self.folder = workers, folder
        self._topic = f"harness-{secrets.token_hex(8)}"
        self._engine: Any = None
        self._client: Any = None
        # What is asked for; None stands for a job that waits for a worker.
        self._futures: dict[Job, Any] = {}
        self._asking = threading.RLock()
        self._changed = threading.Event()
        self._words: deque[dict[str, str]] = deque()
        self._environment = environment.of_driver()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def slots(self) -> int:
        """How many jobs run at once."""
        self._open()
        return max(1, sum(self._client.nthreads().values()))

    def begin(self, jobs: list[Job]) -> None:
        """Ask for jobs; they run while the driver does something else."""
        if not jobs:
            return
        self._open()
        with self._asking:
            self._futures |= dict.fromkeys(jobs)
        self._send()

    def finish(self, jobs: list[Job]) -> None:
        """Wait until jobs are done, showing the progress of all.

        Raises:
            UserError: a job was refused; the others are given up.
            JobFailedError: a job failed ``TRIES`` times; the others are given up.
            KeyboardInterrupt: Ctrl-C; all jobs have saved what they had, and none runs any more.
        """
        with (
            display.of(self._over) as shown,
            contextlib.closing(self.ended(jobs, shown.tell)) as ended,
        ):
            for _, answer in ended:
                if isinstance(answer, Exception):
                    self.give_up(jobs)
                    raise answer
        self.give_up(jobs)

    def ended(
        self, jobs: list[Job], tell: Callable[[deque[dict[str, str]]], None]
    ) -> Generator[tuple[Job, dict[str, Any] | Exception], None, None]:
        """Wait for jobs, whichever is over first; to be closed where it is left early.

        Args:
            jobs: that have begun; whoever goes through them may begin more, and add these.
            tell: called several times a second with what jobs say, as "title" and "line", to be taken out.

        Yields:
            Each job that is over, with what its process answered, or with why it failed: a UserError or JobFailedError.

        Raises:
            KeyboardInterrupt: Ctrl-C; all jobs have saved what they had, and none runs any more.
        """
        told: set[Job] = set()
        with Interrupts() as interrupts:
            while not interrupts.asked and len(told) < len(jobs):
                tell(self._words)
                self._send()
                is_over = self._over()
                over = [job for job in jobs if job not in told and is_over[job]]
                for job in over:
                    told.add(job)
                    yield job, _answer(job, self._futures[job])
                if not over:
                    self._changed.wait(REFRESH)
                    self._changed.clear()
            tell(self._words)
            if interrupts.asked:
                self._stop()

    def give_up(self, jobs: list[Job]) -> None:
        """Ask no more for jobs: those that are not over are ended, and nothing of the others is kept here."""
        with self._asking:
            futures = [self._futures.pop(job, None) for job in jobs]
        running = [future for future in futures if future is not None and future.status == "pending"]
        if running:
            self._client.cancel(running)

    def _stop(self) -> None:
        """End all jobs and wait until they are over."""
        say("all jobs are saving what they have")
        with self._asking:
            self._futures = {job: future for job, future in self._futures.items() if future is not None}
        self._client.cancel([*self._futures.values()])
        until = time.monotonic() + TO_END
        while time.monotonic() < until:
            try:
                if not any(self._client.run(on_worker.at_work, self._topic).values()):
                    return
            except Exception:  # a worker that is gone has nobody to watch; its child ends by itself
                return
            time.sleep(0.1)

    def _over(self) -> dict[Job, bool]:
        """What is asked for, and whether it is over."""
        return {job: future is not None and future.status != "pending" for job, future in [*self._futures.items()]}

    # The engine.

    def _send(self) -> None:
        """Hand jobs that wait to Dask, as many as there are workers free.

        Dask chooses a worker when it is asked, by how long it believes jobs to take, and may queue two behind each
        other while a worker is idle. What it never gets too early it cannot queue.
        """
        with self._asking:
            waiting = [job for job, future in self._futures.items() if future is None]
            if not waiting:
                return
            running = len(self._futures) - len(waiting) - sum(self._over().values())
            try:
                free = max(0, self.slots() - running)
            except OSError as error:
                if running:  # which will be lost, and tell it
                    return
                raise _gone(waiting[0], "waiting") from error
            for job in sorted(waiting, key=lambda job: not job.first)[:free]:
                self._futures[job] = self._sent(job)

    def _sent(self, job: Job) -> Any:
        asked = job.for_worker(self._environment, self._topic)
        key = f"{job.title} {secrets.token_hex(4)}"
        future = self._client.submit(on_worker.run, asked, key=key, pure=False, retries=TRIES - 1)
        future.add_done_callback(lambda _: self._send_next())
        return future

    def _send_next(self) -> None:
        """What Dask's thread calls when a job is over: its worker is free, whatever the driver is doing."""
        with contextlib.suppress(Exception):  # that a scheduler is gone is told to those who wait for jobs
            self._send()
        self._changed.set()

    def _open(self) -> None:
        if self._client is not None:
            return
        started = time.monotonic()
        with _ctrl_c_is_ours():
            if self.workers.address is None:
                self._engine = local.start(self.workers)
                self._client = local.client(self._engine)
            else:
                self._client = local.connected(self.workers.address, TO_ANSWER)
                self._require_seeing()
        self._client.subscribe_topic(self._topic, lambda event: self._words.append(event[1]))
        say(f"{self.workers}: ready in {time.monotonic() - started:.1f} s, {self.slots()} jobs at once")

    def _require_seeing(self) -> None:
        """Refuse workers that do not see the workspace's folder, or that compute with something else.

        Raises:
            UserError: names them.
        """
        token = f".workers-{secrets.token_hex(8)}"
        (self.folder / token).touch()
        try:
            told = self._client.run(on_worker.about, str(self.folder), token)
        except Exception as error:
            raise UserError(
                f"the workers of {self.workers.address} cannot run the harness: {type(error).__name__}: {error}",
                "start them with the Python that has this harness: python -m distributed.cli.dask_worker "
                f"{self.workers.address} --nthreads 1",
            ) from error
        finally:
            (self.folder / token).unlink(missing_ok=True)
        blind = sorted({f"{one['host']} ({address})" for address, one in told.items() if not one["sees"]})
        if blind:
            raise UserError(
                f"{self.folder} is not the same folder on {', '.join(blind)}: workers read and write the files of the "
                "workspace themselves.",
                "mount it there at the same path (NFS, for example), then start these workers again",
            )
        for one in told.values():
            environment.require_alike(self._environment, one["environment"], one["host"])

    def _close(self) -> None:
        client, engine, self._client, self._engine = self._client, self._engine, None, None
        if client is None and engine is None:
            return
        with contextlib.suppress(Exception):
            if running := [future for future in self._futures.values() if future is not None]:
                client.cancel(running)
            client.close(timeout=2)
        if engine is not None:
            with contextlib.suppress(Exception):
                engine.close(timeout=5)


def _answer(job: Job, future: Any) -> dict[str, Any] | Exception:
    """What a job's process answered, or why there is no answer."""
    if future.status == "finished":
        answer = future.result()
        refused = answer.get("refused")
        return UserError(refused["what"], refused["fix"]) if refused else answer
    if future.status == "error":
        error = future.exception()
        if isinstance(error, JobFailedError):
            return error
        if type(error).__name__ == "KilledWorker":
            return JobKilledError(f"{job.title}: its worker died {TRIES} times. The log: {job.log}")
        return JobFailedError(f"{job.title}: {type(error).__name__}: {error}")
    return _gone(job, future.status)


def _gone(job: Job, state: str) -> UserError:
    return UserError(
        f"{job.title} is {state}: the scheduler is gone.",
        "start it and its workers again, then the same command: finished folds and checkpoints are kept",
    )


@contextlib.contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """A context whose new threads, their processes, and those of these never hear Ctrl-C: the main thread does."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
