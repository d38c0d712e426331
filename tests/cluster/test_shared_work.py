"""What threads of one machine share, on the workers of a Dask cluster instead: the same results."""

from __future__ import annotations

import os

import joblib
import numpy as np
import pytest

from harness.cluster import local
from harness.cluster.jobs import Workers
from harness.data import near_duplicates
from harness.utils.parallel import each

pytestmark = pytest.mark.slow


def test_joblib_sends_the_work_to_dasks_workers() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 200, dtype=np.uint64)
    hashes[100:] = hashes[:100] ^ np.uint64(5)
    here = near_duplicates.close_pairs(hashes, 8)
    with local.start(Workers(count=2)) as cluster, local.client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        workers = set(client.run(os.getpid).values())
        with joblib.parallel_config(backend="dask", client=client):
            processes = {*each(lambda _: os.getpid(), range(20))}
            there = near_duplicates.close_pairs(hashes, 8)
            # What writes into arrays of this process stays in it.
            own = {*each(lambda _: os.getpid(), range(20), shares=True)}
    assert processes <= workers and processes and own == {os.getpid()}
    assert np.array_equal(there, here) and len(here) >= 100
