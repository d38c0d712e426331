"""Dask's own part: a scheduler and workers on this machine, or the client of a scheduler that runs elsewhere.

Nothing listens beyond the loopback interface, for whoever reaches a scheduler can run code.
"""

from __future__ import annotations

import logging
from typing import Any

from harness.cluster.jobs import TRIES, Workers
from harness.utils.errors import UserError

LOOPBACK = "127.0.0.1"


def start(workers: Workers) -> Any:
    """A scheduler in this process, and workers in processes of their own."""
    _require_dask()
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    dask.config.set(
        {
            # What Dask would set for its own threads would be in force here too.
            "distributed.nanny.pre-spawn-environ": {},
            "distributed.scheduler.allowed-failures": TRIES - 1,
        }
    )
    listening = {"host": LOOPBACK, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    # A worker only watches a process, so its own memory says nothing.
    worker = listening | {"nthreads": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
    environments = [{"CUDA_VISIBLE_DEVICES": number} for number in workers.gpus] or [{}] * workers.count
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": {**listening, "port": 0}},
        workers={
            number: {"cls": Nanny, "options": {**worker, "env": variables}}
            for number, variables in enumerate(environments)
        },
        silence_logs=logging.CRITICAL,
    )


def client(cluster: Any) -> Any:
    """The client of a cluster of this process."""
    from distributed import Client

    return Client(cluster, set_as_default=False)


def connected(address: str, patience: float) -> Any:
    """The client of a scheduler that runs already and has a worker.

    Args:
        address: such as "tcp://192.168.1.20:8786".
        patience: how long it may take to answer, in seconds.

    Raises:
        UserError: it does not answer, or has no workers.
    """
    _require_dask()
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        found = Client(address, timeout=patience, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UserError(
            f"no scheduler answers at {address}: {error or type(error).__name__}.",
            "start one: python -m distributed.cli.dask_scheduler --host ADDRESS; see docs/cluster.md",
        ) from error
    try:
        found.wait_for_workers(1, timeout=patience)
    except TimeoutError as error:
        found.close()
        raise UserError(
            f"the scheduler at {address} has no workers.",
            f"start some: python -m distributed.cli.dask_worker {address} --nthreads 1",
        ) from error
    return found


def _require_dask() -> None:
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--workers and --gpus need dask.distributed, which is not installed: {error}.",
            "make cluster, or: pip install 'harness[cluster]'",
        ) from error
