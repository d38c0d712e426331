"""Fixtures: a competition with a submission."""

from __future__ import annotations

import pytest

from harness.utils.workspace import Workspace


@pytest.fixture
def submitted(insects: Workspace, harness) -> Workspace:
    assert harness("submit", "insects").code == 0
    return insects
