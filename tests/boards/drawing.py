"""Boards drawn in the organiser's layout: pictures whose labels show, tables, declarations, submitted CSVs."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.scoring.metrics import METRICS
from harness.scoring.score import score_file
from harness.utils.workspace import Workspace

SIDE = 16

DECLARATION = '''"""A drawn board."""

from harness.competition import Competition
from harness.data.folds import HoldOut, KFold
from harness.data.readers import ClassFolders, ClassInName, CocoJson, Table
{targets}from harness.scoring.submission_format import SubmissionFormat

competition = Competition(
    title="Board",
{settings}
    folds=KFold(3),
    holdout=HoldOut(0.3),
    hflip_safe=True,
    obtain="Draw it.",
    terms="None.",
)
'''

RECIPES = '''"""Two cheap recipes and their average."""

from harness.recipes import Blend, Calibrated, HillClimb, LogisticRegression, Stacked, Thresholded, recipe


@recipe
def coarse():
    """On 2x2 pixels."""
    return LogisticRegression(size=(2, 2), c=1.0, iterations=50)


@recipe
def fine():
    """On 4x4 pixels."""
    return LogisticRegression(size=(4, 4), c=0.1, iterations=50)


@recipe
def blend():
    """Both."""
    return Blend(of=("coarse", "fine"))


{more}
default = blend
'''


def quarters(shown: np.ndarray, seed: int) -> np.ndarray:
    """A picture of four quarters, each as bright as told (4 numbers of 0…1), with noise by seed."""
    random = np.random.default_rng(seed)
    grid = np.asarray(shown, float).reshape(2, 2).repeat(SIDE // 2, axis=0).repeat(SIDE // 2, axis=1)
    picture = 60 + 120 * grid[..., None] + random.normal(0, 40, (SIDE, SIDE, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def table(path: Path, header: str, rows: list[tuple]) -> None:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


def declare(workspace: Workspace, data: Path, settings: str, more: str = "") -> Pipeline:
    """A competition of this declaration over a folder of files, with cheap recipes."""
    from harness.utils.files import write_json

    folder = workspace.competition("board")
    folder.mkdir(parents=True, exist_ok=True)
    kinds = re.findall(r"targets=(\w+)", settings)
    targets = f"from harness.data.targets import {kinds[0]}\n" if kinds else ""
    (folder / "competition.py").write_text(DECLARATION.format(targets=targets, settings=settings.strip("\n")))
    (folder / "recipes.py").write_text(RECIPES.format(more=more))
    for name in ("leaderboard.csv", "README.md"):
        (folder / name).touch()
    write_json(workspace.data("board") / "source.json", {"folder": str(data)})
    return Pipeline(workspace, loading.load(workspace, "board"))


class Submitted(NamedTuple):
    """What a recipe's CSVs hold: their header, and their cells by id, of each split; and the local score."""

    header: list[str]
    test: dict[str, list[str]]
    holdout: dict[str, list[str]]
    score: float


def submit(made: Pipeline, name: str) -> Submitted:
    """Run a recipe, write its CSVs, and score that of the hold-out."""
    from harness.kaggle.board import board as board_of

    made.perform(made.artifacts.choose([name]), submit=name)
    files, found = made.artifacts.submission_files(name), {}
    for split, path in files.items():
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        assert all(len(row) == len(header) for row in rows) and len({row[0] for row in rows}) == len(rows)
        found[split] = {row[0]: row[1:] for row in rows}
    competition, dataset = made.competition, made.artifacts.dataset
    score = score_file(
        files["holdout"],
        competition.submission,
        METRICS[competition.metric],
        dataset,
        board_of(made.workspace, competition),
    )
    return Submitted(header, found.get("test", {}), found["holdout"], float(score))


def lines_of(workspace: Workspace, name: str = "board") -> int:
    text = (workspace.competition(name) / "competition.py").read_text()
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("#"))
