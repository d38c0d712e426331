"""The real client, pointed at a server of the tests' own."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from harness.kaggle import client
from harness.kaggle.client import Client, Patience
from tests.kaggle.code_stub import CodeStub
from tests.kaggle.stub import Stub

Served = TypeVar("Served", bound=Stub)

SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

# Long enough for a busy machine to answer, without the pauses between attempts; tests of stalling have their own.
SHORT = Patience(call=180, stall=180, score=180, run=180, poll=0.05, retry=0.05, doubt=1.0)


def slow(*case: object):
    """A case of a parametrized test that is slow."""
    return pytest.param(*case, marks=pytest.mark.slow)


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of some files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment in which nothing of the user's own can be found; gives the home."""
    home = tmp_path / "home"
    home.mkdir()
    for name in [name for name in os.environ if name.startswith("KAGGLE_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / ".kaggle"))
    monkeypatch.setattr(client, "PATIENCE", SHORT)
    return home


@contextlib.contextmanager
def served(stub: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A running server that the real client talks to, with a user's name and key."""
    with stub.running() as running:
        monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
        monkeypatch.setenv("http_proxy", running.url(""))
        monkeypatch.setenv("https_proxy", running.url(""))
        monkeypatch.setenv("KAGGLE_USERNAME", "ann")
        monkeypatch.setenv("KAGGLE_KEY", SECRET)
        yield stub


@pytest.fixture
def stub(no_credentials: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A running server of one competition."""
    with served(Stub(), monkeypatch) as running:
        yield running


@pytest.fixture
def code_stub(no_credentials: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeStub]:
    """A running server of a code competition, with datasets and kernels."""
    with served(
        CodeStub(competition={"userHasEntered": True, "isKernelsSubmissionsOnly": True}), monkeypatch
    ) as running:
        yield running


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """Counts what was found, and prints it in the end."""
    found: Counter[str] = Counter()
    yield found
    wrong = ", ".join(f"{name} {found[name]}" for name in ("silent", "twice", "lost", "traceback", "wrong exit code"))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{found['played']} faults, each with a rerun: {wrong}")


@pytest.fixture
def real(stub: Stub) -> Client:
    """The real client, for the server's competition."""
    return Client(stub.slug)
