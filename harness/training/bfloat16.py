"""Whether a network trains faster in bfloat16 than in float32 on this device: measured in some steps of training."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.models import keras_backend
from harness.models.inference import on_gpu
from harness.training.replicas import replicated
from harness.utils import processor

if TYPE_CHECKING:
    from harness.data.fold import Fold
    from harness.training.settings import TrainingSettings

Step = Callable[[], object]

PAYS = 1.1  # times as fast: less is within what a busy machine makes of equal ones
SECONDS, ROUNDS = 3.0, 20  # of steps that are timed, at most; one round there always is
AMPERE = 8  # NVIDIA's compute capability from which on its GPUs have units for bfloat16


class Timing(NamedTuple):
    """Seconds that a training step takes in each precision."""

    float32: float
    bfloat16: float

    @property
    def times(self) -> float:
        """How many times as fast bfloat16 is."""
        return self.float32 / self.bfloat16

    @property
    def pays(self) -> bool:
        return self.times >= PAYS


def is_available() -> bool:
    """Whether the device that Keras trains on has instructions for bfloat16; of an unknown GPU, that it has."""
    if not on_gpu():
        return processor.has_bfloat16()
    capability = _compute_capability()
    return capability is None or capability >= AMPERE


def measured(settings: TrainingSettings, fold: Fold) -> Timing:
    """Time steps of training a fold in both precisions, one after the other.

    A batch that does not fit into the device's memory is halved, as in training. What is trained is thrown away.

    Args:
        settings: how to train, but for the precision.
        fold: the rows.
    """
    while True:
        try:
            with replicated(settings.replicas):
                in_float32, in_bfloat16 = (_step(settings, fold, mixed) for mixed in (False, True))
                return Timing(*taking_turns(in_float32, in_bfloat16))
        except Exception as error:
            smaller = settings.batch_size // 2 // settings.replicas * settings.replicas
            if not smaller or not keras_backend.out_of_memory(error):
                raise
        settings = dataclasses.replace(settings, batch_size=smaller)


def taking_turns(*steps: Step, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """The least seconds that each of some steps takes; whatever else the machine does meets all of them alike."""
    for step in steps:
        step()  # the first time it is compiled
    seconds: list[list[float]] = [[] for _ in steps]
    started = clock()
    while not seconds[0] or (len(seconds[0]) < ROUNDS and clock() - started < SECONDS):
        for step, taken in zip(steps, seconds, strict=True):
            before = clock()
            step()
            taken.append(clock() - before)
    return [min(taken) for taken in seconds]


def _step(settings: TrainingSettings, fold: Fold, mixed: bool) -> Step:
    """A step of training in one precision, always with the same batch."""
    keras_backend.start(fold.seed)
    from harness.data.batches import Batches
    from harness.training.model import build, compile_trainer
    from harness.training.training_sequence import TrainingSequence

    models = build(dataclasses.replace(settings, mixed_precision=mixed), fold)
    compile_trainer(models, settings, settings.learning_rate, steps=ROUNDS)
    images = settings.cache(fold).images
    batch = TrainingSequence(Batches(images, fold.train, fold.labels, settings.batch_size, seed=fold.seed))[0]
    return lambda: models.trainer.train_on_batch(*batch)


def _compute_capability() -> int | None:
    """The first number of a NVIDIA GPU's compute capability; None where it is not known."""
    import keras

    found: Any
    if keras.backend.backend() == "jax":
        import jax

        found = getattr(jax.devices("gpu")[0], "compute_capability", None)  # such as "8.0"
    else:
        import tensorflow

        gpu = tensorflow.config.list_physical_devices("GPU")[0]
        found = tensorflow.config.experimental.get_device_details(gpu).get("compute_capability")  # such as (8, 0)
    first = str(found).strip("(").partition(",")[0].partition(".")[0]
    return int(first) if first.isdecimal() else None
