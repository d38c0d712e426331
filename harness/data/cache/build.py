"""Building a cache: block by block, resumed after a kill, refused if too many images are unreadable."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np

from harness.data.cache.cache import (
    FORMAT,
    PENDING,
    READABLE,
    UNREADABLE,
    Cache,
    DamagedError,
    Filled,
    Input,
    altered,
    open_cache,
    remember_verified,
    tables_checksum,
)
from harness.data.cache.rows import DAMAGE, create, new_file, open_rows, writing
from harness.data.dataset import Dataset
from harness.utils.console import progress, say, seconds
from harness.utils.errors import UserError, some
from harness.utils.files import lock, require_space, shown_path, size, sync
from harness.utils.stopwatch import Stopwatch

Array = np.ndarray
Fill = Callable[[Dataset, Array], Iterator[Filled]]


def open_or_build(
    file: Path,
    cache_input: Input,
    dataset: Dataset,
    allowed_unreadable: int,
    compressed: bool = False,
    fill: Fill | None = None,
) -> Cache:
    """The cache at ``file``. It is built first if it is missing, stale or damaged.

    One process builds while others wait. A killed build is resumed.

    Args:
        file: the cache file.
        cache_input: what the cache holds, and how it is computed.
        dataset: the images.
        allowed_unreadable: how many images may be unreadable.
        compressed: compress a new cache, for a small disk; an existing cache is used in either form.
        fill: computes the rows in place of ``cache_input.fill``, with the same result.

    Raises:
        UserError: more unreadable images than allowed, or not enough disk space.
    """
    made_from = cache_input.key(dataset)
    with lock(file, f"the cache {file.name}"):
        if file.exists():
            try:
                return open_cache(file, made_from, cache_input.opened)
            except DamagedError as damage:
                say(f"{file.name} {damage}; building it again.")
                file.unlink()
        compressed = compressed and cache_input.compressible
        _build(file, cache_input, dataset, made_from, allowed_unreadable, compressed, fill)
        return open_cache(file, made_from, cache_input.opened)


def _build(
    file: Path,
    cache_input: Input,
    dataset: Dataset,
    made_from: str,
    allowed_unreadable: int,
    compressed: bool,
    fill: Fill | None,
) -> None:
    """Fill ``<file>.part``, which also holds each row's state and checksum; rename it when it is complete."""
    stopwatch = Stopwatch()
    title = f"{cache_input.kind} {cache_input}"
    part = file.with_name(file.name + ".part")
    states = _resume(part, made_from, cache_input, compressed)
    if states is None:
        part.unlink(missing_ok=True)
        ratio = _compression_ratio(cache_input, dataset) if compressed else 1
        needed_bytes = int(len(dataset) * cache_input.layout.row_bytes * ratio)
        require_space(file.parent, needed_bytes, f"the cache of {len(dataset):,} {title}")
        _create(part, cache_input, dataset, made_from, compressed)
        states = np.zeros(len(dataset), np.uint8)
    pending = np.flatnonzero(states == PENDING)
    done = len(states) - len(pending)
    if done:
        say(f"{title}: {done:,} of {len(states):,} are already done; continuing from there.")
    reasons: dict[str, str] = {}
    with writing(part, cache_input.layout) as writer, progress(title, len(states), "img", done) as bar:
        for filled in (fill or cache_input.fill)(dataset, pending):
            reasons |= filled.unreadable
            # The state is written last, when the rows that it marks as done have been written.
            for name in sorted(filled.tables, key=lambda name: name == "state"):
                writer.put(name, filled.rows, filled.tables[name])
            bar.update(len(filled.rows))

    with h5py.File(part, "r") as h5:
        states = h5["state"][:]
    unreadable = [dataset.sources[row] for row in np.flatnonzero(states == UNREADABLE)]
    if len(unreadable) > allowed_unreadable:
        part.unlink()
        why = [(source, reasons.get(source, "unreadable")) for source in unreadable]
        raise too_many_unreadable(why, len(dataset), allowed_unreadable)
    if unreadable:
        say(f"{len(unreadable):,} unreadable images are grey, and never trained on: {some(unreadable)}.")
    with h5py.File(part, "r+") as h5:
        training = np.flatnonzero((dataset.splits == "train") & (states == READABLE))
        tables = {name: h5[name][:] for name in cache_input.layout.tables}
        took = stopwatch.took()
        told = cache_input.summary(tables, training) | took._asdict() | {"complete": True}
        if fill is not None:  # what other processes took is not known
            del told["cpu_seconds"]
        for name, value in told.items():
            h5.attrs[name] = value
        h5.attrs["tables"] = tables_checksum(h5)
    sync(part)
    os.replace(part, file)
    # The rows were just written from memory, so they need not be verified by reading them again.
    remember_verified(file)
    rate = f"{len(pending) / max(took.seconds, 0.01):,.0f} a second" if len(pending) else "none"
    space = f"{size(file.stat().st_size)}, {shown_path(file)}"
    say(f"{title}: {len(dataset):,} images in {seconds(took.seconds)}, {rate}; {space}")


