"""What a notebook calls first: load a competition, score a CSV, list the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.given import AnyPath, expanded
from harness.api.loaded_competition import LoadedCompetition
from harness.data.splits import SCORED
from harness.pipeline.prepared import Options
from harness.runs.records import records
from harness.scoring.score import Score
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

RUN_COLUMNS = ["recipe", "run", "settings", *SCORED, "seconds", "finished"]


def load(
    name: str,
    data: AnyPath | None = None,
    *,
    folds: AnyPath | None = None,
    allow_leak: bool = False,
    smoke: bool = False,
    workspace: AnyPath | None = None,
) -> LoadedCompetition:
    """A competition, ready to be trained on.

    Args:
        name: a folder of ``competitions/``; hyphens and underscores mean the same.
        data: the organiser's files; remembered. None takes those remembered, else ``data/<name>/raw``.
        folds: a CSV of folds (``id,fold``) to use in place of the competition's own.
        allow_leak: use those folds even if they separate identical images; the runs' records say so.
        smoke: shrink every recipe to under a minute, to see that it works.
        workspace: the folder that holds ``competitions/``; None looks for it from here upwards.

    Raises:
        UserError: there is no such competition, or a mistake in its files.

    Example:
        >>> competition = harness.load("cifar10", data="~/cifar10")  # doctest: +SKIP
    """
    options = Options(data=expanded(data), folds=expanded(folds), allow_leak=allow_leak, smoke=smoke)
    return LoadedCompetition(Workspace.find(expanded(workspace)), name, options)


def score(name: str, file: AnyPath, answers: AnyPath | None = None, *, workspace: AnyPath | None = None) -> Score:
    """The local score of a submission CSV.

    Args:
        name: the competition.
        file: anybody's CSV for its hold-out.
        answers: a CSV of ids and labels to score on in place of the hold-out.
        workspace: as in ``load``.

    Raises:
        UserError: the file is not a submission for these rows; every defect is named.

    Example:
        >>> harness.score("digits", "my.csv")  # doctest: +SKIP
        Score(accuracy 0.9694 (0.9460 to 0.9828), 359 hold-out images)
    """
    return load(name, workspace=workspace).score(file, answers)


def runs(name: str, *, workspace: AnyPath | None = None) -> pd.DataFrame:
    """A competition's finished runs, the latest last: one row a run.

    Returns:
        Columns recipe, run (its key), settings (a dict), out_of_fold and holdout (scores by the competition's metric),
        seconds, finished.

    Example:
        >>> harness.runs("digits").sort_values("holdout")  # doctest: +SKIP
    """
    import pandas as pd

    competition = LoadedCompetition(Workspace.find(expanded(workspace)), name)
    finished = sorted(records(competition.workspace.runs(competition.name)), key=lambda record: record.sequence)
    rows = [
        {
            "recipe": record.recipe,
            "run": record.key,
            "settings": record.settings,
            **{split: record.scores.get(split, {}).get("score") for split in SCORED},
            "seconds": record.about["seconds"],
            "finished": pd.Timestamp(record.finished),
        }
        for record in finished
    ]
    return pd.DataFrame(rows, columns=RUN_COLUMNS)
