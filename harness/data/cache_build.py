"""Building an image cache: decode on all cores, resume after a kill, refuse what is unreadable."""

from __future__ import annotations

import concurrent.futures
import itertools
import json
import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import cv2
import h5py
import numpy as np

from harness.console import progress, say
from harness.data.cache import (
    FORMAT,
    PENDING,
    READABLE,
    UNREADABLE,
    DamagedError,
    ImageCache,
    altered,
    blocks,
    open_cache,
    remember_verified,
    tables_checksum,
)
from harness.data.dataset import Dataset
from harness.data.images import Geometry, UnreadableError, load
from harness.data.pixels import DAMAGE, create, open_pixels, writing
from harness.errors import UserError, some
from harness.files import lock, require_space, size, sync

Array = np.ndarray
Result = TypeVar("Result")

GREY = 128  # what stands in for an unreadable image, so that every id still gets a prediction


def open_or_build(
    file: Path,
    geometry: Geometry,
    dataset: Dataset,
    made_from: str,
    allowed_unreadable: int,
    compressed: bool = False,
) -> ImageCache:
    """The cache at ``file``, built first where it is missing or is not what it should be.

    One process builds while others wait; a killed build goes on from where it was.

    Args:
        file: where it is kept.
        geometry: the size of the images.
        dataset: gives them.
        made_from: ``key(geometry, dataset)``.
        allowed_unreadable: how many images may be unreadable.
        compressed: for a small disk; a cache that is there already is used in whichever form it has.

    Raises:
        UserError: unreadable images (all named) beyond those allowed, or no room on the disk.
    """
    with lock(file, f"the image cache {file.name}"):
        if file.exists():
            try:
                return open_cache(file, made_from)
            except DamagedError as damage:
                say(f"{file.name} {damage}; building it again.")
                file.unlink()
        _build(file, geometry, dataset, made_from, allowed_unreadable, compressed)
        return open_cache(file, made_from)


def _build(
    file: Path, geometry: Geometry, dataset: Dataset, made_from: str, allowed_unreadable: int, compressed: bool
) -> None:
    """Decode on all cores into ``<file>.part``, row state and checksums inside it; rename when complete."""
    started = time.monotonic()
    part = file.with_name(file.name + ".part")
    state = _resume(part, made_from, compressed)
    if state is None:
        part.unlink(missing_ok=True)
        needed = len(dataset) * int(np.prod(geometry.shape) * (_ratio(dataset, geometry) if compressed else 1))
        require_space(file.parent, needed, f"the image cache of {len(dataset):,} images at {geometry}")
        _create(part, geometry, dataset, made_from, compressed)
        state = np.zeros(len(dataset), np.uint8)
    todo = np.flatnonzero(state == PENDING)
    unreadable: dict[str, str] = {}

    def decode(rows: Array) -> tuple[Array, dict[str, Array]]:
        images = np.empty((len(rows), *geometry.shape), np.uint8)
        state = np.full(len(rows), READABLE, np.uint8)
        for i, row in enumerate(rows):
            try:
                images[i] = load(dataset.images.read(dataset.sources[row]), geometry)
            except (UnreadableError, OSError) as reason:
                images[i] = GREY
                state[i] = UNREADABLE
                unreadable[dataset.sources[row]] = str(reason)
        # The state goes last: what it marks as done has been written.
        return rows, {"images": images, **_row_tables(images), "state": state}

    pieces = [todo[block.start : block.stop] for block in blocks(len(todo))]
    with writing(part) as out, progress(f"decoding to {geometry}", len(state), "img", len(state) - len(todo)) as bar:
        for rows, tables in _in_threads(decode, pieces):
            for run in _runs(rows):
                for name, values in tables.items():
                    out.put(name, int(rows[run.start]), values[run])
            bar.update(len(rows))

    with h5py.File(part, "r") as h5:
        state = h5["state"][:]
    bad = [dataset.sources[row] for row in np.flatnonzero(state == UNREADABLE)]
    if len(bad) > allowed_unreadable:
        part.unlink()
        lines = "\n".join(f"  {source}: {unreadable.get(source, 'unreadable')}" for source in bad[:10])
        more = f"\n  and {len(bad) - 10:,} more" if len(bad) > 10 else ""
        raise UserError(
            f"{len(bad):,} of {len(dataset):,} images cannot be read, and {allowed_unreadable:,} "
            f"are allowed:\n{lines}{more}",
            "replace or remove those files, or allow them with `unreadable=` in the competition's competition.py",
        )
    if bad:
        say(f"{len(bad):,} unreadable images are left out of training: {some(bad)}.")
    with h5py.File(part, "r+") as h5:
        train = np.flatnonzero((dataset.splits == "train") & (state == READABLE))
        pixels = geometry.height * geometry.width
        h5.attrs["training_mean"] = h5["sums"][:][train].sum(axis=0) / (len(train) * pixels)
        h5.attrs["seconds"] = time.monotonic() - started
        h5.attrs["tables"] = tables_checksum(h5)
        h5.attrs["complete"] = True
    sync(part)
    os.replace(part, file)
    # What was just made from memory needs no second reading to be trusted.
    remember_verified(file)
    say(f"image cache {geometry}: {len(dataset):,} images, {size(file.stat().st_size)}, {file}")


