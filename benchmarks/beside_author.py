"""The fast network for CIFAR-10 in the harness, beside its author's own code on the same files: accuracy and seconds.

Trains on all training images of a prepared CIFAR-10 and asks about its hold-out. Run it at the top of the repository:

    harness prepare cifar10 --data DIR
    python benchmarks/beside_author.py [--size 94|95|96] [--seeds 3] [--epochs N] [--bfloat16] [--author]

The author's code needs an NVIDIA GPU, and ``pip install airbench torch torchvision``.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import time
from pathlib import Path

import numpy as np
from common import scratch

from harness import api
from harness.data.cache.build import open_or_build
from harness.data.fold import Fold
from harness.models import keras_backend
from harness.recipes import Network

Array = np.ndarray

RECIPES = {94: "airbench", 95: "airbench95", 96: "airbench96"}
# The author's number of epochs is a recipe's, but for the smallest, which ends at 9.9.
VIEWS = {"plain": "centre", "mirror": "hflip", "six views": "diagonal"}


def main(arguments: argparse.Namespace) -> None:
    competition = api.load("cifar10")
    declared = competition.pipeline.artifacts.recipes[RECIPES[arguments.size]]
    assert isinstance(declared, Network)
    epochs = arguments.epochs or declared.epochs
    recipe = dataclasses.replace(declared, epochs=epochs, mixed_precision=arguments.bfloat16)
    dataset = competition.pipeline.artifacts.dataset
    train, asked = (np.flatnonzero(dataset.splits == split) for split in ("train", "holdout"))
    print(
        f"  {RECIPES[arguments.size]}, {epochs} epochs, {len(train):,} images to train on, {len(asked):,} asked about"
    )
    with scratch() as folder:
        cache = open_or_build(Path(folder) / "images.h5", recipe.images, dataset, 0)
        if arguments.author:
            images, labels = cache.images, dataset.labels
            author = Author(Path(folder), images[train], labels[train], images[asked], labels[asked])
            theirs = [author.run(arguments.size, epochs, seed) for seed in range(arguments.seeds)]
            report("author's code, float16", theirs)
        print(f"  backend: {keras_backend.start(seed=0)}")
        ours = []
        for seed in range(arguments.seeds):
            fold = Fold(
                title=f"seed {seed}",
                train=train,
                validation=asked[:256],
                holdout=asked,
                test=asked[:0],
                labels=dataset.labels,
                classes=dataset.classes,
                caches={recipe.images: cache},
                hflip_safe=True,
                seed=seed,
                folder=Path(folder) / f"seed-{seed}",
            )
            ours.append(run(recipe, fold))
        report(f"ours, {'bfloat16' if arguments.bfloat16 else 'float32'}", ours)


def run(recipe: Network, fold: Fold) -> dict[str, float]:
    """Train on a fold: seconds, and accuracy by views."""
    from harness.training.loop import train
    from harness.training.predict import predict

    started = time.perf_counter()
    network = train(recipe, fold)
    found = {"seconds": time.perf_counter() - started}
    for name, tta in VIEWS.items():
        answers = predict(dataclasses.replace(recipe, tta=tta), fold, network)[len(fold.validation) :]
        found[name] = float((answers.argmax(1) == fold.labels[fold.holdout]).mean())
    return found


class Author:
    """The author's code on the same images, through its own loader.

    Args:
        folder: where the images are put in the form that the loader reads.
        train, asked: (n, 32, 32, 3) uint8 RGB.
        train_labels, asked_labels: (n,) class numbers.
    """

    def __init__(self, folder: Path, train: Array, train_labels: Array, asked: Array, asked_labels: Array) -> None:
        import torch

        self.folder = folder
        (folder / "cifar10").mkdir()
        for name, images, labels in (("train", train, train_labels), ("test", asked, asked_labels)):
            kept = {
                "images": torch.tensor(images),
                "labels": torch.tensor(np.asarray(labels, np.int64)),
                "classes": [str(number) for number in range(10)],
            }
            torch.save(kept, folder / "cifar10" / f"{name}.pt")

    def run(self, size: int, epochs: float, seed: int) -> dict[str, float]:
        import airbench
        import torch

        before = Path.cwd()
        os.chdir(self.folder)  # its loader looks for "cifar10" here
        try:
            torch.manual_seed(seed)
            started = time.perf_counter()
            network = getattr(airbench, f"train{size}")(epochs=epochs, run=seed, verbose=False)
            torch.cuda.synchronize()
            seconds = time.perf_counter() - started
            loader = airbench.CifarLoader("cifar10", train=False, batch_size=2000)
            scores = {name: airbench.evaluate(network, loader, tta_level=level) for level, name in enumerate(VIEWS)}
        finally:
            os.chdir(before)
        return {"seconds": seconds} | scores


def report(who: str, runs: list[dict[str, float]]) -> None:
    for name in runs[0]:
        values = [run[name] for run in runs]
        spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
        each = ", ".join(f"{value:.4f}" for value in values)
        print(f"  {who}, {name}: {statistics.mean(values):.4f}{spread} ({each})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, choices=RECIPES, default=94)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    for flag in ("bfloat16", "author"):
        parser.add_argument(f"--{flag}", action="store_true")
    main(parser.parse_args())
