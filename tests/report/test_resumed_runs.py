"""Runs that go on from others: from where, with what changed, and how they ended."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from harness.report.resumed_runs import show
from harness.runs.records import Record


def record(key: str, learning_rate: float, parent: dict | None) -> Record:
    settings = {"epochs": 40, "learning_rate": learning_rate}
    about = {"settings": settings, "parent": parent, "finished": "2026-01-02T03:04:05+00:00"}
    return Record(Path("runs/bugs/net") / key, about, {"out_of_fold": {"score": 0.8125}})


def shown(*found: Record) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=160))
    return out.getvalue()


def test_a_run_with_a_parent_is_shown_with_what_was_changed():
    parent = {"run": "aaaaaaaaaaaaaaaa", "epoch": 25, "settings": {"epochs": 40, "learning_rate": 0.1}}
    text = shown(record("aaaaaaaaaaaaaaaa", 0.1, None), record("bbbbbbbbbbbbbbbb", 0.01, parent))
    (line,) = (line for line in text.splitlines() if line.startswith("net"))
    assert " ".join(line.split()) == "net bbbbbbbb aaaaaaaa, epoch 25 learning_rate=0.01 0.8125 2026-01-02 03:04"


def test_nothing_is_shown_where_every_run_began_anew():
    assert shown(record("aaaaaaaaaaaaaaaa", 0.1, None)) == ""


def test_an_older_record_that_names_its_parent_alone_is_shown_too():
    text = shown(record("bbbbbbbbbbbbbbbb", 0.01, {"run": "aaaaaaaaaaaaaaaa", "epoch": 25}))
    assert "aaaaaaaa, epoch 25" in text and "learning_rate" not in text
