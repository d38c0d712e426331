"""Figures of a page: inline SVG that follows the page's colours, and is the same byte for byte for the same numbers."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.scoring.examination import Bin, Threshold
from harness.scoring.leaderboard import Leaderboard, medals
from harness.scoring.metrics import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from harness.runs.page_making import Step

# Drawn in this colour, and then given the page's own, whether that is light or dark.
INK = "#010203"
LEGEND: dict[str, Any] = {"fontsize": 8, "frameon": False, "labelcolor": INK}
STEEP = 30  # times the smallest loss is the largest, from which on they are drawn on a logarithmic scale
PIXELS = 1.5  # at most, for a point of a figure: letters are then about as large as those of the page
FAR = 3  # times the worst rank of an interval is the last one drawn
# Told apart by everybody, and of enough contrast on white and on black. Source: Wong, Points of view (2011).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def curves(folds: Sequence[dict[str, Any]], name: str) -> str:
    """A quantity of training and validation by epoch, a colour a fold, the kept epoch marked.

    What is the same in all folds, as a learning rate may be, is one line.
    """
    figure, axes = blank(4.2, 2.7)
    is_same = (
        len({tuple(fold["history"].get(name, ())) for fold in folds}) == 1 and f"val_{name}" not in folds[0]["history"]
    )
    for number, fold in enumerate(folds[:1] if is_same else folds):
        history, colour = fold["history"], COLOURS[number % len(COLOURS)]
        shown = [(key, style) for key, style in ((name, ":"), (f"val_{name}", "-")) if key in history]
        for key, style in shown:
            values, label = history[key], f"fold {fold['number']}" if key == shown[-1][0] else None
            marker = "." if len(values) < 3 else None
            axes.plot(range(1, len(values) + 1), values, style, color=colour, label=label, marker=marker)
        validation = history.get(f"val_{name}", [])
        if 0 < fold["kept"] <= len(validation):
            axes.plot(fold["kept"], validation[fold["kept"] - 1], "o", color=colour)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_title(name.replace("_", " "))
    drawn = [value for line in axes.lines for value in line.get_ydata()]
    if name == "loss" and min(drawn) > 0 and max(drawn) > STEEP * min(drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    if len(folds) > 1 and not is_same:
        axes.legend(**LEGEND)
    return svg(figure, name)


def reliability(bins: Sequence[Bin], given_class: bool) -> str:
    """How often the given class is right, or a label there, by its probability."""
    figure, axes = blank(4.2, 3.4)
    axes.plot([0, 1], [0, 1], "--", color=INK, alpha=0.5)
    confidences, shares = [one.confidence for one in bins], [one.right for one in bins]
    most = max((one.count for one in bins), default=1)
    axes.plot(confidences, shares, "-", color=COLOURS[0], alpha=0.6)
    axes.scatter(
        confidences, shares, [8 + 92 * one.count / most for one in bins], color=COLOURS[0], zorder=3, clip_on=False
    )
    of_what, share = ("the given class", "share that is right") if given_class else ("a label", "share that has it")
    axes.set(xlabel=f"probability of {of_what}", ylabel=share, xlim=(0, 1.02), ylim=(-0.02, 1.02))
    return svg(figure, "reliability")


def thresholds(found: Sequence[Threshold], positive: str) -> str:
    """Accuracy, precision, recall and F1 by the probability from which on a class or a label is given."""
    figure, axes = blank(4.6, 3.0)
    for number, name in enumerate(("accuracy", "precision", "recall", "f1")):
        axes.plot(
            [one.at for one in found],
            [getattr(one, name) for one in found],
            color=COLOURS[number],
            label=name.capitalize(),
        )
    axes.axvline(0.5, color=INK, alpha=0.5, linestyle="--")
    axes.set_ylabel("share")
    axes.set_xlabel(f"probability from which on {positive} is given", parse_math=False)  # a class may be called "$5"
    axes.legend(**LEGEND)
    return svg(figure, "thresholds")


def graph(steps: Sequence[Step]) -> str:
    """The steps of a run from left to right, with lines to what each needs."""
    depth: dict[str, int] = {}
    for step in steps:  # what is needed comes first
        depth[step.name] = 1 + max((depth[need] for need in step.needs), default=-1)
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    tallest = max(map(len, columns.values()))
    figure, axes = blank(1.9 * len(columns), 0.6 + 0.5 * tallest)
    place = {
        name: (column, (row + 0.5) * tallest / len(names))
        for column, names in columns.items()
        for row, name in enumerate(names)
    }
    for step in steps:
        for need in step.needs:
            across, down = zip(place[need], place[step.name], strict=True)
            axes.plot(across, down, "-", color=COLOURS[0], alpha=0.6, linewidth=1, zorder=1)
    for name, (x, y) in place.items():
        axes.plot(x, y, "o", color=COLOURS[1], zorder=2)
        axes.text(x, y - 0.14, name, ha="center", va="bottom", fontsize=9, color=INK)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.set_ylim(tallest + 0.1, -0.3)
    axes.axis("off")
    return svg(figure, "graph")


def standing(board: Leaderboard, interval: Interval) -> str | None:
    """A score with its interval among the known points of a leaderboard; None without ranks."""
    ranked = sorted((point.rank, point.score) for point in board.points if point.rank is not None)
    if not ranked:
        return None
    figure, axes = blank(5.2, 3.0)
    span = board.span(interval)
    # The last teams of a board can score so badly that nothing could be told of the others.
    last = max(FAR * ((span[1] if span else 0) or ranked[-1][0]), medals(board.teams)["bronze"] if board.teams else 0)
    ranks, scores = zip(*(ranked[:1] + [point for point in ranked[1:] if point[0] <= last]), strict=True)
    axes.plot(scores, ranks, ".-", color=COLOURS[0], label="known ranks")
    axes.axvspan(interval.low, interval.high, color=COLOURS[1], alpha=0.3, label="95 % interval")
    axes.axvline(interval.score, color=COLOURS[1], label="this run")
    for medal, last in medals(board.teams).items() if board.teams else ():
        axes.axhline(last, color=INK, alpha=0.4, linewidth=0.7)
        axes.text(axes.get_xlim()[0], last, f" {medal}", va="bottom", fontsize=8, color=INK)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.invert_yaxis()
    axes.set(xlabel=board.metric.title, ylabel="rank")
    axes.legend(**LEGEND)
    return svg(figure, "standing")


def ranking(names: Sequence[str], intervals: Sequence[Interval], title: str) -> str:
    """Scores with their intervals, one above the other, the first on top."""
    figure, axes = blank(5.2, 0.8 + 0.3 * len(names))
    for place, one in enumerate(intervals):
        axes.plot([one.low, one.high], [place, place], "-", color=COLOURS[0], linewidth=2)
        axes.plot(one.score, place, "o", color=COLOURS[1])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(title)
    return svg(figure, "ranking")


def worth(rows: Sequence[dict[str, Any]], split: str, title: str) -> str:
    """Each run's score by the minutes it took in all, with a line along the Pareto front."""
    figure, axes = blank(5.2, 3.4)
    for is_on_front, colour in ((False, COLOURS[0]), (True, COLOURS[1])):
        shown = sorted(
            (max(row["seconds_in_all"], 0.1) / 60, row[split], row["recipe"])
            for row in rows
            if row["pareto"] == is_on_front
        )
        if not shown:
            continue
        minutes, scores = [minutes for minutes, *_ in shown], [score for _, score, _ in shown]
        axes.plot(minutes, scores, "o" + "-" * is_on_front, color=colour, markersize=4)
        for x, y, name in shown if is_on_front else ():
            axes.annotate(name, (x, y), (4, -9), textcoords="offset points", fontsize=8, color=INK)
    logarithmic(axes)
    axes.set(xlabel="minutes in all", ylabel=title)
    return svg(figure, "worth")


def blank(width: float, height: float) -> tuple[Figure, Any]:
    """A figure in inches with its axes, in the page's colours."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.grid(alpha=0.25, color=INK)
    axes.tick_params(colors=INK, which="both")
    for part in (axes.xaxis.label, axes.yaxis.label, axes.title):
        part.set_color(INK)
    for spine in axes.spines.values():
        spine.set_color(INK)
    return figure, axes


def logarithmic(axes: Any) -> None:
    """Show x by its powers, with 1, 2 and 5 of each as plain numbers: more of them would cover each other."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def svg(figure: Figure, name: str) -> str:
    """The SVG element, with ids of its own: there are several on a page."""
    import matplotlib

    file = io.StringIO()
    settings = {"svg.hashsalt": name, "svg.fonttype": "path"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a name that the font lacks
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()[file.getvalue().index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r"(url\(|href=\")#", rf"\1#{name}-", text)
    widest = f"max-width: {PIXELS * 72 * figure.get_figwidth():.0f}px"
    text = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>',
        rf'<svg viewBox="\1" style="{widest}" aria-hidden="true" focusable="false">',
        text,
        count=1,
    )
    return text.replace('xlink:href="', 'href="').replace(INK, "currentColor")
