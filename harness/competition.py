"""What a competition is, as its folder declares it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.data.targets import MULTICLASS, Targets
from harness.data.windows import Window

if TYPE_CHECKING:
    from harness.data.folds import HoldOut, KFold
    from harness.data.readers.reader import Reader
    from harness.scoring.submission_format import SubmissionFormat


@dataclass(frozen=True, kw_only=True)
class Competition:
    """One competition, as its ``competitions/<name>/competition.py`` declares it.

    Args:
        title: its name for people.
        readers: the layouts its data comes in, tried in this order.
        metric: a name in ``harness.scoring.metrics.METRICS``, or ``own_metric(function, …)``; the metric knows which
            way is better.
        submission: how its CSV looks.
        targets: what is asked of each image: ``Multiclass()``, one class; ``Ordinal()``, ordered classes;
            ``Multilabel()``, several labels; ``Regression()``, a number.
        folds: how training rows are split for out-of-fold predictions.
        holdout: how the hold-out is cut from labelled data; None where a reader supplies one.
        hflip_safe: whether a mirrored image still shows the same class; views and augmentation obey.
        group: which images no fold and no hold-out may separate: "exact" copies, or "near" ones too, which look
            alike (finding those takes another decoding of every image).
        window: which value is black and which is white in images of more than 8 bits: ``(low, high)``, or each image's
            own extremes ("image") or 1st and 99th percentile ("percentiles"), or what the file says ("file").
        unreadable: how many unreadable images may be left out of training before the run is refused.
        obtain: how a person gets the data, for the message when it is missing.
        slug: the competition's name on Kaggle, where it has one.
        terms: what its data may be used for.
    """

    title: str
    readers: tuple[Reader, ...]
    metric: str
    submission: SubmissionFormat
    folds: KFold
    holdout: HoldOut | None
    hflip_safe: bool
    targets: Targets = MULTICLASS
    group: Literal["exact", "near"] = "exact"
    window: Window = "file"
    unreadable: int = 0
    obtain: str
    slug: str | None = None
    terms: str
    # Known from the folder, not declared:
    name: str = ""
    folder: Path = Path()
