"""The pages of a competition's finished runs, gathered, drawn and written beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.kaggle.board import board
from harness.report import competition_page, page
from harness.runs import page_likeness
from harness.runs.comparison import changes, of_metric
from harness.runs.page_contents import contents
from harness.runs.records import find, records
from harness.utils.console import doing
from harness.utils.errors import UserError
from harness.utils.files import lock, read_json, write_text

if TYPE_CHECKING:
    from harness.api.loaded_competition import LoadedCompetition

NAME = "report.html"


def page_of_run(competition: LoadedCompetition, run: str) -> Path:
    """Write a finished run's page; give its path.

    Args:
        competition: whose run it is.
        run: what ``find`` takes.

    Raises:
        UserError: there is no such run, or its images are not there any more.
    """
    workspace, declared = competition.workspace, competition.declaration
    (record,) = of_metric([find(workspace.runs(competition.name), run)], declared.metric)
    likeness = competition.likeness()
    with doing(f"drawing the page of {record.recipe}"):
        about = contents(
            record,
            competition.pipeline.artifacts.dataset,
            workspace.cache(competition.name),
            likeness,
            read_json(workspace.data(competition.name) / "check.json"),
        )
        text = page.render(declared, record, about, board(workspace, declared))
    return _written(record.folder / NAME, text)


def page_of_all(competition: LoadedCompetition) -> Path:
    """Write the page of all finished runs; give its path.

    Raises:
        UserError: there is none by the competition's metric.
    """
    workspace, declared = competition.workspace, competition.declaration
    dataset, folder = competition.pipeline.artifacts.dataset, workspace.runs(competition.name)
    rows = competition_page.with_pages(competition.compare("out_of_fold"), folder)
    if not any(row["out_of_fold"] is not None for row in rows):
        raise UserError(f"{competition.name} has no finished runs by its metric.", f"harness train {competition.name}")
    counts = ", ".join(f"{count:,} {split}" for split, count in dataset.counts().items())
    likeness = competition.likeness()
    with doing("drawing the page of all runs"):
        text = competition_page.render(
            declared,
            rows,
            changes(of_metric(records(folder), declared.metric), dataset),
            board(workspace, declared),
            f"Images: {counts}; {declared.targets.asked(dataset.classes)}.",
            likeness,
            page_likeness.pictures(likeness, dataset),
        )
    return _written(folder / NAME, text)


def _written(file: Path, text: str) -> Path:
    with lock(file, "the page"):
        write_text(file, text)
    return file
