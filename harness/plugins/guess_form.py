"""The format of a guessed competition's CSV."""

from __future__ import annotations

import dataclasses
import re

from harness.plugins.guessed import Guess
from harness.scoring.metrics import METRICS
from harness.scoring.submission_format import SubmissionFormat

# Fewer would make probabilities equal that are not, which AUC counts; and numbers less exact than float32 is.
DECIMALS, DECIMALS_OF_NUMBERS = 15, 9


def submission(found: Guess, metric: str, classes: tuple[str, ...]) -> SubmissionFormat:
    """The format of the CSV: the sample's columns, what stands between them, and what the metric judges."""
    return dataclasses.replace(_columns(found, metric, classes), separator=found.separator)


def _columns(found: Guess, metric: str, classes: tuple[str, ...]) -> SubmissionFormat:
    judged = METRICS[metric]
    decimals = max(DECIMALS, found.decimals or 0)
    columns = SubmissionFormat(id_column=found.id_column, value_column=found.value_columns[0])
    if found.targets.link == "identity":
        return dataclasses.replace(
            columns,
            value="quantity",
            decimals=0 if found.decimals == 0 else max(DECIMALS_OF_NUMBERS, found.decimals or 0),
        )
    if found.targets.link == "sigmoid":
        if len(found.value_columns) > 1 or judged.judges in ("probabilities", "order"):
            # Where decisions are judged, the columns hold 0 or 1, unless the sample has fractions.
            decided = judged.judges == "classes" and not found.decimals
            return SubmissionFormat(id_column=found.id_column, value="columns", decimals=0 if decided else decimals)
        if judged.judges == "classes":
            return dataclasses.replace(columns, value="labels", list_separator=found.list_separator)
    if len(found.value_columns) > 1:
        return SubmissionFormat(id_column=found.id_column, value="probabilities", decimals=decimals)
    if judged.judges == "ranking":
        places = int("".join(re.findall(r"\d", metric)) or 5)
        return dataclasses.replace(columns, value="top", top=places)
    if judged.judges == "classes":
        return columns
    if len(classes) == 2:
        positive = columns.value_column if columns.value_column in classes else classes[1]
        return dataclasses.replace(columns, value="probability", positive=positive, decimals=decimals)
    return SubmissionFormat(id_column=found.id_column, value="probabilities", decimals=decimals)
