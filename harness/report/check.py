"""The check of a data set, printed short: what is in it, what is odd, what to mend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.console import seconds
from harness.data.dataset import EXCLUDED
from harness.data.readers.reader import HOLDOUT, TEST, TRAIN
from harness.errors import some

SHOWN = 10  # lines of each finding; the file has them all
CLASSES = 12  # tell each class where there are no more than this


def show(name: str, found: dict[str, Any], out: Console) -> None:
    """Print the report.

    Args:
        name: the competition's.
        found: what ``harness.data.check.examine`` gives.
        out: where to.
    """
    out.print(f"{name}: {found['images']:,} images examined in {seconds(found['seconds'])}")
    out.print(_classes(found))
    out.print(_balance(found))
    out.print()
    table = Table("finding", "images", "", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for title, count, examples in _findings(found):
        table.add_row(title, f"{count:,}", examples)
    out.print(table)
    for title, groups in _lists(found):
        out.print(f"\n{title}:")
        for line in [_line(group) for group in groups[:SHOWN]]:
            out.print(f"  {line}")
        if len(groups) > SHOWN:
            out.print(f"  and {len(groups) - SHOWN:,} more")


def advice(found: dict[str, Any]) -> list[str]:
    """What a person may want to mend or to know before training, the gravest first; empty where all is well."""
    exact, near = found["duplicates"], found["near_duplicates"]
    told = []
    if found["unreadable"]:
        told.append(f"{_images(len(found['unreadable']))} cannot be read: replace or remove them.")
    if conflicting := _conflicting(exact):
        told.append(
            f"{_groups(conflicting)} of identical images carry different labels: keep one label of each; "
            "until then they stay together in folds, and their rows count as mistakes whatever is predicted."
        )
    if leaked := _count(_across(exact), EXCLUDED):
        told.append(f"{_images(leaked)} for training are also in the hold-out; they are left out of training.")
    if known := [group for group in _across(exact) if TEST in group["splits"] and group["labels"]]:
        told.append(f"{_images(_count(known, TEST))} of the test are also among the labelled images.")
    if held := [group for group in near if {TRAIN, HOLDOUT} <= {*group["splits"]}]:
        told.append(
            f"{_images(_count(held, HOLDOUT))} of the hold-out look like a training image: "
            "its score flatters, by at most their share."
        )
    return told


def _classes(found: dict[str, Any]) -> Table:
    """A row a class, or the smallest and the largest ones where there are many."""
    classes, splits = found["classes"], _splits(found)
    table = Table("class", *splits, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    names = list(classes)
    if len(names) > CLASSES:
        by_size = sorted(names, key=lambda name: classes[name].get(TRAIN, 0))
        names = [*by_size[:3], "…", *by_size[-3:]]
    for name in names:
        cells = [f"{classes[name].get(split, 0):,}" if name in classes else "" for split in splits]
        table.add_row(name, *cells)
    totals = [sum(counts.get(split, 0) for counts in classes.values()) for split in splits]
    table.add_section()
    if found["unlabelled"]:
        table.add_row("without a label", *(f"{found['unlabelled'].get(split, 0):,}" for split in splits))
    table.add_row(f"all {len(classes)} classes", *(f"{total:,}" for total in totals))
    return table


def _splits(found: dict[str, Any]) -> list[str]:
    there = set(found["unlabelled"]).union(*found["classes"].values())
    return [split for split in (TRAIN, HOLDOUT, TEST, EXCLUDED) if split in there]


def _balance(found: dict[str, Any]) -> str:
    counts = [counts.get(TRAIN, 0) for counts in found["classes"].values()]
    if max(counts) == min(counts):
        return f"balance: all classes have {counts[0]:,} training images"
    ratio = f"{max(counts) / min(counts):.1f}" if min(counts) else "∞"
    return f"balance: the largest class has {ratio} times the training images of the smallest"


def _findings(found: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Rows of the table: the finding, how many images it concerns, what they are."""
    exact, near = found["duplicates"], found["near_duplicates"]
    readable = found["images"] - len(found["unreadable"])
    if readable:
        kinds = [f"{kind} {count:,}" for kind, count in found["kinds"].items()]
        yield "files", readable, some(kinds, 6)
        yield "sizes (height×width)", readable, _sizes(found)
    yield "unreadable", len(found["unreadable"]), some([f"{k}: {why}" for k, why in found["unreadable"].items()], 3)
    yield "greyscale, one channel", len(found["one_channel"]), some(found["one_channel"], 3)
    yield "greyscale, in colour files", len(found["colourless"]), some(found["colourless"], 3)
    yield "nearly one colour", len(found["flat"]), some(found["flat"], 3)
    limit = found["compared"]["smallest_side"]
    small = readable and min(found["height"]["min"], found["width"]["min"]) < limit
    untold = f"not looked for among images of fewer than {limit} pixels a side" if small else ""
    for title, groups in (("identical", exact), ("near-duplicates", near)):
        yield title, _count(groups), f"in {_groups(groups)}" if groups else untold * (groups is near)
        if groups:
            harmless = [g for g in groups if len(g["labels"]) < 2 and len(g["splits"]) < 2]
            for kind, chosen in (
                ("of one class, in one split", harmless),
                ("of conflicting labels", _conflicting(groups)),
                ("across splits", _across(groups)),
            ):
                yield f"  {kind}", _count(chosen), f"in {_groups(chosen)}" if chosen else ""


def _sizes(found: dict[str, Any]) -> str:
    common, count = next(iter(found["sizes"].items()))
    if len(found["sizes"]) == 1:
        return f"all {common}"
    sides = [
        f"{side}s {found[side]['min']:,} to {found[side]['max']:,} (median {found[side]['median']:,})"
        for side in ("height", "width")
    ]
    return f"{len(found['sizes']):,} different; {', '.join(sides)}; most often {common} ({count:,})"


def _lists(found: dict[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The findings worth naming one by one."""
    exact, near = found["duplicates"], found["near_duplicates"]
    how = found["compared"]
    rule = f"{how['hash']} within {how['bits']} of 64 bits, thumbnails correlated by {how['correlation']} and more"
    for title, groups in (
        ("identical images of conflicting labels", _conflicting(exact)),
        ("identical images across splits", _across(exact)),
        (f"near-duplicates of conflicting labels ({rule})", _conflicting(near)),
        (f"near-duplicates across splits ({rule})", _across(near)),
    ):
        if groups:
            yield title, groups


def _line(group: dict[str, Any]) -> str:
    """A group's images, first one of each label and split, so that what differs is seen in a long one."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for image in group["images"]:
        kinds.setdefault((image["split"], image["label"] or "no label"), []).append(image["source"])
    firsts = [f"{sources[0]} ({split}, {label})" for (split, label), sources in kinds.items()]
    others = [f"{source} ({split}, {label})" for (split, label), (_, *rest) in kinds.items() for source in rest]
    return some(firsts + others, max(2, min(len(firsts), 4)))


def _conflicting(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if len(group["labels"]) > 1]


def _across(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [group for group in groups if len(group["splits"]) > 1]


def _count(groups: list[dict[str, Any]], split: str | None = None) -> int:
    """How many images the groups have, or how many of a split."""
    return sum(split is None or image["split"] == split for group in groups for image in group["images"])


def _images(count: int) -> str:
    return f"{count:,} image" + "s" * (count != 1)


def _groups(groups: list[dict[str, Any]]) -> str:
    return f"{len(groups):,} group" + "s" * (len(groups) != 1)
