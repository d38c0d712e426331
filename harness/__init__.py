"""Harness: a Kaggle-style image-competition harness on Keras 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api import FinishedRun, LoadedCompetition, load, runs, score

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
