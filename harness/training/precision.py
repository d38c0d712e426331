"""Mixed precision: what of a training model computes in bfloat16."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.models import keras_backend

if TYPE_CHECKING:
    from harness.training.settings import TrainingSettings


@contextlib.contextmanager
def around_training() -> Iterator[None]:
    """What is made inside computes in float32: pixels that were resampled and labels that were mixed are fractions."""
    with keras_backend.dtype_policy("float32"):
        yield


@contextlib.contextmanager
def of_network(settings: TrainingSettings) -> Iterator[None]:
    """The network made inside computes in bfloat16 if the settings say so; its weights are float32 all the same.

    "auto", which nobody has decided, is float32.
    """
    with keras_backend.dtype_policy("mixed_bfloat16" if settings.mixed_precision is True else "float32"):
        yield
