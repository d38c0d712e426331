"""The examination of a data set before anyone trains: every image decoded once, every finding kept."""

from __future__ import annotations

import concurrent.futures
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

from harness import fingerprint as fp
from harness.console import progress, say
from harness.data import near
from harness.data.cache import blocks
from harness.data.dataset import UNLABELLED, Dataset
from harness.data.folds import group_by
from harness.data.images import UnreadableError, rgb
from harness.files import lock, read_json, write_json

Array = np.ndarray

NO_GROUP = -1
# Pillow's modes of one channel, with and without transparency.
GREY_MODES = ("1", "L", "LA", "La", "I", "F")


def load_or_examine(dataset: Dataset, file: Path) -> dict[str, Any]:
    """What ``examine`` found, as kept in ``file``, or found anew where the data or the examination changed."""
    made_from = fp.fingerprint(
        dataset=dataset.fingerprint,
        sources=dataset.sources,
        libraries={"opencv": cv2.__version__, "imagehash": version("ImageHash")},
        code=fp.code("data.check", "data.near", "data.images"),
    )
    with lock(file, "the check of the data"):
        kept = read_json(file)
        if kept is not None and kept.get("made_from") == made_from:
            say("check: up to date")
            return kept
        found = {"made_from": made_from} | examine(dataset)
        write_json(file, found)
        return found


def examine(dataset: Dataset) -> dict[str, Any]:
    """Decode every image once and find what a competitor should know of.

    Returns:
        JSON-able: "images", "seconds"; "classes" (class to split to count) and "unlabelled" (split to count);
        "height" and "width" (min, median, max), "sizes" (h×w to count), "kinds" ("JPEG RGB" to count);
        "one_channel", "colourless" (three equal channels) and "flat" (nearly one colour), each a list of
        sources; "unreadable" (source to reason); "duplicates" and "near_duplicates", each a list of groups of
        "labels", "splits" and "images" (id, source, split, label); "compared", how the latter were found.
    """
    started = time.monotonic()
    seen = _look_at_all(dataset)
    readable = np.array([row not in seen.unreadable for row in range(len(dataset))])
    rows = np.flatnonzero(readable)
    sides = dict(zip(("height", "width"), (_spread(side) for side in seen.sizes[rows].T), strict=True))
    # Two empty files have equal bytes, but are no duplicates of a picture.
    same = np.where(readable, group_by(list(dataset.hashes)), NO_GROUP)

    def sources(chosen: Array) -> list[str]:
        return [dataset.sources[row] for row in np.flatnonzero(chosen & readable)]

    return {
        "images": len(dataset),
        "classes": _classes(dataset),
        "unlabelled": dict(Counter(dataset.splits[dataset.labels == UNLABELLED].tolist())),
        **sides,
        "sizes": _counted(f"{height}×{width}" for height, width in seen.sizes[rows].tolist()),
        "kinds": _counted(seen.kinds[row] for row in rows),
        "one_channel": sources(seen.one_channel),
        "colourless": sources(seen.colourless & ~seen.one_channel),
        "flat": sources(seen.flat),
        "unreadable": {dataset.sources[row]: seen.unreadable[row] for row in sorted(seen.unreadable)},
        "duplicates": _groups(dataset, same),
        "near_duplicates": _groups(dataset, _near(seen, same)),
        "compared": {
            "hash": "pHash",
            "bits": near.DISTANCE,
            "correlation": near.CORRELATION,
            "smallest_side": near.TOO_SMALL,
        },
        "seconds": round(time.monotonic() - started, 1),
    }


@dataclass(frozen=True)
class _Seen:
    """What one pass over the images leaves in memory, a row an image.

    Args:
        sizes: (n, 2) height and width.
        kinds: format and mode of each file.
        one_channel: (n,) bool.
        colourless: (n,) bool, whether the channels are equal everywhere.
        flat: (n,) bool.
        hashes: (n,) uint64.
        thumbnails: (n, 16, 16, 3) uint8.
        unreadable: reasons by row.
    """

    sizes: Array
    kinds: list[str]
    one_channel: Array
    colourless: Array
    flat: Array
    hashes: Array
    thumbnails: Array
    unreadable: dict[int, str]


