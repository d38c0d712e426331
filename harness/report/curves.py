"""Learning curves as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.files import whole


def plot(history: dict[str, list[float]], path: Path, title: str) -> None:
    """Draw loss, accuracy and learning rate by epoch, for training and validation.

    Args:
        history: values by epoch: "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate".
        path: the PNG, written whole.
        title: over the picture.
    """
    # The object interface, not pyplot: no global state, no display, no leak over hundreds of plots.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    figure.suptitle(title)
    epochs = range(1, len(next(iter(history.values()), [])) + 1)
    for axes, name in zip(figure.subplots(1, 3), ("loss", "accuracy", "learning_rate"), strict=True):
        for key, label, style in ((name, "training", "-"), (f"val_{name}", "validation", "--")):
            if key in history:
                axes.plot(epochs, history[key], style, label=label, marker="." if len(epochs) < 3 else None)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(name.replace("_", " "))
        axes.grid(alpha=0.3)
        if f"val_{name}" in history:
            axes.legend()
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=110)


def plot_rates(rates: np.ndarray, losses: np.ndarray, suggested: float, path: Path, title: str) -> None:
    """Draw the loss by learning rate, and mark the suggested one.

    Args:
        rates, losses: (steps,) each.
        suggested: a learning rate.
        path: the PNG, written whole.
        title: over the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses)
    axes.axvline(suggested, linestyle="--", color="tab:green", label=f"suggested: {suggested:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss, smoothed")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    with whole(path) as temporary:
        figure.savefig(temporary, dpi=110)
