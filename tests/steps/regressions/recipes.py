"""Recipes that are fitted fold by fold, and runs of them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.cache.cache import Cache
from harness.data.columns import Columns
from harness.data.dataset import Dataset
from harness.data.fold import Fold
from harness.data.folds import Folds, KFold
from harness.models import adversarial, column_encoder, linear, linear_path
from harness.models.backbones.backbone import Backbone
from harness.recipes import FeatureRegression, FineTune, LogisticRegression, Network
from harness.recipes.recipe import FoldRecipe
from harness.runs.fit import fit
from harness.runs.fold_jobs import fold_jobs, sampled
from harness.runs.reuse import reuse_weights
from harness.runs.run import Parent, Run
from harness.scoring.metrics import METRICS
from harness.scoring.predictions import Predictions
from harness.training.checkpoint import TrainingState
from harness.tta.worth import ViewPredictions
from harness.utils.files import read_json
from tests.conftest import drawn
from tests.steps.regressions import given
from tests.steps.results import TRAINED, Numbers, defaults, described, digest, regression

Array = np.ndarray


@regression("network")
def network(folder: Path) -> Numbers:
    """What a network answers before it is trained, its pixels scaled by colour and by pixel."""
    from harness.models import keras_backend

    fold, found = given.fold(folder), {}
    plain = Network(
        network="wideresnet", options={"blocks": (1,), "widen": 1}, size=(16, 16), epochs=4, learning_rate=0.1
    )
    for name, recipe in (
        ("by colour", dataclasses.replace(plain, reg=0.01)),
        ("by pixel", dataclasses.replace(plain, scaling="mean_image")),
    ):
        keras_backend.start(seed=1)
        made = recipe.assemble(3, recipe.cache(fold), fold.train)
        found[name] = described(made(recipe.cache(fold).images[:5].astype(np.float32)), 12)
        found[f"{name}, decay"] = float(sum(made.losses)) if made.losses else 0.0
    found["steps of keys"] = [*plain.key_steps]
    found["smallest sides"] = [dataclasses.replace(plain, network=name).smallest for name in ("alexnet", "minivggnet")]
    return found | defaults(Network)


@dataclass(frozen=True)
class Tiny(Backbone):
    """A backbone of two convolutions."""

    def weights_file(self) -> Path:
        raise NotImplementedError

    def weights_fingerprint(self) -> str:
        return "drawn"

    def network(self, *, weights: bool = True) -> Any:
        import keras

        inputs = keras.Input((self.side, self.side, 3))
        x = keras.layers.Rescaling(1 / 64, -2)(inputs)
        for number in range(2):
            # As an initializer each has a seed of its own: these weights are not drawn from the recipe's.
            kernel = keras.initializers.HeNormal(seed=number)
            x = keras.layers.Conv2D(8, 3, 2, kernel_initializer=kernel, name=f"conv{number}")(x)
            x = keras.layers.ReLU(name=f"relu{number}")(keras.layers.BatchNormalization(name=f"norm{number}")(x))
        return keras.Model(inputs, x, name=self.name)


@regression("fine_tune", TRAINED)
def fine_tuned(folder: Path) -> Numbers:
    """Both stages of a tiny backbone."""
    from harness.models.backbones import BACKBONES

    recipe = FineTune(
        backbone="tiny",
        size=(16, 16),
        head=12,
        unfreeze="conv1",
        frozen_epochs=2,
        epochs=2,
        batch_size=16,
        optimizer="adam",
        learning_rate=0.01,
        frozen_learning_rate=0.02,
        mixed_precision=False,  # as decided before a run begins
    )
    fold = given.fold(folder)
    BACKBONES["tiny"] = Tiny("tiny", 16, -1, 8)
    try:
        with given.without_plots():
            answers, steps = recipe.fit(fold), [*recipe.key_steps]
        frozen = [f"{name}={value}" for name, value in recipe.frozen_stage().training[0].items()]
        layers = [f"{layer.name} {getattr(layer, 'rate', '')}" for layer in recipe.architecture(lambda: 3).layers]
    finally:
        del BACKBONES["tiny"]
    stages = [fold.folder / "frozen-stage", fold.folder]
    histories = [read_json(stage / "history.json") for stage in stages]
    return {
        "answers": described(answers, 16),
        "losses": [value for history in histories for value in history["val_log_loss"]],
        "rates": [value for history in histories for value in history["learning_rate"]],
        "layers": layers[1:],
        "frozen stage": frozen,
        "smoke": recipe.smoke().frozen_epochs,
        "steps of keys": steps,
        **defaults(FineTune),
    }


def featured(folder: Path, recipe: FeatureRegression, classes: int, columns: int) -> Fold:
    """Made-up features of as many views as the recipe has."""
    random = np.random.default_rng(0)
    labels = random.integers(classes, size=130)
    views = len(recipe.looks)
    rows = random.normal(size=(130, views, columns)) + random.normal(size=(classes, 1, columns))[labels]
    rows = np.maximum(rows, 0).astype(np.float32).squeeze()
    ids, names = tuple(map(str, range(130))), tuple("abcd"[:classes])
    cache = Cache(rows, ids, labels, np.array(["train"] * 130), np.ones(130, bool), names, {})
    parts = np.split(np.arange(130), [80, 100, 120])
    return Fold("fold 1 of 1", *parts, labels, names, {recipe.features[0]: cache}, True, 0, folder)


@regression("feature_regression")
def feature_regression(folder: Path) -> Numbers:
    """For each C; of two views; of two classes; of square roots; and of more columns than rows, which are rotated."""
    plain = FeatureRegression(backbone="efficientnet-lite0", c=(0.003, 0.1, 3.0))
    logits = dataclasses.replace(plain, tta="hflip", average="logits", c=(0.1,))
    probabilities = dataclasses.replace(logits, average="probabilities")
    found: Numbers = {}
    for name, recipe, classes, columns in (
        ("plain", plain, 3, 20),
        ("two classes", plain, 2, 20),
        ("many columns", plain, 4, 600),
        ("square roots", dataclasses.replace(plain, power=0.5), 3, 20),
        ("logits", logits, 3, 20),
        ("probabilities", probabilities, 3, 20),
    ):
        fold = featured(folder / name, recipe, classes, columns)
        found[name] = described(recipe.fit(fold), 18)
        models = linear.read(fold.folder / "models.h5")
        found[f"{name}, weights"] = [float(np.abs(model.weights).mean()) for model in models]
    views = ViewPredictions.read(folder / "logits" / "views.npz")
    found["views"] = described(views.probabilities)
    few = linear_path.fit_path(given.pixels(40, 1, 3).reshape(40, 9), np.arange(40) % 3, 4, (1.0,), iterations=3)
    found["three iterations"] = described(few[0].weights, 9)
    found["steps of keys"] = [*logits.key_steps]
    found["smoke"] = [repr(logits.smoke().side), logits.smoke().tta]
    found["grids"] = [*linear.VGG16_GRID, *linear.RESNET50_GRID]
    return found | defaults(FeatureRegression)


@regression("columns")
def columns(folder: Path) -> Numbers:
    """Numbers and categories beside the features: missing, rare and unknown ones."""
    recipe = FeatureRegression(backbone="efficientnet-lite0", c=(0.1,), columns=("*",))
    plain, rows = featured(folder, recipe, 3, 20), np.arange(130)
    ages = np.array([["", "12", "-3.5", "1e2"][row % 4] for row in rows])
    places = np.array(["mars" if row > 120 else "rare" if row < 3 else "abc"[row % 3] for row in rows])
    known = Columns({"age": ages, "height": np.array([str(row) for row in rows]), "place": places}, ("age", "height"))
    fold = dataclasses.replace(plain, columns=known)
    answers = recipe.fit(fold)
    (model,) = linear.read(folder / "models.h5")
    return {
        "answers": described(answers, 18),
        "weights": described(model.weights[20:], 18),
        "encoder": json.dumps(column_encoder.fit(known.of(fold.train)).as_json()),
        "hashes": [*known.hashes.values()],
        "steps of keys": [*recipe.key_steps],
    }


@regression("logistic_regression")
def logistic_regression(folder: Path) -> Numbers:
    fold, found = given.fold(folder), {}
    for name, recipe in (
        ("plain", LogisticRegression(size=(16, 16))),
        ("c=.001", LogisticRegression(size=(16, 16), c=1e-3)),
        ("five iterations", LogisticRegression(size=(16, 16), iterations=5)),
    ):
        found[name] = described(recipe.fit(fold), 16)
    return found | {"steps of keys": [*recipe.key_steps]} | defaults(LogisticRegression)


@dataclass(frozen=True, kw_only=True)
class Nearest(FoldRecipe):
    """Probabilities by the distance from the classes' means, sharper and sharper."""

    def variants(self) -> tuple[dict[str, Any], ...]:
        return tuple({"sharpness": value} for value in (0.1, 1.0, 10.0))

    def fit(self, fold: Fold) -> Array:
        (cache,) = fold.caches.values()
        means = [cache.rows[fold.train[fold.labels[fold.train] == label]].mean(axis=0) for label in range(3)]
        apart = np.linalg.norm(cache.rows[fold.predicted()][:, None] - np.stack(means), axis=2) + fold.seed / 1000
        found = np.stack([np.exp(-variant["sharpness"] * apart) for variant in self.variants()])
        return (found / found.sum(axis=2, keepdims=True)).astype(np.float32)


