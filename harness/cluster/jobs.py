"""What a job is, and which workers a command asks for; nothing here imports Dask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.utils.errors import UserError

# A job that fails so many times fails what asked for it.
TRIES = 3
SCHEMES = ("tcp://", "tls://")


class JobFailedError(Exception):
    """A job's process ended in failure, or its worker died, for the last time."""


class JobKilledError(JobFailedError):
    """A job's process was killed, or its worker died: often for want of memory."""


@dataclass(frozen=True, eq=False)
class Job:
    """A piece of work for a fresh process: nothing of it travels but words and numbers.

    Args:
        title: for people, such as "minivggnet, fold 2 of 5".
        command: the arguments of Python.
        asked: what the process reads on its standard input, as JSON, with the driver's "environment".
        log: the file to which its standard error is appended; in a folder that all machines see.
        folder: where the process runs.
        first: whether it goes before others that wait.
    """

    title: str
    command: tuple[str, ...]
    asked: dict[str, Any]
    log: Path
    folder: Path
    first: bool = False

    def for_worker(self, environment: dict[str, Any], topic: str) -> dict[str, Any]:
        """The job as a worker is told of it, in plain values.

        Args:
            environment: the driver's.
            topic: under which the worker passes on what the process says.
        """
        return {
            "title": self.title,
            "command": self.command,
            "asked": self.asked,
            "log": str(self.log),
            "folder": str(self.folder),
            "environment": environment,
            "topic": topic,
        }


@dataclass(frozen=True)
class Workers:
    """The workers that a command asks for.

    Args:
        count: so many on this machine.
        address: or those of a scheduler that runs already.
        gpus: or one on this machine for each GPU, by number.
    """

    count: int = 0
    address: str | None = None
    gpus: tuple[str, ...] = ()

    @classmethod
    def asked(cls, workers: str | None, gpus: str | None) -> Workers | None:
        """What ``--workers`` and ``--gpus`` ask for; None without either.

        Raises:
            UserError: both, or a value of no known form.
        """
        if workers is None and gpus is None:
            return None
        if workers is not None and gpus is not None:
            raise UserError("--workers and --gpus exclude each other.", "--gpus alone starts one worker for each GPU")
        if gpus is not None:
            numbers = tuple(part.strip() for part in gpus.split(","))
            if not all(number.isdigit() for number in numbers) or len(set(numbers)) < len(numbers):
                raise UserError(f"--gpus takes numbers of GPUs. Received: {gpus!r}", "for example: --gpus 0,1")
            return cls(gpus=numbers)
        assert workers is not None
        if workers.startswith(SCHEMES):
            return cls(address=workers)
        if not workers.isdigit() or int(workers) < 1:
            raise UserError(
                f"--workers takes a number of workers, or the address of a scheduler. Received: {workers!r}",
                "for example: --workers 4, or --workers tcp://192.168.1.20:8786",
            )
        return cls(count=int(workers))

    def __str__(self) -> str:
        if self.address:
            return f"the workers of {self.address}"
        if self.gpus:
            return f"{len(self.gpus)} worker{'s' * (len(self.gpus) > 1)} with a GPU each"
        return f"{self.count} worker{'s' * (self.count > 1)} on this machine"
