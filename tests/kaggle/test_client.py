"""Calls of the real client: what a failure looks like, and that it ends in time."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from harness.kaggle.client import Client, Patience
from harness.kaggle.credentials import credentials, require_credentials
from harness.kaggle.failures import KaggleError, failure, printable
from harness.kaggle.metric_names import NAMES, metric_named
from harness.kaggle.preflight import quota, require_open
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError
from tests.kaggle.conftest import SECRET, slow


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
    assert time.monotonic() - started < 60


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


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return file


@pytest.mark.skipif(sys.platform != "linux", reason="only there")
def test_credentials_in_the_xdg_folder_are_found(no_credentials: Path, monkeypatch):
    monkeypatch.delenv("KAGGLE_CONFIG_DIR")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(no_credentials / "config"))
    file = write(no_credentials / "config" / "kaggle" / "kaggle.json", '{"username": "ann", "key": "k"}')
    assert require_credentials() == str(file)
    (no_credentials / ".kaggle").mkdir()  # then Kaggle's client does not look there
    assert credentials() is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "cannot be read: JSONDecodeError"),
        ("[]", 'has no "username"'),
        ('{"username": "ann"}', 'has no "key"'),
        ('{"username": "ann", "key": " "}', 'has no "key"'),
    ],
)
def test_a_key_file_that_kaggles_client_ignores_in_silence_is_told(no_credentials: Path, text: str, told: str):
    file = write(no_credentials / ".kaggle" / "kaggle.json", text)
    with pytest.raises(UserError, match=told) as failed:
        require_credentials()
    assert str(file) in failed.value.what and "kaggle.com/settings" in failed.value.fix


def test_half_of_the_environment_is_told(no_credentials: Path, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", SECRET)
    with pytest.raises(UserError, match="KAGGLE_KEY is set, but KAGGLE_USERNAME is not"):
        require_credentials()
    monkeypatch.setenv("KAGGLE_USERNAME", "")
    with pytest.raises(UserError, match="KAGGLE_USERNAME is set, but empty"):
        require_credentials()


def test_a_key_that_others_can_read_is_told_and_used(no_credentials: Path, capsys):
    file = write(no_credentials / ".kaggle" / "kaggle.json", '{"username": "ann", "key": "k"}')
    require_open("pets")
    assert capsys.readouterr().err == ""
    file.chmod(0o644)
    require_open("pets")
    assert f"chmod 600 {file}" in capsys.readouterr().err


def test_a_limit_on_the_total_is_not_taken_for_one_on_the_day():
    about = {"disabled": False, "notebooks_only": False, "entered": True, "left": 0, "today": 1, "total": 9}
    with pytest.raises(UserError, match="left for good: 1 were made today, 9 in all"):
        quota("pets", about | {"limited_by_total": True}, "pets", notebook=False)


@pytest.mark.parametrize(
    ("status", "told", "passing"),
    [(403, "storage refuses the file (403)", False), (413, "too large (413)", False), (503, "storage failed", True)],
)
def test_the_storage_is_not_taken_for_the_competition(status, told, passing):
    error = failure({"failure": "storage", "status": status, "detail": "x", "retry_after": "7"}, "pets", "python")
    assert told in error.what and error.passing is passing and "rules" not in error.what
    assert error.wait == (7.0 if passing else None)


@pytest.mark.parametrize(
    ("text", "wait"), [("2.5", 2.5), ("999999", 600.0), ("-3", 0.0), ("soon", None), ("nan", None)]
)
def test_retry_after_is_read_and_bounded(text, wait):
    assert failure({"failure": "http", "status": 429, "detail": "", "retry_after": text}, "pets", "python").wait == wait
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    found = failure({"failure": "http", "status": 503, "detail": "", "retry_after": date}, "pets", "python").wait
    assert 20 < found <= 30


@pytest.mark.slow
def test_a_dead_token_alone_is_not_taken_for_none(stub, real: Client, monkeypatch):
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAGGLE_API_TOKEN", "dead")
    stub.faults["IntrospectToken"] = [404] * 3
    with pytest.raises(KaggleError, match="does not accept these credentials: KAGGLE_API_TOKEN"):
        real.submissions()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Categorization Accuracy", "accuracy"),
        ("Area Under Receiver Operating Characteristic Curve", "auc"),
        ("Mean Columnwise Area Under Receiver Operating Characteristic Curve", "mean_column_auc"),
        ("MAP@5", "map@5"),
        ("MAP@{K}", None),
        ("Multiclass Loss", "log_loss"),
        ("QuadraticWeightedKappa", "quadratic_weighted_kappa"),
        ("Weighted Multiclass Loss", None),
        ("", None),
    ],
)
def test_metrics_are_known_by_the_names_that_kaggle_gives_them(words: str, name: str | None):
    assert metric_named(words) == name


def test_every_known_name_is_of_a_metric():
    assert {*NAMES.values()} <= METRICS.keys()


def test_what_is_told_of_an_address_has_no_signature():
    detail = "Max retries exceeded with url: /upload/x?uploadType=resumable&upload_id=SECRET (Caused by …)"
    told = failure({"failure": "network", "detail": detail}, "pets", "python").what
    assert "SECRET" not in told and "/upload/x?… (Caused by" in told
