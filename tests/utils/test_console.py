"""Lines of progress: they fit, and say what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.utils.console import WIDTH, below, console, fitting, pace, progress, rate_words, say


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=120), st.integers(1, 10**9))
def test_a_line_fits_and_only_its_label_is_shortened(label: str, total: int):
    parts = [f"epoch {total:,} of {total:,}", "1,234 img/s"]
    line = fitting(label, parts)
    assert len(line) <= WIDTH and line.endswith(": " + ", ".join(parts))
    assert line.startswith(label) or line.split("…:")[0] == label[: len(line.split("…:")[0])]


@pytest.mark.parametrize(("rate", "words"), [(1234.4, "1,234 img/s"), (2.54, "2.5 img/s"), (0.25, "4.0 s/img")])
def test_rates_are_told_in_the_unit_that_is_read_easily(rate: float, words: str):
    assert rate_words(rate, "img") == words


def test_pace_leaves_out_what_was_done_before():
    assert pace({"rate": None, "n": 30, "initial": 10, "elapsed": 4.0}) == 5
    assert pace({"rate": 7.0, "n": 30, "initial": 10, "elapsed": 4.0}) == 7
    assert pace({"rate": None, "n": 10, "initial": 10, "elapsed": 4.0}) is None


def test_a_line_of_progress_says_share_count_rate_and_time_left():
    with progress("reading images of a competition with a rather long name, and more", 2000, "img") as bar:
        bar._time = lambda now=bar.start_t + 10: now
        bar.n = 500
        line = str(bar)
    assert len(line) <= WIDTH and line.startswith("reading images") and "…: 25 %, 500 of 2,000 img, 50 img/s, " in line
    assert line.endswith(("30.0 s left", "29.9 s left", "30.1 s left"))


def test_a_line_stands_for_all_lines_of_the_work_below_it_and_is_renewed_by_them(capsys):
    told: list[str] = []
    with progress("tune net", 3, "trial", parts=lambda: ["trial 2 of 3"]) as line:
        line.mininterval = 0
        with below(line, told.append):
            say("weights taken from another run")
            with progress("net, fold 1 of 2", 100, "img") as inner:
                inner.update(60)
        shown = capsys.readouterr().err
        say("over")
    assert told == ["weights taken from another run"]
    assert shown == "tune net: trial 2 of 3\n"
    assert capsys.readouterr().err.startswith("over\n")


def test_a_line_that_was_never_closed_does_not_move_others_in_a_log(capsys):
    left = progress("interrupted", 10, "img")
    with progress("net", 100, "img") as line:
        line.mininterval = line.delay = 0
        line.update(100)
        line.refresh()
    assert "\x1b[A" not in capsys.readouterr().err
    left.close()


def test_a_long_path_stays_in_one_piece_and_brackets_in_it_are_no_markup(capsys):
    line = "page: " + "/a long folder [old]" * 12 + "/report.html"
    console().print(line)
    assert capsys.readouterr().out == line + "\n"
