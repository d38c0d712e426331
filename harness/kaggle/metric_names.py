"""The metrics that Kaggle names, as this package calls them."""

from __future__ import annotations

import re

# By Kaggle's words without blanks and signs, in lower case. A name that says less than ours needs is left out: MAP@{K}.
NAMES = {
    "categorizationaccuracy": "accuracy",
    "accuracy": "accuracy",
    "accuracyscore": "accuracy",
    "categorizationerror": "error",
    "areaunderreceiveroperatingcharacteristiccurve": "auc",
    "auc": "auc",
    "rocauc": "auc",
    "rocaucscore": "auc",
    "meancolumnwiseareaunderreceiveroperatingcharacteristiccurve": "mean_column_auc",
    "meancolumnwiseauc": "mean_column_auc",
    "mcauc": "mean_column_auc",
    "logloss": "log_loss",
    "multiclassloss": "log_loss",
    "multiclasslogloss": "log_loss",
    "quadraticweightedkappa": "quadratic_weighted_kappa",
    "macrofscore": "macro_f1",
    "macrof1score": "macro_f1",
    "microfscore": "micro_f1",
    "microf1score": "micro_f1",
    "rootmeansquarederror": "rmse",
    "rmse": "rmse",
    "meanabsoluteerror": "mae",
    "mae": "mae",
}


def metric_named(words: str) -> str | None:
    """The metric that Kaggle's words name, a key of ``harness.scoring.metrics.METRICS``; None if that is not sure."""
    plain = re.sub(r"[^a-z0-9]", "", words.lower())
    places = re.fullmatch(r"map(3|5|10)", plain)
    return f"map@{places[1]}" if places else NAMES.get(plain)
