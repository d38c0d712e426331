"""Leaderboard files of every form: read, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.scoring.leaderboard import Leaderboard
from harness.scoring.metrics import METRICS
from harness.utils.errors import UserError

HEAD = b"rank,score,kind,source\n"
GOOD = {
    "a byte order mark": b"\xef\xbb\xbf" + HEAD + b"1,0.9,any,x\n2,0.8,any,x\n",
    "unsorted": HEAD + b"2,0.8,any,x\n1,0.9,any,x\n",
    "blank lines and another order": b"score,rank,source,kind,note\n\n0.9,1,x,any,\n0.8,2,x,any,y\n\n",
}
BAD = {
    "no header": (b"1,0.9,any,x\n", "has other columns: its first line is '1,0.9,any,x'"),
    "NaN": (HEAD + b"1,nan,any,x\n", "line 2: score must be a number"),
    "a negative rank": (HEAD + b"-1,0.9,any,x\n", "line 2: rank must be from 1"),
    "rank nought": (HEAD + b"0,0.9,any,x\n", "line 2: rank must be from 1"),
    "a rank of 10^30": (HEAD + b"1" + b"0" * 30 + b",0.9,any,x\n", "rank must be from 1 to 10,000,000"),
    "a rank of 10,000 digits": (HEAD + b"1" * 10_000 + b",0.9,any,x\n", "line 2: "),
    "UTF-16": ((HEAD + b"1,0.9,any,x\n").decode().encode("utf-16"), "cannot be read"),
    "a huge cell": (HEAD + b"1,0.9,any," + b"x" * 200_000 + b"\n", "cannot be read"),
    "a cell too few": (HEAD + b"1,0.9,any\n", "line 2: 3 cells, not 4"),
    "a word for a score": (HEAD + b"1,high,any,x\n", "line 2: could not convert"),
}


@pytest.mark.parametrize("form", GOOD)
def test_a_board_is_read(tmp_path: Path, form: str):
    (tmp_path / "leaderboard.csv").write_bytes(GOOD[form])
    board = Leaderboard.load(tmp_path / "leaderboard.csv", METRICS["accuracy"])
    assert board.standing(0.85).rank == 2


@pytest.mark.parametrize("form", BAD)
def test_a_board_is_refused_in_words(tmp_path: Path, form: str):
    content, told = BAD[form]
    (tmp_path / "leaderboard.csv").write_bytes(content)
    with pytest.raises(UserError, match=told) as refused:
        Leaderboard.load(tmp_path / "leaderboard.csv", METRICS["accuracy"])
    assert len(refused.value.what) < 2000 and "leaderboard.csv" in refused.value.what