def points(dataset: Dataset) -> Cache:
    """Points about their classes' means, of which every tenth could not be read."""
    random, n = np.random.default_rng(0), len(dataset)
    rows = random.normal(size=(n, 4)) + random.normal(size=(3, 4))[dataset.labels]
    return Cache(rows, dataset.ids, dataset.labels, dataset.splits, np.arange(n) % 10 > 0, dataset.classes, {})


@regression("fold_runs")
def run_of_folds(folder: Path) -> Numbers:
    """A whole run on three folds dealt twice, with a hold-out and a test."""
    dataset = drawn(80, splits=["train"] * 60 + ["holdout"] * 12 + ["test"] * 8)
    train = dataset.rows("train")
    folds = Folds(tuple(dataset.ids[row] for row in train), KFold(3, repeats=2).split(dataset.labels[train], train))
    recipe = Nearest(seed=5, max_samples=25)
    run = Run(name="nearest", key="made-up", folder=folder / "nearest" / "made-up", recipe=recipe, metric="log_loss")
    caches: Any = {"points": points(dataset)}
    jobs = [*fold_jobs(run, recipe, dataset, folds, caches, False)]
    fit(run, recipe, jobs, dataset)
    run.evaluate(dataset)
    record, predictions, scores = run.about(), run.predictions(), run.metrics()
    assert record is not None and predictions is not None and scores is not None
    return {
        "folds": digest([[job.folder.name, job.seed, job.train.tolist(), job.validation.tolist()] for job in jobs]),
        # A sample with the one row of a rare class.
        "sampled": sampled(np.arange(5, 45), (np.arange(45) == 30).astype(int), 6, seed=3),
        "predicted": [len(job.predicted()) for job in jobs],
        "chosen": record["chosen"]["sharpness"],
        "losses": [variant["log_loss"] for variant in record["variants"]],
        "ids": digest([table.ids for table in predictions.values()]),
        **{split: described(table.probabilities, 12) for split, table in predictions.items()},
        "scored": [*scores],
        "done": run.is_done(),
    }


