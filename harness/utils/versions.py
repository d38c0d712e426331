"""The version of each step whose results are kept: part of the key of whatever the step makes.

A step's version is raised when its results change, and only then: whatever it made is made again. A refactoring
leaves it as it is, and nothing is made again. The tests compare each step's code, found by following the imports of
its modules up to those of other steps, with ``tests/steps/code.json``; ``make same-results`` renews that file.
"""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A step.

    Args:
        version: raised when results change.
        modules: where its code begins, below ``harness``; named as text, for this layer imports none above it.
    """

    version: int
    modules: tuple[str, ...]


def _one_each(folder: str, *names: str) -> dict[str, Step]:
    """Steps of one module each, all of version 1."""
    return {f"{folder.rpartition('.')[2]}.{name}": Step(1, (f"{folder}.{name}",)) for name in names}


STEPS: dict[str, Step] = {
    # Data.
    "dataset": Step(2, ("data.dataset", "data.image_table", "data.locating")),
    **_one_each(
        "data.readers",
        "cifar_batches", "class_folders", "class_in_name", "coco_json", "digits", "labels_file", "numbered_files",
        "tiny_imagenet",
    ),
    "readers.table": Step(2, ("data.readers.table",)),
    "near_duplicates": Step(1, ("data.near_duplicates",)),
    "check": Step(5, ("data.quality.check",)),
    "targets": Step(2, ("data.targets",)),
    "folds": Step(1, ("data.folds",)),
    "decoding": Step(1, ("data.images", "data.eight_bits", "data.windowed")),
    "dicom": Step(1, ("data.dicom",)),
    "tiff": Step(1, ("data.tiff",)),
    "image_cache": Step(1, ("data.cache.image_cache", "data.cache.build")),
    # Pretrained networks.
    "features": Step(1, ("models.backbones.features",)),
    "inference": Step(1, ("models.inference",)),
    "engines": Step(1, ("models.backbones.engine",)),
    "openvino": Step(1, ("models.backbones.openvino_engine",)),
    "backbones": Step(1, ("models.backbones.backbone", "models.backbones")),
    "efficientnet_lite": Step(1, ("models.backbones.packaged",)),
    "applications": Step(1, ("models.backbones.applications",)),
    # Networks and their training.
    "networks.airbench": Step(2, ("models.networks.airbench",)),
    **{
        f"networks.{name}": Step(2, (f"models.networks.{name}",))
        for name in ("alexnet", "deepergooglenet", "minigooglenet", "minivggnet", "resnet", "wideresnet")
    },
    "whitening": Step(2, ("models.whitening",)),
    "training": Step(1, ("training.loop", "training.settings", "recipes.trained")),
    "mixed_precision": Step(3, ("training.precision",)),
    "norms": Step(1, ("training.norms",)),
    "augmentation": Step(1, ("training.augmentation",)),
    "scaling": Step(1, ("training.scaling",)),
    "prediction": Step(1, ("training.predict",)),
    "model_soup": Step(2, ("training.soup", "recipes.soup")),
    "tta": Step(1, ("tta.views",)),
    # Recipes.
    "network": Step(1, ("recipes.network",)),
    "fine_tune": Step(2, ("recipes.fine_tune",)),
    "feature_regression": Step(1, ("recipes.feature_regression", "models.linear_path", "models.power")),
    "logistic_regression": Step(1, ("recipes.logistic_regression",)),
    "columns": Step(1, ("recipes.with_columns",)),
    "adversarial": Step(2, ("models.adversarial",)),
    "fold_runs": Step(1, ("runs.fit", "runs.fold_jobs")),
    # Ensembles.
    "ensemble_runs": Step(1, ("runs.blend",)),
    "averages": Step(1, ("recipes.blend", "ensembles.combine")),
    "hill_climbing": Step(1, ("recipes.hill_climb",)),
    "stacking": Step(2, ("recipes.stacked",)),
    "calibration": Step(2, ("recipes.calibrated",)),
    "thresholds": Step(3, ("recipes.thresholded",)),
    # Scores.
    "metrics": Step(1, ("scoring.metrics",)),
    "evaluation": Step(4, ("scoring.evaluation",)),
    "tta_worth": Step(3, ("tta.worth",)),
}  # fmt: skip


def versions(*names: str) -> dict[str, int]:
    """The versions of some steps, for a key."""
    return {name: STEPS[name].version for name in sorted(set(names))}
