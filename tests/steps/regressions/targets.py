"""Kinds of targets: what they make of a reader's labels, what folds are stratified by, links."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.data.targets import Multiclass, Multilabel, Ordinal, Regression, Targets
from harness.data.targets.links import LINKS
from tests.steps.results import Numbers, defaults, described, digest, regression


@regression("targets")
def targets(folder: Path) -> Numbers:
    lists = ["b 10 a", "", None, "a", "2 10"]
    cases: dict[str, tuple[Targets, list, tuple[str, ...], tuple[str, ...]]] = {
        "multiclass": (Multiclass(), ["b", ("a",), None, "b", "a"], ("b", "a"), ()),
        "ordinal": (Ordinal(order=("0", "2", "10")), ["10", "2", None, "0", "2"], ("0", "10", "2"), ()),
        "ordered": (Ordinal(order=("low", "high")), ["high", "low", None, "low", "low"], ("high", "low"), ()),
        "lists": (Multilabel(), lists, (), ("b", "a")),
        "sampled": (Multilabel(), lists, (), ("b", "a", "2", "10")),
        "columns": (Multilabel(), [("a", "b"), (), None, ("b",), ("a",)], ("b", "a"), ()),
        "regression": (Regression(), ["1", "-2.5", None, "7e2", "3"], (), ()),
    }
    found: Numbers = {}
    for name, (kind, labels, listed, sampled) in cases.items():
        classes = kind.classes_of(labels, listed, sampled)
        cells = kind.cells(labels, classes, list("vwxyz"))
        array = kind.parse(cells, classes)
        known = array[kind.is_labelled(array)]
        predictions = np.random.default_rng(0).random((len(known), len(classes)))
        counted = {one: rows.tolist() for one, rows in kind.counted(array, classes).items()}
        found |= {
            f"{name}, table": [list(classes), cells, kind.words(known[0], classes)],
            f"{name}, labels": np.nan_to_num(array, nan=-99),
            f"{name}, strata": kind.strata(known),
            f"{name}, one of each": kind.one_of_each(known),
            f"{name}, closeness": kind.closeness(known, predictions),
            f"{name}, counted": digest(counted, kind.missing(known[:1], classes), kind.unlabelled(2, classes)),
        }
    bins = Regression().strata(np.random.default_rng(1).lognormal(size=130))
    found["bins"] = np.bincount(bins).tolist()
    scores = np.linspace(-40, 40, 12).reshape(4, 3)
    for name, link in LINKS.items():
        found[f"{name} link"] = [
            *described(link.predictions(scores), 12),
            *described(link.scores(link.predictions(scores)), 12),
            *described(link.normal(np.abs(scores) / 30), 12),
        ]
    return found | defaults(Multilabel, Ordinal, Regression)
