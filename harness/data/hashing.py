"""A hash of each image of a data set, by which copies are found."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from harness.data.folds import group_by
from harness.data.readers.reader import ImageSource
from harness.data.windows import Window
from harness.utils.console import doing, progress

Array = np.ndarray


def hash_and_group(images: ImageSource, sources: list[str], near: bool, window: Window) -> tuple[list[str], Array]:
    """A hash of each image's bytes, and group numbers: equal for copies, and for near duplicates if ``near`` is set."""
    from harness.data import complaints, near_duplicates
    from harness.data.eight_bits import windowed
    from harness.data.images import UnreadableError, opened

    def examine(source: str) -> tuple[str, near_duplicates.Perceived | None]:
        content = images.read(source)
        image_bytes = content if isinstance(content, bytes) else content.tobytes()
        image_hash = hashlib.blake2b(image_bytes, digest_size=12).hexdigest()
        if not near:
            return image_hash, None
        try:
            with complaints.of(source), opened(windowed(content, window)) as image:
                is_large = min(image.shape[:2]) >= near_duplicates.TOO_SMALL
                return image_hash, near_duplicates.perceive(image) if is_large else None
        except UnreadableError:
            return image_hash, None  # reported when the cache is built

    workers = (os.cpu_count() or 1) + 2  # more than cores, since reading waits for the disk
    with complaints.decoders(workers) as pool, progress("reading images", len(sources), "img") as bar:
        hashes, perceived_images = [], []
        for image_hash, perceived in pool.map(examine, sources):
            hashes.append(image_hash)
            perceived_images.append(perceived)
            bar.update()
    with doing("looking for copies"):
        groups = group_by(hashes)
        return hashes, near_duplicates.merge(groups, perceived_images) if near else groups
