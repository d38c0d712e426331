"""Harness: a Kaggle-style image-competition harness on Keras 3."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api import FinishedRun, LoadedCompetition, load, runs, score

# Read where Keras and TensorFlow are first imported, which a competition's own modules may do before any code of ours.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# The start-up messages are about our choice of wheel, which no user can fix.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# TensorFlow takes oneDNN's kernels by itself on some processors only. On one with AVX2 alone, where it does not, they
# train networks from scratch 1.5 to 1.7 times as fast (docs/training.md), and give the same each time too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"
__all__ = ["FinishedRun", "LoadedCompetition", "load", "runs", "score"]


def __getattr__(name: str) -> object:
    # Loaded when first asked for: `harness --help` answers in a blink.
    if name in __all__:
        from harness import api

        # All at once, for the package harness.runs has put itself where the function belongs.
        globals().update({public: getattr(api, public) for public in __all__})
        return globals()[name]
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
