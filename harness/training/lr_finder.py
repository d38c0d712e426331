"""The learning-rate finder: raise the rate step by step, and see where the loss falls and where it diverges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.models import keras_backend
from harness.training.curves import plot_rates
from harness.utils.console import progress
from harness.utils.errors import UserError
from harness.utils.files import write_json

if TYPE_CHECKING:
    from harness.data.fold import Fold
    from harness.training.settings import TrainingSettings

Array = np.ndarray

SMOOTHING = 0.9
DIVERGED = 4.0  # times the lowest loss


@dataclass(frozen=True)
class Finding:
    """The result of a learning-rate search.

    Args:
        rates: (steps,) the learning rates tried.
        losses: (steps,) the smoothed training loss at each rate.
        suggested: the suggested peak learning rate, a tenth of the rate with the lowest loss.
    """

    rates: Array
    losses: Array
    suggested: float


def find(settings: TrainingSettings, fold: Fold, low: float = 1e-6, high: float = 10.0, steps: int = 200) -> Finding:
    """Train some steps on a fold with rising learning rates; write a plot and a JSON file into the fold's folder.

    The trained weights are discarded.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (2017), section 3.3.

    Args:
        settings: how to train; the schedule is ignored.
        fold: the rows; only its training part is used.
        low, high: the first and the last learning rate; the rates between them grow by a constant factor.
        steps: the largest number of steps; the search stops earlier if the loss diverges.

    Raises:
        UserError: the loss is no number from the start.
    """
    keras_backend.start(fold.seed)
    import keras

    from harness.data.batches import Batches
    from harness.training.model import build, compile_trainer
    from harness.training.training_sequence import TrainingSequence

    models = build(settings, fold)
    rising = keras.optimizers.schedules.ExponentialDecay(low, decay_steps=steps - 1, decay_rate=high / low)
    compile_trainer(models, settings, rising, steps)
    images = settings.cache(fold).images
    batches = TrainingSequence(Batches(images, fold.train, fold.labels, settings.batch_size, seed=fold.seed))
    losses: list[float] = []
    mean = 0.0
    with progress(f"{fold.title}, learning rates", steps, "step") as bar:
        for step in range(steps):
            if step and step % len(batches) == 0:
                batches.on_epoch_end()
            models.trainer.reset_metrics()
            loss = float(models.trainer.train_on_batch(*batches[step % len(batches)], return_dict=True)["loss"])
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            losses.append(mean / (1 - SMOOTHING ** (step + 1)))
            bar.update()
            if not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * min(losses):
                break
    if not math.isfinite(losses[0]):
        raise UserError(
            f"{fold.title}: the loss is {losses[0]} at the first step already, at a learning rate of {low:g}.",
            "look at the data (harness check), then try --set mixed_precision=False, and smaller images",
        )
    rates = low * (high / low) ** (np.arange(len(losses)) / (steps - 1))
    finding = Finding(rates, np.array(losses), float(rates[int(np.nanargmin(losses))] / 10))
    plot_rates(finding.rates, finding.losses, finding.suggested, fold.folder / "learning-rates.png", fold.title)
    record = {"suggested": finding.suggested, "rates": rates.tolist(), "losses": losses}
    write_json(fold.folder / "learning-rates.json", record)
    return finding
