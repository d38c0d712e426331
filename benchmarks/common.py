"""What the benchmarks share: real pictures to work on, and rounds that alternate two contestants."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from harness.data.dataset import Dataset
from harness.data.readers.reader import Files

Array = np.ndarray


def photographs(count: int, height: int, width: int, seed: int = 0) -> list[Array]:
    """Random crops, turned and scaled, of the two photographs inside scikit-learn: (height, width, 3) uint8 RGB."""
    from sklearn.datasets import load_sample_images

    sources = load_sample_images().images
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        source = sources[random.integers(len(sources))]
        side = random.uniform(0.4, 0.9)
        tall, wide = (int(length * side) for length in source.shape[:2])
        top, left = random.integers(source.shape[0] - tall), random.integers(source.shape[1] - wide)
        crop = source[top : top + tall, left : left + wide]
        made.append(
            cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if tall > height else cv2.INTER_CUBIC)
        )
    return made


def jpeg_dataset(folder: Path, count: int, height: int, width: int) -> Dataset:
    """A data set of JPEG files, for building caches from."""
    names = []
    for number, image in enumerate(photographs(count, height, width)):
        names.append(f"{number}.jpg")
        assert cv2.imwrite(str(folder / names[-1]), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return Dataset(
        ids=tuple(names),
        splits=np.array(["train"] * count),
        labels=np.arange(count, dtype=np.int32) % 2,
        groups=np.arange(count),
        sources=tuple(names),
        hashes=tuple(names),
        classes=("one", "other"),
        images=Files(folder),
        fingerprint=f"{count} of {height}x{width}",
    )


def rounds(contestants: dict[str, Callable[[], object]], times: int = 3) -> dict[str, float]:
    """Seconds of each contestant, the median of alternating rounds after one warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(times + 1):
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(found) for name, found in seconds.items()}


def verdict(what: str, ratio: float, target: float, at_least: bool = True) -> None:
    """Print a ratio beside its target."""
    met = ratio >= target if at_least else ratio <= target
    bound = "at least" if at_least else "at most"
    print(f"  {what}: {ratio:.3g} (target: {bound} {target:.3g}) {'met' if met else 'MISSED'}")


def scratch() -> tempfile.TemporaryDirectory:
    """A folder that goes when the benchmark ends."""
    return tempfile.TemporaryDirectory(prefix="harness-bench-")
