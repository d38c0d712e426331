"""Figures of a search: how the best grew, what mattered, and the score by each setting."""

from __future__ import annotations

from typing import Any

from harness.report.figures import COLOURS, LEGEND, blank, logarithmic, svg
from harness.runs.searches import COMPLETE
from harness.scoring.metrics import METRICS


def drawn(search: dict[str, Any]) -> dict[str, str]:
    """The figures as SVG by what each shows, in words; fewer where few trials are complete.

    Args:
        search: the content of its ``search.json``.
    """
    complete = [trial for trial in search["trials"] if trial["state"] == COMPLETE]
    metric = METRICS.get(search["metric"])
    if not complete or metric is None:  # by an own metric that was changed since
        return {}
    found = {"The score of each trial, and the best so far": _history(complete, metric.title, metric.higher_is_better)}
    if search["importance"]:
        found["How much of the differences each setting explains"] = _importance(search["importance"])
    for axis in search["space"]:
        found[f"The score by {axis['name']}"] = _slice(axis, complete, search["best"], metric.title)
    return found


def _history(complete: list[dict[str, Any]], title: str, higher: bool) -> str:
    figure, axes = blank(4.2, 2.7)
    numbers, values = [one["number"] for one in complete], [one["value"] for one in complete]
    best: list[float] = []
    for value in values:
        best.append((max if higher else min)([*best[-1:], value]))
    axes.plot(numbers, values, "o", color=COLOURS[0], markersize=4, label="a trial")
    axes.step(numbers, best, where="post", color=COLOURS[1], label="the best so far")
    axes.set(xlabel="trial", ylabel=title)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(**LEGEND)
    return svg(figure, "search-history")


def _importance(shares: dict[str, float]) -> str:
    figure, axes = blank(4.2, 0.8 + 0.4 * len(shares))
    axes.barh([*shares], [*shares.values()], color=COLOURS[0])
    axes.invert_yaxis()
    axes.set(xlabel="share", xlim=(0, 1))
    return svg(figure, "search-importance")


def _slice(axis: dict[str, Any], complete: list[dict[str, Any]], best: int | None, title: str) -> str:
    """The score by one setting: numbers along a line, choices side by side."""
    figure, axes = blank(4.2, 2.7)
    typed = [one["point"][axis["name"]] for one in complete]
    places = [axis["choices"].index(text) if axis["choices"] else float(text) for text in typed]
    axes.plot(places, [one["value"] for one in complete], "o", color=COLOURS[0], markersize=4)
    chosen = [number for number, one in enumerate(complete) if one["number"] == best]
    for number in chosen:
        axes.plot(places[number], complete[number]["value"], "o", color=COLOURS[1], markersize=8, label="the best")
        axes.legend(**LEGEND)
    if axis["choices"]:
        axes.set_xticks(range(len(axis["choices"])), axis["choices"])
        axes.set_xlim(-0.5, len(axis["choices"]) - 0.5)
    elif axis["log"]:
        logarithmic(axes)
    axes.set(xlabel=axis["name"], ylabel=title)
    return svg(figure, f"search-{axis['name']}")
