"""The check of a data set before training: every image is decoded once, and all findings are stored."""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from harness.data import complaints, near_duplicates
from harness.data.cache.cache import blocks
from harness.data.dataset import Dataset
from harness.data.eight_bits import PERCENTILES
from harness.data.folds import group_by
from harness.data.images import UnreadableError, opened
from harness.data.quality.minorities import minorities
from harness.data.windowed import decoding_steps, read_told
from harness.utils import fingerprint as fp
from harness.utils.console import doing, progress, say
from harness.utils.files import lock, read_json, write_json
from harness.utils.versions import versions

Array = np.ndarray

NO_GROUP = -1
# Pillow's modes with one channel, with and without transparency.
GREY_MODES = ("1", "L", "LA", "La", "I", "F")
# An image of which all but the darkest and the brightest pixels lie within this share of the levels has lost detail.
NARROW, LEVELS = 1 / 8, 256


def load_or_examine(dataset: Dataset, file: Path) -> dict[str, Any]:
    """The findings of ``examine``, stored in ``file``; examined again if the data or the examination has changed."""
    made_from = fp.fingerprint(
        dataset=dataset.fingerprint,
        sources=dataset.sources,
        libraries={"opencv": cv2.__version__, "imagehash": version("ImageHash")},
        steps=versions("check", "near_duplicates", *decoding_steps(dataset.sources)),
    )
    with lock(file, "the check of the data"):
        stored = read_json(file)
        if stored is not None and stored.get("made_from") == made_from:
            say("check: up to date")
            return stored
        findings = {"made_from": made_from} | examine(dataset)
        write_json(file, findings)
        return findings


def examine(dataset: Dataset) -> dict[str, Any]:
    """Decode every image once and find what a competitor should know about the data.

    Returns:
        JSON-able: "images", "seconds"; "targets", the kind's name; "classes" (class, label or range of numbers to split
        to count); "labelled", "unlabelled" and "without any", labelled but with none of the labels (split to count);
        "height" and "width" (min, median, max), "sizes" (h×w to count), "kinds" ("JPEG RGB" to count);
        "deep", how many images have more than 8 bits; "one_channel", "colourless" (three equal channels), "flat"
        (nearly one colour) and "narrow" (of more than 8 bits, of which the window leaves few levels), each a list of
        sources; "unreadable" (source to reason); "duplicates" and "near_duplicates", each a list of groups of
        "labels", "splits" and "images" (id, source, split, label); "compared", how near duplicates are found;
        "minorities", as ``minorities`` finds them.
    """
    started = time.monotonic()
    scan = _scan(dataset)
    readable = np.array([row not in scan.unreadable for row in range(len(dataset))])
    rows = np.flatnonzero(readable)
    # Two empty files have equal bytes but are not copies of an image.
    exact_groups = np.where(readable, group_by(list(dataset.hashes)), NO_GROUP)
    with doing("looking for near-duplicates"):
        near_groups = _near_groups(scan, exact_groups)
    side_statistics = dict(zip(("height", "width"), (_statistics(side) for side in scan.sizes[rows].T), strict=True))

    classes = dataset.targets.counted(dataset.labels, dataset.classes)
    is_labelled = dataset.targets.is_labelled(dataset.labels)
    has_any = np.any([*classes.values()], axis=0)

    def by_split(mask: Array) -> dict[str, int]:
        return dict(Counter(dataset.splits[mask].tolist()))

    def sources(mask: Array) -> list[str]:
        return [dataset.sources[row] for row in np.flatnonzero(mask & readable)]

    return {
        "images": len(dataset),
        "targets": dataset.targets.name,
        "classes": {name: by_split(mask) for name, mask in classes.items()},
        "labelled": by_split(is_labelled),
        "unlabelled": by_split(~is_labelled),
        "without any": by_split(is_labelled & ~has_any),
        **side_statistics,
        "sizes": _value_counts(f"{height}×{width}" for height, width in scan.sizes[rows].tolist()),
        "kinds": _value_counts(scan.kinds[row] for row in rows),
        "one_channel": sources(scan.one_channel),
        "colourless": sources(scan.colourless & ~scan.one_channel),
        "flat": sources(scan.flat),
        "deep": int(scan.deep[rows].sum()),
        # With percentiles few levels are those of the image itself: no other window would show more.
        "narrow": [] if getattr(dataset.images, "window", "") == "percentiles" else sources(scan.deep & scan.narrow),
        "unreadable": {dataset.sources[row]: scan.unreadable[row] for row in sorted(scan.unreadable)},
        "duplicates": _groups(dataset, exact_groups),
        "near_duplicates": _groups(dataset, near_groups),
        "compared": {
            "hash": "pHash",
            "bits": near_duplicates.DISTANCE,
            "correlation": near_duplicates.CORRELATION,
            "smallest_side": near_duplicates.TOO_SMALL,
        },
        "minorities": minorities(dataset),
        "seconds": round(time.monotonic() - started, 1),
    }


