"""Images that look alike though their bytes differ, such as recompressed, resized or brightened copies.

Two measures must agree. The 64-bit perceptual hash (pHash: the signs of an image's lowest frequencies) finds
candidates among all pairs quickly. The correlation of small colour thumbnails then confirms them. Cropped, rotated
and mirrored copies are not searched for.

How the thresholds were chosen: on 58,000 CIFAR-10 images this finds 971 in 422 groups, and each of the 96 groups
inspected showed one photograph (recoloured ones included). On 23,000 images of Tiny ImageNet it finds none. Of 84
pairs inspected with correlations from .90 to .96, nearly all were true duplicates as well. The hash alone gives
1,744 pairs on CIFAR-10, such as different planes in plain skies. dHash, which compares neighbouring pixels, gives
559 pairs on Tiny ImageNet, none of which the thumbnails confirm.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import cv2
import imagehash
import numpy as np
from PIL import Image

from harness.data.images import Geometry, resize
from harness.utils.parallel import each

Array = np.ndarray

DISTANCE = 8  # bits of 64 in which the hashes may differ; those of unrelated images differ in about 32
CORRELATION = 0.93  # the least correlation of the thumbnails
FLAT = 5.0  # if the standard deviation of every channel is below this, the perceptual hash is meaningless
TOO_SMALL = 16  # pixels; images smaller than this, such as 8×8 digits, all look alike
HASHED, THUMBNAIL = Geometry(32, 32, "plain"), Geometry(16, 16, "plain")


class Perceived(NamedTuple):
    """What is needed to compare an image with all others.

    Args:
        hash: the perceptual hash.
        thumbnail: (16, 16, 3) uint8.
        flat: whether the image has nearly one colour.
    """

    hash: np.uint64
    thumbnail: Array
    flat: bool


def perceive(image: Array) -> Perceived:
    """The perceptual hash and the thumbnail of an image, (h, w, 3) uint8 RGB."""
    small = resize(image, HASHED)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    bits = imagehash.phash(Image.fromarray(grey)).hash
    thumbnail = resize(small, THUMBNAIL)
    flat = thumbnail.std(axis=(0, 1)).max() < FLAT
    return Perceived(np.packbits(bits).view(np.uint64)[0], thumbnail, bool(flat))


def alike(hashes: Array, thumbnails: Array) -> Array:
    """The pairs that look alike by both measures: (m, 2) int, in ascending order.

    Args:
        hashes: (n,) uint64.
        thumbnails: (n, 16, 16, 3) uint8.
    """
    pairs = close_pairs(hashes, DISTANCE)
    correlations = [*each(_correlation, (thumbnails[chunk] for chunk in _chunks(pairs)))]
    return pairs[np.concatenate(correlations) >= CORRELATION] if correlations else pairs


def components(hashes: Array, thumbnails: Array) -> Array:
    """Component numbers, equal for images that look alike directly or through other images: (n,) int.

    Args:
        hashes: (n,) uint64.
        thumbnails: (n, 16, 16, 3) uint8.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = alike(hashes, thumbnails)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(hashes), len(hashes)))
    return connected_components(links, directed=False)[1]


def merge(groups: Array, perceived: list[Perceived | None]) -> Array:
    """Merge groups of exact copies whose images look alike: (n,) int.

    Args:
        groups: (n,) group numbers of exact copies, in the order of first appearance.
        perceived: the result of ``perceive`` for each row; None if the image is unreadable or too small.
    """
    _, first_rows = np.unique(groups, return_index=True)
    first_images = {group: perceived[row] for group, row in enumerate(first_rows)}
    comparable = {group: image for group, image in first_images.items() if image is not None and not image.flat}
    if not comparable:
        return groups
    hashes = np.array([image.hash for image in comparable.values()])
    component_of = components(hashes, np.stack([image.thumbnail for image in comparable.values()]))
    _, leader, member = np.unique(component_of, return_index=True, return_inverse=True)
    merged = np.arange(len(first_rows))
    group_numbers = np.array([*comparable])
    merged[group_numbers] = group_numbers[leader][member]
    return merged[groups]


def close_pairs(hashes: Array, distance: int) -> Array:
    """All pairs of 64-bit hashes that differ in at most ``distance`` bits: (m, 2) int, in ascending order.

    The bits are divided into ``distance + 1`` bands. Two close hashes have at least one band in common, so only
    hashes that share a band are compared.

    Source: Manku, Jain, Das Sarma, Detecting Near-Duplicates for Web Crawling (2007), with the simplest of its tables.
    """
    edges = np.linspace(0, 64, distance + 2).astype(int).tolist()
    found = each(lambda bits: _close_in_band(hashes, *bits, distance), itertools.pairwise(edges))
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *found]), axis=0)


def _close_in_band(hashes: Array, first_bit: int, end_bit: int, distance: int) -> Array:
    """The close pairs among hashes that have these bits in common: (m, 2) int."""
    pairs = [np.empty((0, 2), np.int64)]
    band = hashes >> np.uint64(first_bit) & np.uint64((1 << (end_bit - first_bit)) - 1)
    order = np.argsort(band, kind="stable")
    # Rows with equal bands are now adjacent: compare each row with the next of its run, then the next but one, …
    run_end = np.searchsorted(band[order], band[order], side="right")
    left = np.arange(len(hashes))
    for step in itertools.count(1):
        left = left[left + step < run_end[left]]
        if not len(left):
            break
        candidates = np.stack([order[left], order[left + step]], axis=1)
        is_close = np.bitwise_count(hashes[candidates[:, 0]] ^ hashes[candidates[:, 1]]) <= distance
        pairs.append(np.sort(candidates[is_close], axis=1))
    return np.concatenate(pairs)


def _correlation(pairs: Array) -> Array:
    """Pearson's correlation of thumbnails that are not flat: (m, 2, 16, 16, 3) to (m,).

    Each channel is centred on its own mean. With one mean for all channels, any two blue skies would correlate.
    """
    pixels = pairs.astype(np.float32)
    pixels -= pixels.mean(axis=(2, 3), keepdims=True)
    left, right = pixels[:, 0].reshape(len(pairs), -1), pixels[:, 1].reshape(len(pairs), -1)
    return np.einsum("mp,mp->m", left, right) / (np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1))


def _chunks(pairs: Array, size: int = 4096) -> list[Array]:
    return [pairs[start : start + size] for start in range(0, len(pairs), size)]