@regression("fold_runs")
def weights_of_others(folder: Path) -> Numbers:
    """What a fold takes from another run that has trained the same, and from its parent."""
    recipe = Network(network="minivggnet", size=(8, 8), epochs=3, learning_rate=0.1)
    history = {"val_log_loss": [3.0, 1.0, 2.0], "val_accuracy": [0.0, 0.5, 0.5]}
    common = {"name": "net", "recipe": recipe, "metric": "log_loss", "training_key": "the same"}
    theirs = Run(key="theirs", folder=folder / "net" / "theirs", **common)
    checkpoints = theirs.folder / "fold-1" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for file, state in (
        ("epoch-0002.npz", TrainingState(epoch=2, history={name: two[:2] for name, two in history.items()})),
        ("best-0002.npz", TrainingState(epoch=2)),
        ("epoch-0003.npz", TrainingState(epoch=3, history=history)),
    ):
        content = np.frombuffer(json.dumps(dataclasses.asdict(state)).encode(), np.uint8)
        np.savez(checkpoints / file, state=content, **{"weights/0": np.arange(3.0)})
    for name in ("history.json", "fold.json", "views.npz"):
        (theirs.folder / "fold-1" / name).write_text("{}")
    (theirs.folder / "run.json").write_text(json.dumps({"training_key": "the same", "sequence": 1}))
    same = Run(key="same", folder=folder / "net" / "same", **common)
    child = Run(key="child", folder=folder / "net#2" / "child", parent=Parent(theirs, 2), **common)
    other = Run(key="other", folder=folder / "net" / "other", **common | {"training_key": "another"})
    for run in (same, child, other):
        fold = featured(run.folder / "fold-1", FeatureRegression(backbone="vgg16"), 2, 3)
        fold.folder.mkdir(parents=True)
        reuse_weights(run, fold)
    taken = [path.relative_to(folder) for run in (same, child, other) for path in run.folder.glob("fold-1/**/*.*")]
    return {"taken": sorted(path.as_posix() for path in taken)}


@regression("adversarial")
def compared(folder: Path) -> Numbers:
    """Test images that differ in two columns, some of which are copies of training images."""
    random, splits = np.random.default_rng(0), ["train"] * 120 + ["holdout"] * 20 + ["test"] * 60
    values = random.normal(size=(200, 12)).astype(np.float32)
    values[140:, :2] += 0.8
    values[140:150] = values[:10]
    dataset = drawn(200, splits=splits)
    dataset.groups[140:150] = np.arange(10)
    cache = Cache(values, dataset.ids, dataset.labels, dataset.splits, np.ones(200, bool), dataset.classes, {})
    found = adversarial.load_or_compare(folder / "likeness.h5", "a key", "drawn", lambda: cache, dataset)
    assert found is not None
    predictions = Predictions(
        dataset.ids[:120], dataset.classes, np.eye(3, dtype=np.float32)[(dataset.labels[:120] * 2) % 3]
    )
    told = adversarial.estimate(found, "out_of_fold", dataset.labels[:120], predictions, METRICS["accuracy"])
    assert told.weighted is not None
    return {
        "AUC": [found.auc.score, found.auc.low, found.auc.high],
        "odds": described(np.log(found.odds), 12),
        "verdict": found.verdict,
        "the most unlike": found.most_unlike[0],
        "weighted": [told.plain.score, told.weighted.score, told.weighted.low, told.worth],
    }
