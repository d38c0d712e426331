"""Training: small ones from beginning to end, and by itself each part whose mistake few epochs would not show."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from unittest import mock

import numpy as np

from harness.data.fold import Fold
from harness.data.image_settings import ImageSettings
from harness.training.settings import TrainingSettings
from harness.utils.files import read_json
from tests.steps.regressions import given
from tests.steps.results import TRAINED, Numbers, defaults, described, regression

PLAIN = given.Small(size=(16, 16), epochs=3, learning_rate=0.02, batch_size=16, schedule="one_cycle")
FAST = dataclasses.replace(
    PLAIN,
    pad=2,
    edges="reflect",
    flip="alternating",
    coupled_decay=0.01,
    norm_rate=4.0,
    lookahead=True,
    schedule="triangle",
    monitor="last",
)
ALL_ON = dataclasses.replace(
    PLAIN,
    epochs=2,
    mixup=0.4,
    label_smoothing=0.1,
    class_weight="balanced",
    optimizer="adam",
    weight_decay=0.1,
    ema=0.8,
    schedule="constant",
    checkpoint=1,
)


def history(fold: Fold) -> Numbers:
    """Accuracies are left out: on another processor one image more may be right."""
    found = read_json(fold.folder / "history.json")
    return {name: found[name] for name in ("loss", "val_log_loss")}


@regression("training", TRAINED)
def trained(folder: Path) -> Numbers:
    """A plain one; one with all settings on, which is stopped once; and from its first epoch on one with other ones."""
    from harness.training.checkpoint import resume_from
    from harness.training.loop import train

    fold, found = given.fold(folder), {}
    fold.labels[:90:2] = 0  # rare classes for the weights
    other = dataclasses.replace(fold, folder=folder / "other")
    earlier = dataclasses.replace(fold, folder=folder / "earlier")
    fast = dataclasses.replace(fold, folder=folder / "fast")
    with given.without_plots(), given.interrupted(other, reading=9) as stopped:
        train(ALL_ON, stopped)
    for name, settings, where in (
        ("plain", PLAIN, fold),
        ("fast", FAST, fast),
        ("all on", ALL_ON, other),
        ("from an epoch", dataclasses.replace(ALL_ON, optimizer="sgd"), earlier),
    ):
        if where is earlier:
            resume_from(other.folder, earlier.folder, 1)
        # Norms measured anew are a step of their own.
        with given.without_plots(), mock.patch("harness.training.norms.measure_norms"):
            network = train(settings, where)
        record = json.loads((where.folder / "training.json").read_text())
        found |= {
            **{f"{name}, {what}": values for what, values in history(where).items()},
            f"{name}, weights": described(np.concatenate([one.ravel() for one in network.get_weights()]), 12),
            f"{name}, weights of epoch": record["weights_of_epoch"],
            f"{name}, batch": record["batch_size"],
        }
    found["checkpoints"] = sorted(file.name for file in other.folder.glob("checkpoints/*"))
    return found


@regression("mixed_precision", TRAINED)
def halves(folder: Path) -> Numbers:
    """Which layers of a training model compute in what, and what its network makes of drawn images."""
    from harness.models import keras_backend
    from harness.training.model import build

    keras_backend.start(seed=1)
    settings = dataclasses.replace(PLAIN, pad=2, flip=True, rotation=10.0, cutout=4, mixup=0.4, mixed_precision=True)
    fold = given.fold(folder)
    models = build(settings, fold)
    layers = [*models.trainer.layers, *models.network.layers]
    found: Numbers = {type(layer).__name__: layer.compute_dtype for layer in layers}
    images = given.pixels(8).astype(np.float32)
    return found | {"probabilities": described(np.asarray(models.network(images), np.float32), 12)}


@regression("norms", TRAINED)
def norms(folder: Path) -> Numbers:
    """The statistics of a network that has not been trained, on augmented images."""
    from harness.data.batches import Batches
    from harness.models import keras_backend
    from harness.training.model import build
    from harness.training.norms import measure_norms
    from harness.training.training_sequence import TrainingSequence

    keras_backend.start(seed=1)
    fold, settings = given.fold(folder), dataclasses.replace(PLAIN, pad=2)
    cache = settings.cache(fold)
    models = build(settings, fold)
    measure_norms(models, TrainingSequence(Batches(cache.images, fold.train, fold.labels, 30, seed=1)))
    weights = models.network.non_trainable_weights
    return {weight.name: described(np.asarray(weight), 8) for weight in weights if "moving" in weight.name}


@regression("training")
def schedules(folder: Path) -> Numbers:
    from harness.training.schedules import schedule

    found: Numbers = {}
    table = {"power": 2.0, "milestones": ((2, 0.1), (3, 0.05), (5, 0.01)), "decay": 0.1, "cycles": 2}
    for name in ("constant", "linear", "polynomial", "steps", "time", "cosine", "one_cycle", "triangle", "cycles"):
        settings = TrainingSettings(size=(8, 8), epochs=4, learning_rate=0.5, schedule=name, **table)
        rate = schedule(settings, 97)
        found[name] = [float(rate(step) if callable(rate) else rate) for step in range(0, 388, 24)]
    return found


@regression("training")
def optimizers(folder: Path) -> Numbers:
    """Three steps along the same gradients: a kernel's weights, a bias's, and their averages."""
    import keras

    from harness.models import keras_backend
    from harness.training.optimizers import optimizer

    keras_backend.start(seed=1)
    found: Numbers = {}
    for name in ("sgd", "rmsprop", "adam", "adagrad", "adadelta", "nadam"):
        kernel, bias = keras.Variable([[0.5, -1.0], [2.0, 0.1]]), keras.Variable([1.0, -3.0])
        settings = dataclasses.replace(PLAIN, optimizer=name, weight_decay=0.2, ema=0.6, learning_rate=0.1)
        made = optimizer(settings, 0.1, [kernel, bias], steps=3)
        for step in range(3):
            made.apply([np.float32([[1, -0.5], [0.2, step]]), np.float32([0.3, -0.1])])
        averages = [value for value in made.variables if value.name.endswith("_average")]
        found[name] = [float(one) for value in (kernel, bias, *averages) for one in np.asarray(value).ravel()]
    return found


@regression("training")
def losses(folder: Path) -> Numbers:
    """The loss of given probabilities in training and out of it; labels that are mixed; weights of classes."""
    import keras

    from harness.models import keras_backend
    from harness.training.loss_layer import LossLayer, balance, mixing

    keras_backend.start(seed=1)
    probabilities, labels = given.probabilities(8, 3, 1)
    hot = np.eye(3, dtype=np.float32)[labels]
    layer = LossLayer(label_smoothing=0.2, class_weights=[0.5, 1.0, 3.0])
    found: Numbers = {"balance": balance(np.array([0, 0, 0, 1, 1, 3]), 4)}
    for training in (True, False):
        layer([probabilities[0], hot], training=training)
        found[f"loss, {'training' if training else 'validating'}"] = [float(one) for one in layer.losses]
    batch = {"images": given.pixels(8).astype(np.float32) / 255, "labels": hot}
    for name, settings in (
        ("mixup", dataclasses.replace(PLAIN, mixup=0.7)),
        ("cutmix", dataclasses.replace(PLAIN, cutmix=0.7)),
    ):
        mixed = mixing(settings, seed=5)(dict(batch), training=True)
        numpy = {part: keras.ops.convert_to_numpy(values) for part, values in mixed.items()}
        found |= {f"{name}, {part}": described(values, 12) for part, values in numpy.items()}
    return found


@regression("training")
def order(folder: Path) -> Numbers:
    """The order of images in epochs, from the beginning and from the middle."""
    from harness.data.batches import Batches
    from harness.training.callbacks import joined
    from harness.training.training_sequence import TrainingSequence

    images, labels = given.pixels(23, 2, 2), np.arange(23)

    def taken(epoch: int, start: int) -> list[int]:
        sequence = TrainingSequence(Batches(images, np.arange(3, 23), labels, 6, seed=7), epoch, start)
        return [int(label) for number in range(len(sequence)) for label in sequence[number][1]]

    return {
        "first epoch": taken(0, 0),
        "third epoch, second half": taken(2, 2),
        "partial": joined({"loss": 1.0}, {"loss": 3.0, "accuracy": 0.5}, 0.25)["loss"],
    }


@regression("training")
def stops(folder: Path) -> Numbers:
    """Which epoch is the best, and when patience is at an end."""
    from harness.training.checkpoint import TrainingState

    values = {"val_log_loss": [0.9, 0.7, float("nan"), 0.7, 0.8], "val_accuracy": [0.1, 0.4, 0.5, 0.5, 0.2]}
    states = [TrainingState(epoch=5, history=values, since=since) for since in (0, 2)]
    asked = [
        dataclasses.replace(PLAIN, epochs=epochs, patience=patience, monitor=by)
        for epochs in (5, 6)
        for patience in (1, 2, 3)
        for by in ("loss", "accuracy", "last")
    ]
    return {
        "best": [state.best(by) for state in states for by in ("loss", "accuracy")],
        "finished": [state.finished(one) for state in states for one in asked],
    }


@regression("training")
def settings(folder: Path) -> Numbers:
    """What is left out of keys, what of the key of weights, and what a smoke run is."""
    from harness.recipes import Network
    from harness.recipes.recipe import FoldRecipe, ImageRecipe, Recipe
    from harness.recipes.trained import PREDICTING

    recipe = Network(network="minivggnet", size=(64, 48), crop=(40, 36), pad=2, cutout=40, epochs=9, learning_rate=0.1)
    cycles = dataclasses.replace(recipe, schedule="cycles", cycles=3, monitor="last", tta="random")
    return {
        "smoke": [f"{name}={value}" for name, value in cycles.smoke().training[0].items()],
        "steps of keys": [*cycles.key_steps],
        "left out": sorted(PREDICTING),
        **defaults(TrainingSettings, ImageSettings, Recipe, FoldRecipe, ImageRecipe),
    }


@regression("model_soup", TRAINED)
def soup(folder: Path) -> Numbers:
    """Weights after three epochs of one training, averaged."""
    from harness.training.checkpoint import resume_from
    from harness.training.loop import train
    from harness.training.soup import fit

    fold = given.fold(folder)
    settings = dataclasses.replace(ALL_ON, epochs=3, monitor="last", mixup=0.0)
    with given.without_plots():
        train(settings, fold)
    members = {"net": fold.folder}
    for epoch in (1, 2):
        members[f"net#{epoch}"] = folder / f"after {epoch}"
        resume_from(fold.folder, members[f"net#{epoch}"], epoch)
    where = dataclasses.replace(fold, folder=folder / "soup")
    found = fit(settings, where, members, np.arange(140) // 2)
    record = json.loads((where.folder / "soup.json").read_text())
    return {
        "answers": described(found, 16),
        "alone": [record["members"][name] for name in members],
        "tried": [loss["log_loss"] for loss in record["tried"]],
        "cross-fitted": record["log_loss_cross_fitted"],
    }


@regression("model_soup")
def choice(folder: Path) -> Numbers:
    """Which weights are taken, of members whose averages are the averages of their answers."""
    from harness.ensembles.soup import choose, cross_fitted
    from harness.recipes import Soup
    from harness.recipes.snapshots import snapshots
    from harness.training.norms import MEASURED
    from harness.training.soup import mean

    members, labels = given.probabilities(members=5)
    names = tuple("edcab")

    def predict(some: tuple[str, ...]) -> np.ndarray:
        return np.mean([members[names.index(name)] for name in some], axis=0)

    chosen = choose(names, predict, labels)
    honest = cross_fitted(names, predict, labels, np.arange(60) % 5)
    return {
        "taken": [*chosen.taken],
        "losses": [float(loss) for _, loss, _ in chosen.tried],
        "honest": described(honest, 10),
        "mean": described(mean([[members[0]], [members[3]], [members[4]]])[0]),
        "images for norms": MEASURED,
        "steps of keys": [*Soup(of=snapshots("net", 3)).key_steps],
    }
