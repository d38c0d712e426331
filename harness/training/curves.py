"""Plots of learning curves and of the learning-rate search."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.utils.files import whole


def plot(history: dict[str, list[float]], path: Path, title: str) -> None:
    """Plot loss, accuracy and learning rate by epoch, for training and validation.

    Args:
        history: values by epoch under "loss", "val_loss", "accuracy" (of numbers "absolute_error"), these with "val_",
            and "learning_rate".
        path: the PNG file, written atomically.
        title: the figure's title.
    """
    # The object interface, not pyplot: no global state, no display, and no memory leak over hundreds of plots.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    figure.suptitle(title)
    epochs = range(1, len(next(iter(history.values()), [])) + 1)
    middle = "absolute_error" if "absolute_error" in history else "accuracy"
    for axes, name in zip(figure.subplots(1, 3), ("loss", middle, "learning_rate"), strict=True):
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
    """Plot the loss by learning rate, and mark the suggested learning rate.

    Args:
        rates: (steps,) the learning rates.
        losses: (steps,) the losses.
        suggested: the suggested learning rate.
        path: the PNG file, written atomically.
        title: the figure's title.
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
