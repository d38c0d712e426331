"""Several devices that share each batch: two of JAX's on the CPU, in a process that has them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.recipes import Network
from harness.training import replicas
from harness.utils.errors import UserError
from tests.conftest import CHECKOUT

# Trains on as many devices as the second argument says, and keeps the predictions.
TRAIN = """
import sys
from pathlib import Path
import numpy as np
from tests.training.folds import drawn_fold
from tests.training.test_replicas import network
folder, count = Path(sys.argv[1]), int(sys.argv[2])
fold = drawn_fold(folder)
np.save(folder / "found.npy", network(epochs=2, batch_size=16, replicas=count).fit(fold))
"""


def network(**changes) -> Network:
    return Network(**({"network": "minivggnet", "size": (16, 16), "epochs": 1, "learning_rate": 0.01} | changes))


@given(st.integers(1, 300), st.integers(1, 9))
def test_rows_are_filled_up_with_the_first_ones(rows: int, count: int) -> None:
    found = replicas.filled_up(np.arange(rows), count)
    assert len(found) % count == 0 and len(found) - rows < count
    assert found.tolist() == [row % rows for row in range(len(found))]


def test_a_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    network(batch_size=64, replicas=2).check_training(8, True)
    with pytest.raises(UserError, match="multiple of replicas=3"):
        network(batch_size=64, replicas=3).check_training(8, True)


def test_the_number_of_replicas_is_part_of_the_trainings_key_and_one_is_as_before() -> None:
    alone, shared = network(), network(replicas=2)
    assert "replicas" not in alone.training[0] and shared.training[0]["replicas"] == 2
    assert dataclasses.replace(shared, replicas=1) == alone


def trained(folder: Path, count: int, backend: str = "jax", devices: int = 2) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "KERAS_BACKEND": backend}
    return subprocess.run(
        [sys.executable, "-c", TRAIN, str(folder), str(count)],
        env=os.environ | flags | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_two_devices_learn_what_one_learns_and_the_same_every_time(tmp_path: Path) -> None:
    for name, count in (("one", 1), ("two", 2), ("again", 2)):
        done = trained(tmp_path / name, count)
        assert done.returncode == 0, done.stderr
    one, two, again = (np.load(tmp_path / name / "found.npy") for name in ("one", "two", "again"))
    assert np.array_equal(two, again)
    # Sums over a batch are made in two parts, which differ in their last bits.
    assert np.abs(one - two).max() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "devices", "told"), [("tensorflow", 2, "needs Keras on JAX"), ("jax", 1, "sees 1")]
)
def test_without_jax_or_without_the_devices_it_is_refused(
    tmp_path: Path, backend: str, devices: int, told: str
) -> None:
    done = trained(tmp_path / "refused", 2, backend, devices)
    assert done.returncode != 0 and "UserError" in done.stderr and told in done.stderr
