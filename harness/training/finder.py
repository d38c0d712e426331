"""Finding a learning rate: raise it step by step, and see where the loss falls and where it blows up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness import backend
from harness.console import progress
from harness.files import write_json
from harness.report.curves import plot_rates

if TYPE_CHECKING:
    from harness.recipes.recipe import Fold
    from harness.recipes.trained import Trained

Array = np.ndarray

SMOOTHING = 0.9
BLOWN_UP = 4.0  # times the lowest loss


@dataclass(frozen=True)
class Finding:
    """What raising the learning rate did.

    Args:
        rates: (steps,) the learning rates tried.
        losses: (steps,) the training loss at each, smoothed.
        suggested: a peak learning rate: a tenth of the one at which the loss was lowest.
    """

    rates: Array
    losses: Array
    suggested: float


def find(recipe: Trained, fold: Fold, low: float = 1e-6, high: float = 10.0, steps: int = 200) -> Finding:
    """Train for some steps on a fold with rates from ``low`` to ``high``; keep a plot and a JSON in its folder.

    Nothing that was trained is kept.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3.

    Args:
        recipe: its network, data, batch and optimizer; its schedule does not count.
        fold: trains on its training part.
        low, high: learning rates, apart by equal factors.
        steps: at most; it stops when the loss has blown up.
    """
    backend.start(fold.seed)
    import keras

    from harness.data.batches import Batches
    from harness.training.feed import Feed
    from harness.training.model import build, compile_trainer

    cache, rows = recipe.cache(fold), fold.limited(recipe.limit)
    models = build(recipe, fold, cache, rows)
    rising = keras.optimizers.schedules.ExponentialDecay(low, decay_steps=steps - 1, decay_rate=high / low)
    compile_trainer(models, recipe, rising)
    feed = Feed(Batches(cache.images, rows, fold.labels, recipe.batch, seed=fold.seed))
    losses: list[float] = []
    mean = 0.0
    with progress(f"{fold.title}, learning rates", steps, "step") as bar:
        for step in range(steps):
            if step and step % len(feed) == 0:
                feed.on_epoch_end()
            models.trainer.reset_metrics()
            loss = float(models.trainer.train_on_batch(*feed[step % len(feed)], return_dict=True)["loss"])
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING ** (step + 1)))
            bar.update()
            if not math.isfinite(losses[-1]) or losses[-1] > BLOWN_UP * min(losses):
                break
    rates = low * (high / low) ** (np.arange(len(losses)) / (steps - 1))
    found = Finding(rates, np.array(losses), float(rates[int(np.nanargmin(losses))] / 10))
    plot_rates(found.rates, found.losses, found.suggested, fold.folder / "learning-rates.png", fold.title)
    record = {"suggested": found.suggested, "rates": rates.tolist(), "losses": losses}
    write_json(fold.folder / "learning-rates.json", record)
    return found
