"""Fixtures: images without a file, and networks built once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.models.backbones import BACKBONES
from harness.models.backbones.packaged import EfficientNetLite

Array = np.ndarray


def pixels_of(count: int, side: int) -> Array:
    """Seeded blots of colour: (count, side, side, 3) uint8."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 10, 10, 3), dtype=np.uint8)
    rows = np.arange(side) * 10 // side
    return coarse[:, rows][:, :, rows]


def difference(found: Array, expected: Array) -> float:
    """How far two arrays are from each other, relative to what is expected."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture
def pixels() -> Callable[[int, int], Array]:
    """``pixels_of``."""
    return pixels_of


@pytest.fixture(scope="session")
def lite() -> EfficientNetLite:
    """EfficientNet-Lite0, whose weights are installed with the tests."""
    backbone = BACKBONES["efficientnet-lite0"]
    assert isinstance(backbone, EfficientNetLite)
    return backbone
