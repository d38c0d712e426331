"""The report of ``harness check``: what a data set contains, what is unusual, and what to fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.data.dataset import EXCLUDED
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.utils.console import seconds
from harness.utils.errors import some

SHOWN = 10  # lines for each finding; the saved file has all of them
CLASSES = 12  # with more classes than this, only the smallest and the largest are shown
# What images are counted by, one and several, where these are no classes.
WORDS = {"multilabel": ("label", "labels"), "regression": ("range", "ranges")}


def show(name: str, examination: dict[str, Any], out: Console) -> None:
    """Print the report.

    Args:
        name: the competition's name.
        examination: the result of ``harness.data.quality.check.examine``.
        out: where to print.
    """
    out.print(f"{name}: {examination['images']:,} images examined in {seconds(examination['seconds'])}")
    out.print(_classes(examination))
    out.print(_balance(examination))
    out.print()
    table = Table("finding", "images", "", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for title, count, examples in _findings(examination):
        table.add_row(title, f"{count:,}", examples)
    out.print(table)
    for title, groups in _lists(examination):
        out.print(f"\n{title}:")
        for group in groups[:SHOWN]:
            out.print(f"  {_group_line(group)}")
        if len(groups) > SHOWN:
            out.print(f"  and {len(groups) - SHOWN:,} more")


def advice(examination: dict[str, Any]) -> list[str]:
    """What to fix or to know before training, the most serious first; empty if there is nothing."""
    exact, near = examination["duplicates"], examination["near_duplicates"]
    remarks = []
    if examination["unreadable"]:
        remarks.append(f"{_images(len(examination['unreadable']))} cannot be read: replace or remove them.")
    if 2 * len(examination["narrow"]) > examination["deep"]:
        remarks.append(
            f"{len(examination['narrow']):,} of {_images(examination['deep'])} of more than 8 bits use less than an "
            "eighth of the grey levels once they are brought to 8 bits, which loses detail: set another window= in the "
            'competition\'s competition.py, such as window="percentiles", or (low, high) for all images.'
        )
    kept = "the labels of one image" if _words(examination)[0] == "label" else "one label"
    if conflicting := _conflicting(exact):
        remarks.append(
            f"{_groups(conflicting)} of identical images carry different labels: keep {kept} of each group. Until "
            "then they stay together in folds, and at least one of their rows counts as a mistake."
        )
    if leaked := _count(_across(exact), EXCLUDED):
        remarks.append(f"{_images(leaked)} for training are also in the hold-out; they are left out of training.")
    if labelled := [group for group in _across(exact) if TEST in group["splits"] and group["labels"]]:
        remarks.append(f"{_images(_count(labelled, TEST))} of the test are also among the labelled images.")
    if similar := [group for group in near if {TRAIN, HOLDOUT} <= {*group["splits"]}]:
        remarks.append(
            f"{_images(_count(similar, HOLDOUT))} of the hold-out look like a training image: "
            "the hold-out score is too good, by at most their share."
        )
    return remarks + _of_minorities(examination["minorities"], *_words(examination))


def advice_on_folds(held_by_few: list[dict[str, Any]]) -> list[str]:
    """What to know of labels that few folds hold, as ``harness.data.quality.minorities.held_by_few`` finds them."""
    if not held_by_few:
        return []
    told = [f"{one['name']}, {_images(one['images'])}: {_where_held(one)}" for one in held_by_few]
    labels = "1 label is" if len(told) == 1 else f"{len(told):,} labels are"
    return [
        f"{labels} in too few folds for an honest score ({'; '.join(told[:5])}"
        + f"{f'; and {len(told) - 5:,} more' if len(told) > 5 else ''}): add images, join labels, or try another seed: "
        "folds=KFold(seed=1) in the competition's competition.py."
    ]


def _where_held(one: dict[str, Any]) -> str:
    if one["lost"]:
        return "one fold validates them all, and trains on none"
    return "always trained on, never validated" if not one["folds"] else "one fold validates some, the others none"


def _of_minorities(found: dict[str, Any], one: str = "class", several: str = "classes") -> list[str]:
    """What to know of classes and labels of which there is little.

    Args:
        found: as ``minorities`` finds it.
        one, several: what images are counted by.
    """
    remarks = []
    if found["few"]:
        few = [f"{name} {count}" for name, count in sorted(found["few"].items(), key=lambda item: item[1])]
        have = f"1 {one} has" if len(few) == 1 else f"{len(few):,} {several} have"
        remarks.append(f"{have} fewer than 5 training images, too few for each fold: {some(few)}.")
    if found["held"]:
        held = [f"{name} {share:.0%}" for name, share in found["held"].items()]
        remarks.append(
            f"Of {f'1 {one}' if len(held) == 1 else f'{len(held):,} {several}'} one group has over half the training "
            f"images ({some(held)}): the fold that validates it trains on few of them."
        )
    if pairs := found["never_together"]:
        told = [f"{first} and {other}, by chance in {expected:g}" for first, other, expected in pairs]
        remarks.append(
            f"{'1 pair of labels never occurs' if len(pairs) == 1 else f'{len(pairs):,} pairs of labels never occur'} "
            f"together ({some(told, 3)}): do they exclude each other?"
        )
    return remarks


def _classes(examination: dict[str, Any]) -> Table:
    """One row per class or label; if there are many, only the smallest and the largest."""
    classes, splits = examination["classes"], _splits(examination)
    one, several = _words(examination)
    table = Table(one, *splits, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    names = list(classes)
    if len(names) > CLASSES:
        by_size = sorted(names, key=lambda name: classes[name].get(TRAIN, 0))
        names = [*by_size[:3], "…", *by_size[-3:]]
    for name in names:
        cells = [f"{classes[name].get(split, 0):,}" if name in classes else "" for split in splits]
        table.add_row(name, *cells)
    table.add_section()
    if one == "label":  # an image may have several, or none: their counts add up to nothing
        sums = {"without any label": "without any", "labels not known": "unlabelled", "all labelled images": "labelled"}
    else:
        sums = {"without a label": "unlabelled", f"all {len(classes)} {several}": "labelled"}
    for title, counted in sums.items():
        if examination[counted] or counted == "labelled":
            table.add_row(title, *(f"{examination[counted].get(split, 0):,}" for split in splits))
    return table


def _words(examination: dict[str, Any]) -> tuple[str, str]:
    """What images are counted by: one, and several."""
    return WORDS.get(examination["targets"], ("class", "classes"))


def _splits(examination: dict[str, Any]) -> list[str]:
    present = {*examination["labelled"], *examination["unlabelled"]}
    return [split for split in (TRAIN, HOLDOUT, TEST, EXCLUDED) if split in present]


def _balance(examination: dict[str, Any]) -> str:
    counts = [counts.get(TRAIN, 0) for counts in examination["classes"].values()]
    one, several = _words(examination)
    if max(counts) == min(counts):
        return f"balance: all {several} have {counts[0]:,} training images"
    ratio = f"{max(counts) / min(counts):.1f}" if min(counts) else "∞"
    largest, smallest = ("commonest", "rarest") if one == "label" else ("largest", "smallest")
    return f"balance: the {largest} {one} has {ratio} times the training images of the {smallest}"


def _findings(examination: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Rows of the table: the finding, the number of images, and examples."""
    exact, near = examination["duplicates"], examination["near_duplicates"]
    readable = examination["images"] - len(examination["unreadable"])
    if readable:
        kinds = [f"{kind} {count:,}" for kind, count in examination["kinds"].items()]
        yield "files", readable, some(kinds, 6)
        yield "sizes (height×width)", readable, _sizes(examination)
    reasons = [f"{image}: {reason}" for image, reason in examination["unreadable"].items()]
    yield "unreadable", len(examination["unreadable"]), some(reasons, 3)
    yield "greyscale, one channel", len(examination["one_channel"]), some(examination["one_channel"], 3)
    yield "greyscale, in colour files", len(examination["colourless"]), some(examination["colourless"], 3)
    if examination["deep"]:
        yield "of more than 8 bits", examination["deep"], "brought to 8 bits by window= in competition.py"
        yield "  of few grey levels then", len(examination["narrow"]), some(examination["narrow"], 3)
    yield "nearly one colour", len(examination["flat"]), some(examination["flat"], 3)
    same = "the same labels" if _words(examination)[0] == "label" else "one class"
    limit = examination["compared"]["smallest_side"]
    small = readable and min(examination["height"]["min"], examination["width"]["min"]) < limit
    not_compared = f"not looked for among images of fewer than {limit} pixels a side" if small else ""
    for title, groups in (("identical", exact), ("near-duplicates", near)):
        yield title, _count(groups), f"in {_groups(groups)}" if groups else not_compared * (groups is near)
        if groups:
            harmless = [group for group in groups if len(group["labels"]) < 2 and len(group["splits"]) < 2]
            for kind, of_kind in (
                (f"of {same}, in one split", harmless),
                ("with conflicting labels", _conflicting(groups)),
                ("across splits", _across(groups)),
            ):
                yield f"  {kind}", _count(of_kind), f"in {_groups(of_kind)}" if of_kind else ""


