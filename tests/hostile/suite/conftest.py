"""The seed, and the table at the end: attack, tried, wrong, crashed."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    # Processes of pytest-xdist inherit it.
    os.environ.setdefault("HOSTILE_SEED", str(random.SystemRandom().randrange(1_000_000)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.hostile)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    found = [
        (name, value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in getattr(report, "user_properties", ())
    ]
    lines = {tuple(value) for name, value in found if name == "attack"}
    if lines:
        terminalreporter.write_line(f"\nHOSTILE_SEED={os.environ['HOSTILE_SEED']}")
        terminalreporter.write_line(f"{'attack':60} {'tried':>8} {'wrong':>7} {'crashed':>7}")
        for attack, tried, wrong, crashed in sorted(lines):
            terminalreporter.write_line(f"{attack:60} {tried:>8} {wrong:7,} {crashed:7,}")
    for name, value in found:
        if name == "peak":
            terminalreporter.write_line(f"peak {value[1]:4} MB: {value[0]}")
        elif name == "longest":
            terminalreporter.write_line(f"the longest from Ctrl-C to the end, with nothing to save: {value:.1f} s")


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers of this test's own, from the seed of the suite."""
    return random.Random(f"{os.environ['HOSTILE_SEED']} {request.node.name}")
