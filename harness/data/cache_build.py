"""Building a cache: block by block, resumed after a kill, refused where too much is unreadable."""

from __future__ import annotations

import json
import os
import time
import zlib
from pathlib import Path

import cv2
import h5py
import numpy as np

from harness.console import progress, say, seconds
from harness.data.cache import (
    FORMAT,
    PENDING,
    READABLE,
    UNREADABLE,
    Cache,
    DamagedError,
    Input,
    altered,
    open_cache,
    remember_verified,
    tables_checksum,
)
from harness.data.dataset import Dataset
from harness.data.rows import DAMAGE, create, new_file, open_rows, writing
from harness.errors import UserError, some
from harness.files import lock, require_space, size, sync

Array = np.ndarray


def open_or_build(
    file: Path, wanted: Input, dataset: Dataset, allowed_unreadable: int, compressed: bool = False
) -> Cache:
    """The cache at ``file``, built first where it is missing or is not what it should be.

    One process builds while others wait; a killed build goes on from where it was.

    Args:
        file: where it is kept.
        wanted: what it holds, and how that is made.
        dataset: gives the images.
        allowed_unreadable: how many images may be unreadable.
        compressed: for a small disk; a cache that is there already is used in whichever form it has.

    Raises:
        UserError: unreadable images (all named) beyond those allowed, or no room on the disk.
    """
    made_from = wanted.key(dataset)
    with lock(file, f"the cache {file.name}"):
        if file.exists():
            try:
                return open_cache(file, made_from, wanted.opened)
            except DamagedError as damage:
                say(f"{file.name} {damage}; building it again.")
                file.unlink()
        _build(file, wanted, dataset, made_from, allowed_unreadable, compressed and wanted.compressible)
        return open_cache(file, made_from, wanted.opened)


def _build(
    file: Path, wanted: Input, dataset: Dataset, made_from: str, allowed_unreadable: int, compressed: bool
) -> None:
    """Fill ``<file>.part``, row state and checksums inside it; rename when complete."""
    started = time.monotonic()
    what = f"{wanted.kind} {wanted}"
    part = file.with_name(file.name + ".part")
    state = _resume(part, made_from, wanted, compressed)
    if state is None:
        part.unlink(missing_ok=True)
        needed = int(len(dataset) * wanted.layout.row_bytes * (_ratio(wanted, dataset) if compressed else 1))
        require_space(file.parent, needed, f"the cache of {len(dataset):,} {what}")
        _create(part, wanted, dataset, made_from, compressed)
        state = np.zeros(len(dataset), np.uint8)
    todo = np.flatnonzero(state == PENDING)
    if len(todo) < len(state):
        say(f"{what}: {len(state) - len(todo):,} of {len(state):,} were made before; going on from there.")
    unreadable: dict[str, str] = {}
    with writing(part, wanted.layout) as out, progress(what, len(state), "img", len(state) - len(todo)) as bar:
        for filled in wanted.fill(dataset, todo):
            unreadable |= filled.unreadable
            # The state goes last: what it marks as done has been written.
            for name in sorted(filled.tables, key=lambda name: name == "state"):
                out.put(name, filled.rows, filled.tables[name])
            bar.update(len(filled.rows))

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
        training = np.flatnonzero((dataset.splits == "train") & (state == READABLE))
        tables = {name: h5[name][:] for name in wanted.layout.tables}
        took = time.monotonic() - started
        for name, value in (wanted.summary(tables, training) | {"seconds": took, "complete": True}).items():
            h5.attrs[name] = value
        h5.attrs["tables"] = tables_checksum(h5)
    sync(part)
    os.replace(part, file)
    # What was just made from memory needs no second reading to be trusted.
    remember_verified(file)
    rate = f"{len(todo) / took:,.0f} a second" if len(todo) else "none"
    say(f"{what}: {len(dataset):,} images in {seconds(took)}, {rate}; {size(file.stat().st_size)}, {file}")


def _create(part: Path, wanted: Input, dataset: Dataset, made_from: str, compressed: bool) -> None:
    with new_file(part) as h5:
        about = wanted.attributes() | {
            "format": FORMAT,
            "made_from": made_from,
            "holds": f"{wanted.kind} {wanted}",
            "complete": False,
            "rows": wanted.layout.name,
            "row_tables": json.dumps([*wanted.layout.tables]),
            "classes": json.dumps(dataset.classes),
            "dataset": dataset.fingerprint,
            "libraries": json.dumps({"opencv": cv2.__version__, "h5py": h5py.__version__}),
        }
        for name, value in about.items():
            h5.attrs[name] = value
        h5.create_dataset("ids", data=list(dataset.ids), dtype=h5py.string_dtype())
        h5.create_dataset("splits", data=list(dataset.splits), dtype=h5py.string_dtype())
        h5.create_dataset("labels", data=dataset.labels)
        create(h5, wanted.layout, len(dataset), compressed)


def _ratio(wanted: Input, dataset: Dataset) -> float:
    """What compression leaves of the rows, from a sample, with a tenth to spare."""
    before = after = 1
    for filled in wanted.fill(dataset, np.unique(np.linspace(0, len(dataset) - 1, 32).astype(int))):
        readable = filled.tables["state"] == READABLE
        for row in filled.tables[wanted.layout.name][readable]:
            before += row.nbytes
            after += len(zlib.compress(row.tobytes(), 1))
    return 1.1 * after / before


def _resume(part: Path, made_from: str, wanted: Input, compressed: bool) -> Array | None:
    """The row states of an interrupted build, or None where there is nothing to go on from.

    Rows that an earlier process marked as done count only if they have their checksum.
    """
    try:
        with h5py.File(part, "r") as h5:
            if h5.attrs.get("format") != FORMAT or h5.attrs["made_from"] != made_from:
                return None
            if (h5[wanted.layout.name].chunks is not None) != compressed:
                return None
            state, checksums = h5["state"][:], h5["checksums"][:]
            rows = open_rows(part, h5[wanted.layout.name])
        if rows is None:
            return None
    except DAMAGE:
        return None
    state[state != READABLE] = PENDING
    state[altered(rows, checksums)] = PENDING
    return state
