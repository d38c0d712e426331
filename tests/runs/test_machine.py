"""What a run was made on is told on every backend."""

import os

import pytest

from harness.runs import machine


@pytest.mark.model
@pytest.mark.parametrize("trained", [False, True])
def test_the_device_is_named(trained):
    found = machine.about(trained)
    assert found["device"].strip() and found["cores"] == os.cpu_count()
