"""Edits of what the harness keeps: noticed and made again, or told in words; never another result."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable
from csv import DictReader
from pathlib import Path

import pytest

from tests.hostile.suite.tally import Tally, within

COUNT = 500
COMMANDS: list[tuple[str, ...]] = [
    ("status", "insects"), ("runs", "insects"), ("list",), ("score", "insects"), ("submit", "insects"),
    ("train", "insects", "coarse"), ("cache", "ls"), ("cache", "verify", "insects"),
    ("leaderboard", "insects"), ("submissions", "insects"), ("report", "insects", "coarse"), ("lint", "insects", "CSV"),
    ("score", "insects", "CSV"), ("predict", "insects", "coarse", "photos"),
    ("check", "insects"), ("prepare", "insects"),
]  # fmt: skip
JSON = [
    "",
    "[]",
    "{}",
    "null",
    "3",
    '"x"',
    '{"a": 1}',
    "[[[[",
    '{"scores": null}',
    '{"digest": "0"}',
    "\ufeff{}",
    "NaN",
]


def edit(draw: random.Random, path: Path, others: list[Path]) -> str:
    """Do something to a file; say what."""
    content = path.read_bytes()
    kind = draw.randrange(10)
    if kind == 0:
        path.write_bytes(content[: draw.randrange(len(content) + 1)])
    elif kind == 1:
        path.write_bytes(b"")
    elif kind == 2:
        path.unlink()
    elif kind == 3:
        path.unlink()
        path.mkdir()
    elif kind == 4:
        path.write_text(draw.choice(JSON), encoding="utf-8")
    elif kind == 5:
        path.write_bytes(draw.choice(others).read_bytes())
    elif kind == 6:
        path.write_bytes(draw.randbytes(draw.randint(1, 3000)))
    elif kind == 7:
        path.write_bytes(content + draw.choice([b"x", b"\n", b"\0" * 100, b"}"]))
    elif kind == 8:
        path.unlink()
        path.symlink_to(draw.choice([path.name, "/dev/null", "nowhere"]))
    else:
        altered = bytearray(content)
        digits = [at for at, byte in enumerate(altered) if 48 <= byte <= 57] if path.suffix in (".json", ".csv") else []
        for _ in range(draw.randint(1, 3)):
            if digits:
                altered[draw.choice(digits)] = draw.randrange(48, 58)
            elif altered:
                altered[draw.randrange(len(altered))] = draw.randrange(256)
        path.write_bytes(altered)
    return f"{['cut', 'empty', 'gone', 'a folder', 'JSON', 'another', 'noise', 'more', 'a link', 'altered'][kind]}"


def restore(root: Path, saved: Path) -> None:
    for part in ("data", "runs", "submissions"):
        shutil.rmtree(root / part, ignore_errors=True)
        shutil.copytree(saved / part, root / part, symlinks=True)


@pytest.fixture
def finished(insects, harness, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A workspace with finished runs, a copy of it, and its CSV."""
    assert harness("submit", "insects").code == 0
    assert harness("check", "insects").code == 0
    shutil.copytree(insects.root, tmp_path / "saved")
    (insects.root / "photos").symlink_to(tmp_path / "photos" / "ants")
    (csv,) = insects.submissions("insects").glob("blend-*.csv")
    return insects.root, tmp_path / "saved", csv


def scores_of(out: str) -> list[str]:
    return [line for line in out.splitlines() if line.startswith("score:")]


def scores_in(table: str) -> set[tuple[str, ...]]:
    """Each run with its scores."""
    columns = ("recipe", "run", "out_of_fold", "holdout")
    return {tuple(row[column] for column in columns) for row in DictReader(io.StringIO(table))}


def test_kept_files(draw: random.Random, finished, harness: Callable, record_property):
    root, saved, csv = finished
    tally = Tally("edits of kept files")
    told = scores_of(harness("score", "insects").out)
    rows = scores_in(harness("runs", "insects", "--csv").out)
    kept = [
        file.relative_to(saved)
        for part in ("data", "runs", "submissions")
        for file in sorted((saved / part).rglob("*"))
        if file.is_file() and not file.name.endswith(".lock")
    ]
    expected = csv.read_bytes()
    for number in within(300, COUNT):
        name, command = draw.choice(kept), draw.choice(COMMANDS)
        edited = edit(draw, root / name, [saved / other for other in kept])
        what = f"{number}: {name} {edited}, {' '.join(command)}"
        with tally.case(what):
            arguments = [str(csv) if part == "CSV" else part for part in command]
            answer = harness(*arguments)
            tally.expect(answer.code in (0, 2), f"{what}: {answer.code} {answer.err[-600:]}")
            tally.expect("Traceback" not in answer.err, f"{what}: {answer.err[-600:]}")
            tally.expect(answer.code != 2 or "error: " in answer.err, f"{what}: {answer.err[-300:]}")
            if command[0] == "submit" and answer.code == 0:
                tally.expect(csv.is_file() and csv.read_bytes() == expected, f"{what}: another CSV")
            if command == ("score", "insects") and answer.code == 0 and name.parts[0] != "submissions":
                tally.expect(scores_of(answer.out) == told, f"{what}: {scores_of(answer.out)}")
            if command[0] == "runs" and answer.code == 0:
                shown = harness("runs", "insects", "--csv")
                right = shown.code == 2 or (shown.code == 0 and scores_in(shown.out) <= rows)
                tally.expect(right, f"{what}: {shown.out}{shown.err[-300:]}")
        restore(root, saved)
    tally.close(record_property)
