"""The pages of a competition's finished runs, gathered, drawn and written beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.kaggle.board import board
from harness.models.adversarial import Likeness
from harness.pipeline.graph import Pipeline
from harness.report import competition_page, page
from harness.runs import page_likeness
from harness.runs.comparison import changes, of_metric
from harness.runs.page_contents import contents
from harness.runs.records import Record, records
from harness.utils.console import doing
from harness.utils.errors import UserError
from harness.utils.files import lock, read_json, write_text

NAME = "report.html"


def page_of_run(pipeline: Pipeline, record: Record, likeness: Likeness | None) -> Path:
    """Write a finished run's page; give its path.

    Args:
        pipeline: of the run's competition.
        record: of the run.
        likeness: how like the test is to the labelled images; None where that is not known.

    Raises:
        UserError: the run's images are not there any more.
    """
    workspace, competition = pipeline.workspace, pipeline.competition
    (record,) = of_metric([record], competition.metric)
    with doing(f"drawing the page of {record.recipe}"):
        about = contents(
            record,
            pipeline.artifacts.dataset,
            workspace.cache(competition.name),
            likeness,
            read_json(workspace.data(competition.name) / "check.json"),
        )
        text = page.render(competition, record, about, board(workspace, competition))
    return _written(record.folder / NAME, text)


def page_of_all(pipeline: Pipeline, compared: list[dict[str, Any]], likeness: Likeness | None) -> Path:
    """Write the page of all finished runs; give its path.

    Args:
        pipeline: of the runs' competition.
        compared: the runs, the best out of fold first.
        likeness: as for ``page_of_run``.

    Raises:
        UserError: there is no run by the competition's metric.
    """
    workspace, competition, dataset = pipeline.workspace, pipeline.competition, pipeline.artifacts.dataset
    folder = workspace.runs(competition.name)
    rows = competition_page.with_pages(compared, folder)
    if not any(row["out_of_fold"] is not None for row in rows):
        raise UserError(f"{competition.name} has no finished runs by its metric.", f"harness train {competition.name}")
    counts = ", ".join(f"{count:,} {split}" for split, count in dataset.counts().items())
    with doing("drawing the page of all runs"):
        text = competition_page.render(
            competition,
            rows,
            changes(of_metric(records(folder), competition.metric), dataset),
            board(workspace, competition),
            f"Images: {counts}; {competition.targets.asked(dataset.classes)}.",
            likeness,
            page_likeness.pictures(likeness, dataset),
        )
    return _written(folder / NAME, text)


def _written(file: Path, text: str) -> Path:
    with lock(file, "the page"):
        write_text(file, text)
    return file