def _look_at_all(dataset: Dataset) -> _Seen:
    n = len(dataset)
    seen = _Seen(
        sizes=np.zeros((n, 2), np.int64),
        kinds=[""] * n,
        one_channel=np.zeros(n, bool),
        colourless=np.zeros(n, bool),
        flat=np.zeros(n, bool),
        hashes=np.zeros(n, np.uint64),
        thumbnails=np.zeros((n, *near.THUMBNAIL.shape), np.uint8),
        unreadable={},
    )

    def look(rows: range) -> int:
        for row in rows:
            try:
                _look(seen, row, dataset.images.read(dataset.sources[row]))
            except (UnreadableError, FileNotFoundError) as reason:
                # A missing permission is not told here: it is mended without a trace, and the report would outlive it.
                seen.unreadable[row] = str(reason)
        return len(rows)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool, progress("examining images", n, "img") as bar:
        try:
            for done in pool.map(look, blocks(n)):
                bar.update(done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return seen


def _look(seen: _Seen, row: int, content: bytes | Array) -> None:
    image = rgb(content)
    if isinstance(content, bytes):
        seen.kinds[row], seen.one_channel[row] = _kind(content)
    else:
        seen.kinds[row], seen.one_channel[row] = "array", content.ndim == 2
    seen.sizes[row] = image.shape[:2]
    seen.colourless[row] = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
    seen.hashes[row], seen.thumbnails[row], seen.flat[row] = near.perceive(image)


def _kind(content: bytes) -> tuple[str, bool]:
    """Format and mode from a file's header, as in ``"GIF P animated"``, and whether it has one channel."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind = f"{image.format} {image.mode}" + " animated" * getattr(image, "is_animated", False)
            return kind, image.mode in GREY_MODES or image.mode.startswith("I;16")
    except Exception:  # OpenCV could read it, so what Pillow has against it does not matter
        return "other", False


def _near(seen: _Seen, same: Array) -> Array:
    """A group number for each row, where it looks like another; exact copies go with the image they copy."""
    numbers, first = np.unique(same, return_index=True)
    comparable = (numbers != NO_GROUP) & ~seen.flat[first] & (seen.sizes[first].min(axis=1) >= near.TOO_SMALL)
    numbers, first = numbers[comparable], first[comparable]
    component = near.components(seen.hashes[first], seen.thumbnails[first])
    alone = np.bincount(component, minlength=1)[component] == 1
    group_of = np.full(len(same) + 1, NO_GROUP)  # its last place is never filled: NO_GROUP finds NO_GROUP there
    group_of[numbers] = np.where(alone, NO_GROUP, component)
    return group_of[same]


def _groups(dataset: Dataset, numbers: Array) -> list[dict[str, Any]]:
    """Groups of two rows and more, by their first rows, told with the labels and splits they span."""
    order = np.argsort(numbers, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    found = [rows for rows in runs if len(rows) > 1 and numbers[rows[0]] != NO_GROUP]
    return [_group(dataset, rows) for rows in sorted(found, key=lambda rows: rows[0])]


def _group(dataset: Dataset, rows: Array) -> dict[str, Any]:
    images = [
        {
            "id": dataset.ids[row],
            "source": dataset.sources[row],
            "split": str(dataset.splits[row]),
            "label": None if dataset.labels[row] == UNLABELLED else dataset.classes[dataset.labels[row]],
        }
        for row in rows
    ]
    return {
        "labels": sorted({image["label"] for image in images if image["label"] is not None}),
        "splits": sorted({image["split"] for image in images}),
        "images": images,
    }


def _classes(dataset: Dataset) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for number, name in enumerate(dataset.classes):
        counts[name] = dict(Counter(dataset.splits[dataset.labels == number].tolist()))
    return counts


def _spread(values: Array) -> dict[str, int]:
    if not len(values):
        return {}
    return {"min": int(values.min()), "median": int(np.median(values)), "max": int(values.max())}


def _counted(values: Any) -> dict[str, int]:
    """How often each value comes, the most common first."""
    return dict(Counter(values).most_common())