@dataclass(frozen=True)
class _Scan:
    """The results of one pass over the images, one row per image.

    Args:
        sizes: (n, 2) height and width.
        kinds: format and mode of each file.
        one_channel: (n,) bool.
        colourless: (n,) bool, whether the channels are equal everywhere.
        flat: (n,) bool.
        deep: (n,) bool, whether an image has more than 8 bits.
        narrow: (n,) bool, whether most pixels have one of few levels.
        hashes: (n,) uint64.
        thumbnails: (n, 16, 16, 3) uint8.
        unreadable: why images cannot be read, by row.
    """

    sizes: Array
    kinds: list[str]
    one_channel: Array
    colourless: Array
    flat: Array
    deep: Array
    narrow: Array
    hashes: Array
    thumbnails: Array
    unreadable: dict[int, str]


def _scan(dataset: Dataset) -> _Scan:
    n = len(dataset)
    scan = _Scan(
        sizes=np.zeros((n, 2), np.int64),
        kinds=[""] * n,
        one_channel=np.zeros(n, bool),
        colourless=np.zeros(n, bool),
        flat=np.zeros(n, bool),
        deep=np.zeros(n, bool),
        narrow=np.zeros(n, bool),
        hashes=np.zeros(n, np.uint64),
        thumbnails=np.zeros((n, *near_duplicates.THUMBNAIL.shape), np.uint8),
        unreadable={},
    )

    def scan_block(rows: range) -> int:
        for row in rows:
            try:
                with complaints.of(dataset.sources[row]):
                    content, scan.deep[row] = read_told(dataset.images, dataset.sources[row])
                    _scan_image(scan, row, content)
            except (UnreadableError, FileNotFoundError) as reason:
                # A missing permission is not reported: fixing it changes no key, so the stored report would stay.
                scan.unreadable[row] = str(reason)
        return len(rows)

    with complaints.decoders(os.cpu_count()) as pool, progress("examining images", n, "img") as bar:
        for scanned in pool.map(scan_block, blocks(n)):
            bar.update(scanned)
    return scan


def _scan_image(scan: _Scan, row: int, content: bytes | Array) -> None:
    with opened(content) as image:
        scan.sizes[row] = image.shape[:2]
        red, green, blue = (image[..., channel] for channel in range(3))
        scan.colourless[row] = np.array_equal(red, green) and np.array_equal(green, blue)
        low, high = np.percentile(image, PERCENTILES) if scan.deep[row] else (0, LEVELS)
        scan.narrow[row] = high - low < NARROW * LEVELS
        scan.hashes[row], scan.thumbnails[row], scan.flat[row] = near_duplicates.perceive(image)
    if isinstance(content, bytes):
        scan.kinds[row], scan.one_channel[row] = _kind(content)
    else:
        scan.kinds[row], scan.one_channel[row] = "array", content.ndim == 2


def _kind(content: bytes) -> tuple[str, bool]:
    """The format and mode in a file's header, such as ``"GIF P animated"``, and whether it has one channel."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = f"{image.format} {image.mode}" + " animated" * getattr(image, "is_animated", False)
            return kind, image.mode in GREY_MODES or image.mode.startswith("I;16")
    except Exception:  # OpenCV could read it, so Pillow's error does not matter
        return "other", False


def _near_groups(scan: _Scan, exact_groups: Array) -> Array:
    """A group number for each row that looks like another one, else ``NO_GROUP``; exact copies share theirs."""
    numbers, first_rows = np.unique(exact_groups, return_index=True)
    comparable = (
        (numbers != NO_GROUP)
        & ~scan.flat[first_rows]
        & (scan.sizes[first_rows].min(axis=1) >= near_duplicates.TOO_SMALL)
    )
    numbers, first_rows = numbers[comparable], first_rows[comparable]
    component = near_duplicates.components(scan.hashes[first_rows], scan.thumbnails[first_rows])
    is_alone = np.bincount(component, minlength=1)[component] == 1
    group_of = np.full(len(exact_groups) + 1, NO_GROUP)  # the last element stays NO_GROUP: index NO_GROUP (-1) reads it
    group_of[numbers] = np.where(is_alone, NO_GROUP, component)
    return group_of[exact_groups]


def _groups(dataset: Dataset, numbers: Array) -> list[dict[str, Any]]:
    """The groups of two or more rows, in the order of their first rows, with the labels and splits they span."""
    order = np.argsort(numbers, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    groups = [rows for rows in runs if len(rows) > 1 and numbers[rows[0]] != NO_GROUP]
    return [_group(dataset, rows) for rows in sorted(groups, key=lambda rows: rows[0])]


def _group(dataset: Dataset, rows: Array) -> dict[str, Any]:
    images = [
        {
            "id": dataset.ids[row],
            "source": dataset.sources[row],
            "split": str(dataset.splits[row]),
            "label": label,
        }
        for row, label in zip(rows, dataset.words(rows), strict=True)
    ]
    return {
        "labels": sorted({image["label"] for image in images if image["label"] is not None}),
        "splits": sorted({image["split"] for image in images}),
        "images": images,
    }


def _statistics(values: Array) -> dict[str, int]:
    if not len(values):
        return {}
    return {"min": int(values.min()), "median": int(np.median(values)), "max": int(values.max())}


def _value_counts(values: Any) -> dict[str, int]:
    """How often each value occurs, the most common first."""
    return dict(Counter(values).most_common())
