"""Splits of images with several labels, so that each part has its share of each label.

Source: Sechidis, Tsoumakas & Vlahavas, On the Stratification of Multi-Label Data (ECML PKDD 2011).
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def assign(marks: Array, groups: Array, shares: Array, seed: int) -> Array:
    """The part of each row: (n,) int; -1 for rows that have a label that no other group has.

    The rarest label comes first: each group of rows that has it goes to the part that still wants most rows of that
    label; of several, to the one that wants most rows at all. A part that is full gets no more.

    Args:
        marks: (n, labels) of 0 and 1.
        groups: (n,) int; whole groups are assigned.
        shares: (parts,) of the rows, summing to one.
        seed: the same seed gives the same parts.
    """
    group_of = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(group_of, kind="stable")
    sizes = np.bincount(group_of)
    counts = np.add.reduceat(np.asarray(marks[order], np.int32), np.cumsum(sizes) - sizes, axis=0)
    has = counts > 0
    part_of = np.full(len(sizes), -1)

    random = np.random.default_rng(seed)
    waiting = np.ones(len(sizes), bool)
    waiting[np.flatnonzero(has[:, has.sum(axis=0) == 1].any(axis=1))] = False
    wanted = shares[:, None] * counts[waiting].sum(axis=0)
    room = shares * sizes[waiting].sum()
    left = has[waiting].sum(axis=0)
    shuffled = random.permutation(np.flatnonzero(waiting))
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, np.iinfo(left.dtype).max)))
        for group in shuffled[waiting[shuffled] & has[shuffled, label]]:
            part = _hungriest(wanted[:, label], room, random)
            part_of[group], waiting[group] = part, False
            wanted[part] -= counts[group]
            room[part] -= sizes[group]
            left -= has[group]
    for group in shuffled[waiting[shuffled]]:  # those without any label
        part_of[group] = part = _hungriest(room, room, random)
        room[part] -= sizes[group]
    return part_of[group_of]


def _hungriest(wanted: Array, room: Array, random: np.random.Generator) -> int:
    """The part that wants most; of several the one with most room, then one at random."""
    open_ = np.flatnonzero(room > 0.5) if room.max() > 0.5 else np.arange(len(room))
    best = open_[wanted[open_] >= wanted[open_].max() - 1e-9]
    if len(best) > 1:
        best = best[room[best] >= room[best].max() - 1e-9]
    return int(best[0] if len(best) == 1 else random.choice(best))
