"""Calls of the real client: what a failure looks like, and that it ends in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.kaggle.client import Client, Patience
from harness.kaggle.credentials import credentials
from harness.kaggle.failures import KaggleError, printable
from harness.utils.errors import UserError
from tests.kaggle.conftest import SECRET


def test_calls_are_answered(stub, real: Client, tmp_path: Path):
    about = real.about()
    assert about | {"title": "Pets", "left": 4, "today": 1, "total": 7, "disabled": False} == about
    file = tmp_path / "x.csv"
    file.write_text("id,label\n1,cat\n")
    reference = real.submit(file, "hello")
    assert reference == "1000" and stub.uploads == {"x.csv-0": b"id,label\n1,cat\n"}
    found = real.submission(reference)
    assert (found["status"], found["public"], found["private"]) == ("complete", 0.5, 0.25)
    assert [one["message"] for one in real.submissions()] == ["hello"]
    assert all(header.startswith("Basic ") for header in stub.authorizations)


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("fault", "told", "mend", "passing"),
    [
        (401, "does not accept these credentials: KAGGLE_USERNAME and KAGGLE_KEY", "kaggle.com/settings", False),
        (403, "rules are not accepted yet, or the name is misspelt", "https://www.kaggle.com/c/pets/rules", False),
        slow(404, "the name is misspelt, or the competition is closed", "https://www.kaggle.com/c/pets", False),
        slow(429, "too many calls", "wait", True),
        slow(500, "server error (500)", "again", True),
        slow(418, "refuses the call (418): [31mno [0m", "look at", False),
        ("html", "does not understand Kaggle's answer", "pip install -U kaggle", True),
        ("drop", "cannot be reached", "connection", True),
        ({"submissions": None}, "does not understand Kaggle's answer", "pip install -U kaggle", True),
        ({"submissions": {}}, "does not understand Kaggle's answer", "pip install -U kaggle", True),
    ],
)
def test_each_fault_is_told_in_words(stub, real: Client, fault, told, mend, passing):
    stub.faults["ListSubmissions"] = [fault]
    with pytest.raises(KaggleError) as failed:
        real.submissions()
    assert told in failed.value.what and mend in failed.value.fix and failed.value.passing == passing
    assert SECRET not in failed.value.what + failed.value.fix
    assert stub.calls["ListSubmissions"] == 1


def test_a_server_that_stalls_is_given_up_in_time(stub):
    stub.faults["ListSubmissions"] = ["stall"]
    started = time.monotonic()
    with pytest.raises(KaggleError, match="did not answer within 3 s"):
        Client(stub.slug, Patience(call=3)).submissions()
    assert time.monotonic() - started < 10


def test_without_credentials_it_says_where_to_get_them(stub, real: Client, monkeypatch):
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(UserError, match="there are no Kaggle credentials") as failed:
        real.submissions()
    assert "https://www.kaggle.com/settings" in failed.value.fix and stub.calls["ListSubmissions"] == 0


@pytest.mark.slow
def test_a_dead_token_beside_a_good_key_is_named(stub, real: Client, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "dead")
    stub.faults["IntrospectToken"], stub.faults["ListSubmissions"] = [404], [401]
    with pytest.raises(KaggleError, match="these credentials: KAGGLE_API_TOKEN") as failed:
        real.submissions()
    assert "a token takes precedence over a key" in failed.value.fix and "Bearer dead" in stub.authorizations


def test_a_home_that_cannot_be_written_to_is_told(stub, real: Client, monkeypatch, tmp_path: Path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "file" / "kaggle"))
    with pytest.raises(KaggleError, match="Kaggle's client failed: NotADirectoryError"):
        real.submissions()


def test_a_python_without_the_package_or_none_at_all_is_told(no_credentials, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HARNESS_KAGGLE_PYTHON", str(tmp_path / "none"))
    with pytest.raises(KaggleError, match="cannot be run"):
        Client("pets").about()
    script = tmp_path / "python"
    for answer, told in (
        ('{"failure": "no client", "detail": ""}', "no kaggle package"),
        ("oops", "without an answer"),
    ):
        script.write_text(f"#!/bin/sh\nread line\necho '{answer}'\n")
        script.chmod(0o755)
        monkeypatch.setenv("HARNESS_KAGGLE_PYTHON", str(script))
        with pytest.raises(KaggleError, match=told):
            Client("pets").about()


def test_credentials_are_found_in_the_clients_order_and_never_shown(no_credentials: Path, monkeypatch):
    assert credentials() is None
    folder = no_credentials / ".kaggle"
    folder.mkdir()
    for name in ("credentials.json", "kaggle.json"):
        (folder / name).write_text(SECRET)
        assert credentials() == str(folder / name)
    monkeypatch.setenv("KAGGLE_USERNAME", "ann")
    assert credentials() == str(folder / "kaggle.json")
    monkeypatch.setenv("KAGGLE_KEY", SECRET)
    assert credentials() == "KAGGLE_USERNAME and KAGGLE_KEY"
    (folder / "access_token").write_text(SECRET)
    assert credentials() == str(folder / "access_token")
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    assert credentials() == "KAGGLE_API_TOKEN"


def test_what_a_server_sends_is_shown_without_control_characters():
    assert printable("\x1b[2J" + "a\n b" + "x" * 1000) == "[2Ja b" + "x" * 292
