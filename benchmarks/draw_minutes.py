"""Draw what finished trainings reached minute by minute: the accuracy on the validation part after each epoch.

    python benchmarks/draw_minutes.py docs/images/cifar10-minutes.svg "two cores: quick=FOLD" "one H100: airbench=FOLD"

FOLD is a fold's folder, ``runs/COMP/RECIPE/KEY/fold-1``. Each place gets a panel. The first epochs of fine-tuning, in
which only the head learns, come before its curve. An epoch's minutes are the training's, divided by its epochs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.report.figures import logarithmic
from harness.utils.files import read_json


def curve(fold: Path) -> tuple[list[float], list[float]]:
    """Minutes and accuracies of a fold's epochs."""
    training, history = (read_json(fold / f"{name}.json") for name in ("training", "history"))
    before = read_json(fold / "frozen-stage" / "training.json") or {"seconds": 0.0}
    assert training and history, f"{fold} holds no finished training"
    accuracies = history["val_accuracy"]
    each = training["seconds"] / len(accuracies)
    return [(before["seconds"] + each * (epoch + 1)) / 60 for epoch in range(len(accuracies))], accuracies


def draw(out: Path, panels: dict[str, dict[str, Path]]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = out.stem  # the same runs give the same bytes
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.6), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, (place, runs) in zip(axes[0], panels.items(), strict=True):
        for name, folder in runs.items():
            minutes, accuracies = curve(folder)
            panel.plot(minutes, accuracies, "o-", markersize=2.5, linewidth=1.2, label=name)
        panel.set(title=place, xlabel="minutes of training, one fold")
        logarithmic(panel)
        panel.grid(alpha=0.3)
        panel.legend(loc="lower right", fontsize=8)
    axes[0][0].set_ylabel("accuracy on the validation part")
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("runs", nargs="+", metavar="PLACE: NAME=FOLD")
    asked = parser.parse_args()
    found: dict[str, dict[str, Path]] = {}
    for run in asked.runs:
        label, _, folder = run.partition("=")
        place, _, name = label.partition(": ")
        found.setdefault(place, {})[name] = Path(folder)
    draw(asked.out, found)
