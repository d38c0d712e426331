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
    blocks,
    open_cache,
    stamp,
    verify,
)
from harness.data.dataset import Dataset
from harness.data.images import Geometry, UnreadableError, load
from harness.errors import UserError, some
from harness.files import lock, require_space, size, sync, write_json

Array = np.ndarray
Result = TypeVar("Result")

GREY = 128  # what stands in for an unreadable image, so that every id still gets a prediction


def open_or_build(
    file: Path, geometry: Geometry, dataset: Dataset, made_from: str, allowed_unreadable: int
) -> ImageCache:
    """The cache at ``file``, built first where it is missing or is not what it should be.

    One process builds while others wait; a killed build goes on from where it was.

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
        _build(file, geometry, dataset, made_from, allowed_unreadable)
        return open_cache(file, made_from)


def _build(file: Path, geometry: Geometry, dataset: Dataset, made_from: str, allowed_unreadable: int) -> None:
    """Decode on all cores into ``<file>.part``, row state and checksums inside it; rename when complete."""
    started = time.monotonic()
    part = file.with_name(file.name + ".part")
    state = _resume(part, made_from)
    if state is None:
        part.unlink(missing_ok=True)
        needed = len(dataset) * geometry.height * geometry.width * 3
        require_space(file.parent, needed, f"the image cache of {len(dataset):,} images at {geometry}")
        _create(part, geometry, dataset, made_from)
        state = np.zeros(len(dataset), np.uint8)
    todo = np.flatnonzero(state == PENDING)
    unreadable: dict[str, str] = {}

    with h5py.File(part, "r") as h5:
        offset = {name: h5[name].id.get_offset() for name in ("images", "state", "checksums", "sums", "square_sums")}
    row_bytes = int(np.prod(geometry.shape))

    def decode(rows: Array) -> tuple[Array, Array, Array]:
        images = np.empty((len(rows), *geometry.shape), np.uint8)
        found = np.full(len(rows), READABLE, np.uint8)
        for i, row in enumerate(rows):
            try:
                images[i] = load(dataset.images.read(dataset.sources[row]), geometry)
            except (UnreadableError, OSError) as reason:
                images[i] = GREY
                found[i] = UNREADABLE
                unreadable[dataset.sources[row]] = str(reason)
        return rows, images, found

    label = f"decoding to {geometry}"
    with part.open("rb+", buffering=0) as out, progress(label, len(dataset), "img", len(dataset) - len(todo)) as bar:

        def put(name: str, row: int, values: Array) -> None:
            # Plain writes, not a memory map: on a full disk these raise, and a map would kill the process.
            out.seek(offset[name] + row * (row_bytes if name == "images" else values[0].nbytes))
            view = memoryview(np.ascontiguousarray(values).data).cast("B")
            while len(view):
                view = view[out.write(view) :]

        for rows, images, found in _in_threads(decode, [todo[b.start : b.stop] for b in blocks(len(todo))]):
            flat = images.reshape(len(rows), -1, 3)
            # Float sums of a small image block are exact here: whole numbers far below 2**53.
            sums = flat.sum(axis=1, dtype=np.uint64).astype(np.float64)
            squares = np.einsum("npc,npc->nc", flat, flat, dtype=np.float64)
            sums_of_rows = np.array([zlib.crc32(image) for image in images], np.uint32)
            for piece in _runs(rows):
                first = int(rows[piece.start])
                put("images", first, images[piece])
                put("checksums", first, sums_of_rows[piece])
                put("sums", first, sums[piece])
                put("square_sums", first, squares[piece])
                put("state", first, found[piece])  # last: what it marks as done has been written
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
        train = np.flatnonzero(dataset.splits == "train")
        pixels = geometry.height * geometry.width
        h5.attrs["training_mean"] = h5["sums"][:][train].sum(axis=0) / (len(train) * pixels)
        h5.attrs["seconds"] = time.monotonic() - started
        h5.attrs["complete"] = True
    sync(part)
    os.replace(part, file)
    # What was just made from memory needs no second reading to be trusted.
    write_json(file.with_name(f".{file.name}.verified"), stamp(file))
    say(f"image cache {geometry}: {len(dataset):,} images, {size(file.stat().st_size)}, {file}")


def _create(part: Path, geometry: Geometry, dataset: Dataset, made_from: str) -> None:
    """Lay out the whole file, so that later plain writes at known offsets are all there is to do."""
    n = len(dataset)
    with h5py.File(part, "w") as h5:
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
        for name, shape, dtype in (
            ("state", (n,), np.uint8),
            ("checksums", (n,), np.uint32),
            ("sums", (n, 3), np.float64),
            ("square_sums", (n, 3), np.float64),
        ):
            h5.create_dataset(name, data=np.zeros(shape, dtype))
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.CONTIGUOUS)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((n, *geometry.shape))
        h5py.h5d.create(h5.id, b"images", h5py.h5t.NATIVE_UINT8, space, plist)


def _resume(part: Path, made_from: str) -> Array | None:
    """The row states of an interrupted build, or None where there is nothing to go on from.

    Rows that an earlier process marked as done count only if their pixels have their checksum.
    """
    try:
        with h5py.File(part, "r") as h5:
            if h5.attrs.get("format") != FORMAT or h5.attrs["made_from"] != made_from:
                return None
            state, checksums = h5["state"][:], h5["checksums"][:]
            pixels = h5["images"]
            if part.stat().st_size < pixels.id.get_offset() + int(np.prod(pixels.shape)):
                return None
            images = np.memmap(part, np.uint8, "r", pixels.id.get_offset(), pixels.shape)
    except (OSError, KeyError, ValueError, RuntimeError):
        return None
    state[state != READABLE] = PENDING
    state[verify(images, checksums)] = PENDING
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