def too_many_unreadable(unreadable: list[tuple[str, str]], images: int, allowed: int) -> UserError:
    """The error of a data set of which more images are unreadable than allowed.

    Args:
        unreadable: their sources, and why each is.
        images: how many there are in all.
        allowed: how many may be unreadable.
    """
    first = "\n".join(f"  {source}: {reason}" for source, reason in unreadable[:10])
    more = f"\n  and {len(unreadable) - 10:,} more" if len(unreadable) > 10 else ""
    return UserError(
        f"{len(unreadable):,} of {images:,} images cannot be read, and {allowed:,} are allowed:\n{first}{more}",
        "replace or remove those files, or allow them with `unreadable=` in the competition's competition.py",
    )


def _create(part: Path, cache_input: Input, dataset: Dataset, made_from: str, compressed: bool) -> None:
    with new_file(part) as h5:
        attributes = cache_input.attributes() | {
            "format": FORMAT,
            "made_from": made_from,
            "holds": f"{cache_input.kind} {cache_input}",
            "complete": False,
            "rows": cache_input.layout.name,
            "row_tables": json.dumps([*cache_input.layout.tables]),
            "classes": json.dumps(dataset.classes),
            "dataset": dataset.fingerprint,
            "libraries": json.dumps({"opencv": cv2.__version__, "h5py": h5py.__version__}),
        }
        for name, value in attributes.items():
            h5.attrs[name] = value
        h5.create_dataset("ids", data=list(dataset.ids), dtype=h5py.string_dtype())
        h5.create_dataset("splits", data=list(dataset.splits), dtype=h5py.string_dtype())
        h5.create_dataset("labels", data=dataset.labels)
        create(h5, cache_input.layout, len(dataset), compressed)


def _compression_ratio(cache_input: Input, dataset: Dataset) -> float:
    """The compressed size of the rows relative to their raw size: estimated from a sample, plus a tenth."""
    raw_bytes = compressed_bytes = 1
    for filled in cache_input.fill(dataset, np.unique(np.linspace(0, len(dataset) - 1, 32).astype(int))):
        readable = filled.tables["state"] == READABLE
        for row in filled.tables[cache_input.layout.name][readable]:
            raw_bytes += row.nbytes
            compressed_bytes += len(zlib.compress(row.tobytes(), 1))
    return 1.1 * compressed_bytes / raw_bytes


def _resume(part: Path, made_from: str, cache_input: Input, compressed: bool) -> Array | None:
    """The row states of an interrupted build, or None if there is none to resume.

    Rows that an earlier process marked as done count only if their checksums are right.
    """
    if part.is_symlink():
        return None  # what it leads to is not ours to write
    try:
        with h5py.File(part, "r") as h5:
            if h5.attrs.get("format") != FORMAT or h5.attrs["made_from"] != made_from:
                return None
            if (h5[cache_input.layout.name].chunks is not None) != compressed:
                return None
            states, checksums = h5["state"][:], h5["checksums"][:]
            rows = open_rows(part, h5[cache_input.layout.name])
        if rows is None:
            return None
    except DAMAGE:
        return None
    states[states != READABLE] = PENDING
    states[altered(rows, checksums)] = PENDING
    return states
