"""What a page shows of how like the test images are to those that the run was scored on."""

from __future__ import annotations

from typing import Any

from harness.data.dataset import Dataset
from harness.data.splits import HOLDOUT, OUT_OF_FOLD, SCORED, TEST
from harness.models.adversarial import Likeness, estimate
from harness.runs.page_pictures import shown
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions

PICTURES = 12


def contents(
    likeness: Likeness | None, splits: dict[str, Predictions], dataset: Dataset, metric: str
) -> dict[str, Any] | None:
    """The comparison, the run's plain and weighted scores, and the most unlike images; None without a comparison.

    Args:
        likeness: how like the splits look; None where no features are kept.
        splits: the run's predictions by split.
        dataset: the images.
        metric: the competition's.
    """
    if likeness is None:
        return None
    scored = SCORED if likeness.against == TEST else (OUT_OF_FOLD,)
    labels = {split: dataset.labels_of(splits[split].ids) for split in scored if split in splits}
    estimates = [
        estimate(likeness, split, labels[split], splits[split], METRICS[metric], dataset.groups_of(splits[split].ids))
        for split in labels
    ]
    truth = splits.get(likeness.against) if likeness.against == HOLDOUT else None
    return {
        "found": likeness,
        "estimates": estimates,
        "truth": METRICS[metric].score(dataset.labels_of(truth.ids), truth.probabilities) if truth else None,
        "pictures": pictures(likeness, dataset),
    }


def pictures(likeness: Likeness | None, dataset: Dataset) -> list[dict[str, Any]]:
    """The images that are least like the labelled ones; none where the splits are alike or were not compared."""
    if likeness is None or likeness.alike:
        return []
    return [shown(dataset, name) for name in likeness.most_unlike[:PICTURES]]