def _create(part: Path, geometry: Geometry, dataset: Dataset, made_from: str, compressed: bool) -> None:
    # From version 1.8 on, HDF5 checksums its own tables: a flipped bit there is an error and not a crash.
    with h5py.File(part, "w", libver=("v108", "v108")) as h5:
        h5.attrs["format"] = FORMAT
        h5.attrs["made_from"] = made_from
        h5.attrs["complete"] = False
        h5.attrs["classes"] = json.dumps(dataset.classes)
        h5.attrs["channels"] = "RGB"
        h5.attrs["geometry"] = json.dumps({"height": geometry.height, "width": geometry.width, "fit": geometry.fit})
        h5.attrs["dataset"] = dataset.fingerprint
        h5.attrs["libraries"] = json.dumps({"opencv": cv2.__version__, "h5py": h5py.__version__})
        h5.create_dataset("ids", data=list(dataset.ids), dtype=h5py.string_dtype())
        h5.create_dataset("splits", data=list(dataset.splits), dtype=h5py.string_dtype())
        h5.create_dataset("labels", data=dataset.labels)
        create(h5, (len(dataset), *geometry.shape), compressed)


def _ratio(dataset: Dataset, geometry: Geometry) -> float:
    """What compression leaves of the pixels, from a sample, with a tenth to spare."""
    before = after = 1
    for row in np.linspace(0, len(dataset) - 1, min(32, len(dataset))).astype(int):
        try:
            image = load(dataset.images.read(dataset.sources[row]), geometry)
        except (UnreadableError, OSError):
            continue
        before += image.nbytes
        after += len(zlib.compress(image.tobytes(), 1))
    return 1.1 * after / before


def _row_tables(images: Array) -> dict[str, Array]:
    """Checksum, channel sums and channel sums of squares of each image."""
    count = images.shape[1] * images.shape[2]
    moments = [cv2.meanStdDev(image) for image in images]
    means, deviations = (np.array([m[i][:, 0] for m in moments]) for i in (0, 1))
    return {
        "checksums": np.array([zlib.crc32(image) for image in images], np.uint32),
        "sums": np.rint(means * count),
        "square_sums": np.rint((deviations**2 + means**2) * count),
    }


def _resume(part: Path, made_from: str, compressed: bool) -> Array | None:
    """The row states of an interrupted build, or None where there is nothing to go on from.

    Rows that an earlier process marked as done count only if their pixels have their checksum.
    """
    try:
        with h5py.File(part, "r") as h5:
            if h5.attrs.get("format") != FORMAT or h5.attrs["made_from"] != made_from:
                return None
            if (h5["images"].chunks is not None) != compressed:
                return None
            state, checksums = h5["state"][:], h5["checksums"][:]
            images = open_pixels(part, h5["images"])
        if images is None:
            return None
    except DAMAGE:
        return None
    state[state != READABLE] = PENDING
    state[altered(images, checksums)] = PENDING
    return state


def _in_threads(work: Callable[[Array], Result], pieces: list[Array]) -> Iterator[Result]:
    """Map over blocks on all cores, in order, with a bounded number of results in memory."""
    cores = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        try:
            waiting: deque[concurrent.futures.Future[Result]] = deque()
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _runs(rows: Array) -> list[slice]:
    """Slices of consecutive row numbers."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]
