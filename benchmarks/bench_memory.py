"""Build, verify and read a cache four times as large as the memory the process may have.

The limit is the kernel's on private memory (RLIMIT_DATA): the process is refused more, whatever it does. Mapped file
pages are not private: the system takes them back when it needs them.
"""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
from common import photographs, scratch, verdict

from harness.data.cache import build, cache
from harness.data.cache.image_cache import ImageInput
from harness.data.dataset import Dataset
from harness.data.images import Geometry

LIMIT, GEOMETRY = 600 << 20, Geometry(256, 256)


class Repeated:
    """A few decoded pictures, over and over, so that the benchmark's own data needs no room."""

    def __init__(self) -> None:
        self.pictures = photographs(8, GEOMETRY.height, GEOMETRY.width)

    def read(self, source: str) -> np.ndarray:
        return self.pictures[int(source) % len(self.pictures)]


def main() -> None:
    count = 4 * LIMIT // int(np.prod(GEOMETRY.shape)) + 1
    names = tuple(map(str, range(count)))
    labels = np.zeros(count, np.int32)
    dataset = Dataset(
        names, np.array(["train"] * count), labels, np.arange(count), names, names, ("one",), Repeated(), "repeated"
    )
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    with scratch() as name:
        file = Path(name) / "large.h5"
        build.open_or_build(file, ImageInput(GEOMETRY), dataset, 0)
        cache.forget_verified(file)
        images = cache.open_cache(file).rows
        random, total = np.random.default_rng(0), 0
        for _ in range(count // 128):
            total += int(images[random.integers(0, count, 128)].max())
        assert total
        verdict("bytes in the cache over bytes of memory allowed", file.stat().st_size / LIMIT, 4)
        print("  built, verified and read at random under the limit")


if __name__ == "__main__":
    main()
