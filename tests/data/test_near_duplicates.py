"""Near-duplicates: the pair search is exact, copies are found, other pictures are not."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data import near_duplicates
from tests.conftest import decoded


def picture(number: int, height: int = 60, width: int = 80) -> np.ndarray:
    """Smooth blobs of colour, others for each number."""
    blobs = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(blobs, (width, height), interpolation=cv2.INTER_CUBIC)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    return decoded(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def brute_force(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    pairs = itertools.combinations(range(len(hashes)), 2)
    return [(a, b) for a, b in pairs if (int(hashes[a]) ^ int(hashes[b])).bit_count() <= distance]


def pairs_of(images: list[np.ndarray]) -> list[tuple[int, int]]:
    hashes, thumbnails, _ = zip(*map(near_duplicates.perceive, images), strict=True)
    return [tuple(pair) for pair in near_duplicates.alike(np.array(hashes), np.stack(thumbnails)).tolist()]


@st.composite
def clustered(draw: st.DrawFn) -> np.ndarray:
    """Hashes of which many lie within a few bits of each other."""
    centres = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    flips = st.tuples(st.sampled_from(centres), st.lists(st.integers(0, 63), max_size=12))
    made = draw(st.lists(flips, max_size=25))
    return np.array([centre ^ sum(1 << bit for bit in set(bits)) for centre, bits in made], np.uint64)


@settings(max_examples=150, deadline=None)
@given(clustered(), st.integers(0, 12))
def test_pair_search_finds_what_brute_force_finds(hashes: np.ndarray, distance: int) -> None:
    assert [tuple(pair) for pair in near_duplicates.close_pairs(hashes, distance).tolist()] == brute_force(
        hashes, distance
    )


def test_pair_search_on_random_hashes() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 500, dtype=np.uint64)
    hashes[250:] = hashes[:250] ^ np.uint64(0b1011 << 60)
    assert near_duplicates.close_pairs(hashes, 8).tolist() == [[i, i + 250] for i in range(250)]


def test_other_pictures_are_not_alike() -> None:
    assert pairs_of([picture(number) for number in range(150)]) == []


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: jpeg(image, 30),
        lambda image: cv2.resize(image, (40, 30), interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, (200, 150), interpolation=cv2.INTER_CUBIC),
        lambda image: np.clip(image * 0.8 + 30, 0, 255).astype(np.uint8),
    ],
    ids=["recompressed", "shrunk", "enlarged", "brightened"],
)
def test_copies_are_alike(copy) -> None:
    originals = [picture(number) for number in range(20)]
    found = pairs_of([*originals, *map(copy, originals)])
    assert found == [(number, number + 20) for number in range(20)]


def test_hash_alone_is_not_believed() -> None:
    image = picture(0)
    other = 255 - image[..., ::-1]  # other colours altogether
    hashes = np.array([near_duplicates.perceive(image)[0]] * 2)
    assert (
        near_duplicates.alike(
            hashes, np.stack([near_duplicates.perceive(image)[1], near_duplicates.perceive(other)[1]])
        ).tolist()
        == []
    )


def test_flat_pictures_are_told() -> None:
    noise = np.random.default_rng(0).integers(100, 103, (40, 40, 3), dtype=np.uint8)
    assert near_duplicates.perceive(noise)[2]
    assert near_duplicates.perceive(np.full((40, 40, 3), (200, 10, 10), np.uint8))[2]
    assert not near_duplicates.perceive(picture(0))[2]
