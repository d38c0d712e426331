"""The kinds of targets: one class an image, ordered classes, several labels, a number."""

from harness.data.targets.multiclass import MULTICLASS, Multiclass, Ordinal
from harness.data.targets.multilabel import Multilabel
from harness.data.targets.regression import Regression
from harness.data.targets.targets import Label, Targets

__all__ = ["MULTICLASS", "Label", "Multiclass", "Multilabel", "Ordinal", "Regression", "Targets"]