def _sizes(examination: dict[str, Any]) -> str:
    common, count = next(iter(examination["sizes"].items()))
    if len(examination["sizes"]) == 1:
        return f"all {common}"
    sides = [
        f"{side}s {examination[side]['min']:,} to {examination[side]['max']:,} (median {examination[side]['median']:,})"
        for side in ("height", "width")
    ]
    return f"{len(examination['sizes']):,} different; {', '.join(sides)}; most often {common} ({count:,})"


def _lists(examination: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The groups of images to list one by one."""
    exact, near = examination["duplicates"], examination["near_duplicates"]
    limits = examination["compared"]
    rule = (
        f"{limits['hash']} differs in at most {limits['bits']} of 64 bits, thumbnails correlate by at least "
        f"{limits['correlation']}"
    )
    for title, groups in (
        ("identical images with conflicting labels", _conflicting(exact)),
        ("identical images across splits", _across(exact)),
        (f"near-duplicates with conflicting labels ({rule})", _conflicting(near)),
        (f"near-duplicates across splits ({rule})", _across(near)),
    ):
        if groups:
            yield title, groups


def _group_line(group: dict[str, Any]) -> str:
    """A group's images, starting with one of each label and split, so that the differences show in a long group."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for image in group["images"]:
        by_kind.setdefault((image["split"], image["label"] or "no label"), []).append(image["source"])
    firsts = [f"{sources[0]} ({split}, {label})" for (split, label), sources in by_kind.items()]
    others = [f"{source} ({split}, {label})" for (split, label), (_, *rest) in by_kind.items() for source in rest]
    return some(firsts + others, max(2, min(len(firsts), 4)))


def _conflicting(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if len(group["labels"]) > 1]


def _across(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if len(group["splits"]) > 1]


def _count(groups: list[dict[str, Any]], split: str | None = None) -> int:
    """The number of images in the groups, or of those in one split."""
    return sum(split is None or image["split"] == split for group in groups for image in group["images"])


def _images(count: int) -> str:
    return f"{count:,} image" + "s" * (count != 1)


def _groups(groups: list[dict[str, Any]]) -> str:
    return f"{len(groups):,} group" + "s" * (len(groups) != 1)
