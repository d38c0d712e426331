"""No wait of a command is silent: what takes more than two seconds is told, on a clock of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from harness.utils import console
from harness.utils.waiting import Watch


class Clock:
    """Stands still but for what a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The command's watch goes by this clock, and its thread does not look at it."""
    clock = Clock()
    monkeypatch.setattr(console.WATCH, "clock", clock)
    monkeypatch.setattr(console.WATCH, "watch", lambda over: None)
    return clock


def test_the_innermost_is_told_after_two_seconds_and_then_more_and_more_rarely():
    clock, told = Clock(), []
    watch = Watch(told.append, clock)
    watch.begin("the command")
    watch.begin("a step")
    times = {}
    for tenth in range(700):
        clock.now = tenth / 10
        watch.tick()
        times |= {line: clock.now for line in told if line not in times}
        if tenth == 300:
            watch.end("a step")
    assert [round(time) for time in times.values()] == [2, 6, 18, 54]
    assert told == ["a step … (2 s)", "a step … (6 s)", "a step … (18 s)", "the command … (54 s)"]


def test_what_is_said_or_shown_is_no_silence():
    clock, told = Clock(), []
    watch = Watch(told.append, clock)
    watch.begin("the command")
    for second in range(10):
        clock.now = second * 1.9
        watch.heard()
        watch.tick()
    watch.begin("a line on a terminal", shows=True)
    clock.now += 100
    watch.tick()
    assert told == []
    watch.end("a line on a terminal", shows=True)
    watch.end("a line on a terminal", shows=True)  # tqdm closes what is closed
    watch.tick()
    assert len(told) == 1


# What a command may wait for: (command, where the function is found, its name, what is told).
WAITS: list[tuple[tuple[str, ...], str, str, str]] = [
    (("submit", "insects"), "harness.data.hashing", "group_by", "looking for copies"),
    (("submit", "insects"), "harness.data.cache.image_cache", "load", "images 6x6"),
    (("submit", "insects"), "harness.data.folds", "assign_folds", "making folds"),
    (("submit", "insects"), "harness.recipes.logistic_regression", "linear.of_sklearn", "making coarse"),
    (("submit", "insects"), "harness.runs.scores", "evaluation.write", "scoring "),
    (("submit", "insects"), "harness.ensembles.gain", "paired", "making blend"),
    (("submit", "insects"), "harness.scoring.submission_csv", "render", "submission"),
    (("check", "insects"), "harness.data.near_duplicates", "components", "looking for near-duplicates"),
    (("report", "insects", "blend"), "harness.report.page", "render", "drawing the page of blend"),
    (("report", "insects"), "harness.report.competition_page", "render", "drawing the page of all runs"),
    (("predict", "insects", "blend", "PHOTOS"), "harness.models.linear", "read", "predicting with "),
    (("export", "insects", "coarse", "--to", "model"), "harness.models.linear", "read", "copying the models of coarse"),
    (("diff", "insects", "coarse", "fine"), "harness.runs.difference", "gain_of", "harness diff"),
    (("runs", "insects"), "harness.runs.comparison", "paired", "comparing the runs"),
    (("score", "insects"), "harness.scoring.submission_csv", "read", "harness score"),
]


def test_nothing_is_told_while_a_question_waits_for_its_answer(clock, capsys, monkeypatch):
    class Slow:
        def readline(self) -> str:
            clock.now += 60
            console.WATCH.tick()
            return " yes \n"

    monkeypatch.setattr(sys, "stdin", Slow())
    with console.watched("harness list"):
        assert console.answer() == "yes"
        console.WATCH.tick()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_each_wait_of_each_command_is_told(insects, harness, clock, monkeypatch, tmp_path):
    """Each function that may take long lets three seconds pass, as it would with much data."""
    passed: list[str] = []

    def slowed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any, **named: Any) -> Any:
            clock.now += 3
            console.WATCH.tick()
            passed.append(name)
            return function(*arguments, **named)

        return slow

    photos = str(tmp_path / "photos")
    commands = dict.fromkeys(command for command, *_ in WAITS)
    for command in commands:
        with monkeypatch.context() as patched:
            for of, module, path, _ in WAITS:
                if of == command:
                    *above, name = path.split(".")
                    __import__(module)
                    owner = sys.modules[module]
                    for part in above:
                        owner = getattr(owner, part)
                    patched.setattr(owner, name, slowed(f"{module}.{path}", getattr(owner, name)))
            answer = harness(*(photos if part == "PHOTOS" else part for part in command))
            assert answer.code == 0, answer.err
        for of, module, path, told in WAITS:
            if of == command:
                assert f"{module}.{path}" in passed, path
                assert f"{told}" in answer.err and " … (3 s)" in answer.err, (path, answer.err)
                lines = [line for line in answer.err.splitlines() if " … (" in line]
                assert any(told in line for line in lines), (told, lines)


def test_a_line_of_progress_in_a_log_tells_what_it_is_of(clock, capsys):
    with console.watched("harness submit"):
        with console.progress("reading images", 10, "img") as bar:
            clock.now += 2.5
            console.WATCH.tick()
            bar.update(10)
        clock.now += 2.5
        console.WATCH.tick()
    told = capsys.readouterr().err
    assert "reading images … (2 s)" in told and told.count(" … (") <= 2


def test_between_lines_of_progress_of_a_log_nothing_else_is_told(clock, capsys, monkeypatch):
    """Lines come every ten seconds; the wait is told where one is late, and as soon as ever where all of it is over."""
    monkeypatch.setattr("tqdm.std.time", clock)
    # tqdm's own thread looks every ten real seconds for lines to write again, and knows nothing of this clock.
    monkeypatch.setattr("tqdm._monitor.TMonitor.get_instances", lambda monitor: [])
    with console.watched("harness submit"):
        with console.progress("reading images", 100, "img") as bar:
            clock.now = 10.5
            bar.update(50)
            for tenth in range(106, 250):
                clock.now = tenth / 10
                console.WATCH.tick()
            assert "reading images … (2 s)" not in capsys.readouterr().err
            clock.now = 25.6
            console.WATCH.tick()
            assert capsys.readouterr().err == "reading images … (15 s)\n"
            bar.update(50)
        assert "100 of 100 img" in capsys.readouterr().err
        clock.now += 2.1
        console.WATCH.tick()
        assert capsys.readouterr().err == "harness submit … (2 s)\n"
