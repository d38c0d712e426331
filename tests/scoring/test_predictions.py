"""Predictions: joined by id, kept on disk, and never used when they are damaged."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.scoring.predictions import Predictions, mean, read, write
from harness.utils.errors import UserError

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def predictions(ids: tuple[str, ...], seed: int = 0, classes: tuple[str, ...] = ("cat", "dog", "emu")) -> Predictions:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(len(classes)), len(ids)).astype(np.float32)
    return Predictions(ids, classes, probabilities)


@given(st.lists(NAMES, min_size=1, max_size=20, unique=True), st.lists(NAMES, min_size=2, max_size=4, unique=True))
def test_tables_come_back_from_the_disk_as_they_were(tmp_path_factory, ids, classes):
    file = tmp_path_factory.getbasetemp() / "predictions.h5"
    tables = {"holdout": predictions(tuple(ids), 1, tuple(classes)), "test": predictions(("a",), 2)}
    write(file, "key", tables)
    found = read(file, "key")
    assert set(found) == set(tables)
    for name, table in tables.items():
        assert (found[name].ids, found[name].classes) == (table.ids, table.classes)
        assert np.array_equal(found[name].probabilities, table.probabilities)


def test_probabilities_are_given_in_the_order_asked_for():
    table = predictions(("a", "b", "c"))
    assert np.array_equal(table.of(("c", "a")), table.probabilities[[2, 0]])
    with pytest.raises(UserError, match=r"1 of 2 ids \('x'\)"):
        table.of(("a", "x"))


def test_an_average_joins_by_id_and_obeys_its_weights():
    one, other = predictions(("a", "b"), 1), predictions(("b", "a"), 2)
    wanted = (one.probabilities + other.probabilities[::-1]) / 2
    assert np.allclose(mean([one, other]).probabilities, wanted)
    heavy = mean([one, other], [3, 1]).probabilities
    assert np.allclose(heavy, 0.75 * one.probabilities + 0.25 * other.probabilities[::-1])
    assert np.allclose(heavy.sum(axis=1), 1)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)\. Received: \(3, 3\)"):
        Predictions(("a", "b"), ("x", "y", "z"), np.ones((3, 3), np.float32) / 3)
    broken = predictions(("a", "b")).probabilities.copy()
    broken[1, 2] = np.nan
    with pytest.raises(ValueError, match="1 of 2 rows"):
        Predictions(("a", "b"), ("x", "y", "z"), broken)
    with pytest.raises(ValueError, match="same rows and classes"):
        mean([predictions(("a", "b")), predictions(("a", "c"))])


def test_what_was_made_from_something_else_is_not_read(tmp_path: Path):
    write(tmp_path / "p.h5", "one", {"test": predictions(("a",))})
    assert read(tmp_path / "p.h5", "one") is not None
    assert read(tmp_path / "p.h5", "other") is None
    assert read(tmp_path / "none.h5", "one") is None


@pytest.mark.parametrize("content", [b"", b"not HDF5", None])
def test_what_is_no_table_is_not_read(tmp_path: Path, content):
    file = tmp_path / "p.h5"
    if content is None:
        with h5py.File(file, "w") as h5:
            h5["something"] = [1, 2, 3]
    else:
        file.write_bytes(content)
    assert read(file, "one") is None


def test_a_damaged_file_is_not_read(tmp_path: Path):
    file, table = tmp_path / "p.h5", predictions(tuple(f"image {i}" for i in range(50)))
    write(file, "one", {"test": table})
    good = file.read_bytes()
    # HDF5 may crash or hang on its heap of strings; all else is checksummed.
    heap = good.index(b"GCOL")
    places = st.one_of(st.integers(0, heap - 1), st.integers(heap + 4096, len(good) - 1))

    @given(places, st.booleans())
    @settings(max_examples=80)
    def damaged(at, cut):
        file.write_bytes(good[:at] if cut else good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        found = read(file, "one")
        if found is not None:
            assert set(found) == {"test"} and found["test"].ids == table.ids
            assert np.array_equal(found["test"].probabilities, table.probabilities)

    damaged()
