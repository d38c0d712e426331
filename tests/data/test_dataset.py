"""The table of images: seeded hold-out, no leaks, and a fingerprint that knows what matters."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache.build import open_or_build
from harness.data.cache.image_cache import ImageInput
from harness.data.dataset import EXCLUDED, Dataset
from harness.data.folds import HoldOut
from harness.data.image_table import ImageTable
from harness.data.images import Geometry
from harness.data.readers import ClassFolders
from harness.utils.errors import UserError
from tests.conftest import declared, draw, located


def read(folder: Path, table: Path, **changes) -> Dataset:
    competition = declared(**changes)
    reader, root = located(competition, folder, table.parent / "unpacked")
    return ImageTable(reader, root, table, competition.holdout, competition.group).load_or_read()


@pytest.fixture
def photos(class_folders) -> Path:
    return class_folders()


def test_every_image_is_a_row_with_its_class_and_a_seeded_hold_out(photos: Path, tmp_path: Path):
    found = read(photos, tmp_path / "table" / "dataset.csv")
    assert len(found) == 36 and found.classes == ("ants", "bees", "wasps")
    assert found.counts() == {"train": 27, "holdout": 9}
    assert np.bincount(found.labels[found.rows("holdout")]).tolist() == [3, 3, 3]
    assert all(found.classes[label] in source for label, source in zip(found.labels, found.sources, strict=True))
    again = read(photos, tmp_path / "other" / "dataset.csv")
    assert again.fingerprint == found.fingerprint and np.array_equal(again.splits, found.splits)
    assert (read(photos, tmp_path / "third.csv", holdout=HoldOut(0.25, seed=1)).splits != found.splits).any()


def test_the_kept_table_is_used_while_nothing_has_changed(photos: Path, tmp_path: Path):
    table = tmp_path / "table" / "dataset.csv"
    first = read(photos, table)
    written = table.stat().st_mtime_ns
    assert read(photos, table).fingerprint == first.fingerprint
    assert table.stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", ["id,split\n", "", "\x00"])
def test_a_damaged_table_is_made_again(photos: Path, tmp_path: Path, damage: str):
    table = tmp_path / "table" / "dataset.csv"
    first = read(photos, table)
    table.write_text(damage)
    assert read(photos, table).fingerprint == first.fingerprint
    table.with_suffix(".json").write_text("{")
    assert read(photos, table).fingerprint == first.fingerprint


def test_the_fingerprint_follows_content_and_not_times(photos: Path, tmp_path: Path, save):
    table = tmp_path / "table" / "dataset.csv"
    first = read(photos, table)
    photograph = photos / "ants" / "0.png"
    photograph.write_bytes(photograph.read_bytes())
    assert read(photos, table).fingerprint == first.fingerprint
    save(photograph, draw(0, 999))
    changed = read(photos, table)
    assert changed.fingerprint != first.fingerprint
    photograph.rename(photos / "ants" / "renamed.png")
    assert read(photos, table).fingerprint not in (first.fingerprint, changed.fingerprint)
    (photos / "ants" / "renamed.png").unlink()
    assert len(read(photos, table)) == 35


def test_copies_go_to_the_hold_out_together_or_not_at_all(photos: Path, tmp_path: Path):
    for number in range(8):
        shutil.copy(photos / "bees" / f"{number}.png", photos / "bees" / f"copy {number}.png")
    found = read(photos, tmp_path / "dataset.csv")
    split = dict(zip(found.ids, found.splits.tolist(), strict=True))
    assert all(split[f"bees/{n}.png"] == split[f"bees/copy {n}.png"] for n in range(8))
    assert "holdout" in {split[f"bees/copy {n}.png"] for n in range(8)}


def test_training_images_that_are_in_the_organisers_labelled_test_set_are_never_trained_on(
    tmp_path: Path, class_folders
):
    class_folders(root=tmp_path / "data" / "train")
    class_folders(each=3, root=tmp_path / "data" / "test")
    found = read(
        tmp_path / "data", tmp_path / "t.csv", holdout=None, readers=(ClassFolders(train="train", holdout="test"),)
    )
    assert found.counts() == {"train": 27, "holdout": 9, EXCLUDED: 9}
    held = {found.hashes[row] for row in found.rows("holdout")}
    assert held == {found.hashes[row] for row in found.rows(EXCLUDED)}
    assert held.isdisjoint(found.hashes[row] for row in found.rows("train"))


def test_names_with_spaces_quotes_and_other_scripts_survive(photos: Path, tmp_path: Path, save):
    names = ['a "quoted", name.png', "новый.png", "naïve 漢字.png", "100% = #1;.png"]
    for number, name in enumerate(names):
        save(photos / "ants" / name, draw(0, 100 + number))
    found = read(photos, tmp_path / "dataset.csv")
    assert {f"ants/{name}" for name in names} <= set(found.ids)


def test_a_link_to_nothing_is_named_and_a_link_back_up_ends(photos: Path, tmp_path: Path):
    (photos / "ants" / "up").symlink_to(photos)
    (photos / "ants" / "linked.png").symlink_to(photos / "bees" / "0.png")
    assert len(read(photos, tmp_path / "dataset.csv")) == 37
    (photos / "ants" / "nothing.png").symlink_to(photos / "none.png")
    with pytest.raises(UserError, match=r"nothing\.png is a link to nothing"):
        read(photos, tmp_path / "dataset.csv")


def test_an_empty_class_is_named(photos: Path, tmp_path: Path):
    (photos / "empty").mkdir()
    with pytest.raises(UserError, match="empty has no images"):
        read(photos, tmp_path / "dataset.csv")


def test_what_is_no_data_folder_is_told_with_what_was_looked_for(tmp_path: Path):
    with pytest.raises(UserError, match=r"there is no .*nowhere"):
        read(tmp_path / "nowhere", tmp_path / "dataset.csv")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"Looked for:\n  - <class>/<image>\nFound: notes.txt"):
        read(tmp_path / "odd", tmp_path / "dataset.csv")


def test_a_window_is_obeyed_in_the_cache_and_is_part_of_the_key(photos: Path, tmp_path: Path):
    for path in [*photos.rglob("*.png"), *photos.rglob("*.jpg")]:
        deep = 1000 + 10 * np.arange(64).reshape(8, 8)
        np.save(path.with_suffix(".npy"), (deep + len(path.name)).astype(np.float32))
        path.unlink()
    competition = declared()
    reader, root = located(competition, photos, tmp_path / "unpacked")
    found = {}
    for window in ("file", "image", (1000.0, 1800.0)):
        table = ImageTable(reader, root, tmp_path / f"{window}.csv", competition.holdout, window=window)
        found[window] = table.load_or_read()
    assert len({made.fingerprint for made in found.values()}) == 3
    assert found["file"].hashes == found["image"].hashes
    source = ImageInput(Geometry(8, 8))
    cache = open_or_build(tmp_path / "cache.h5", source, found["image"], 0)
    assert (
        np.array([cache.rows[row][..., 0] for row in range(36)]) == np.rint(np.arange(64) * 255 / 63).reshape(8, 8)
    ).all()
    with pytest.raises(UserError, match=r"36 of 36[\s\S]*float32 numbers, and nothing says which are black"):
        open_or_build(tmp_path / "none.h5", source, found["file"], 0)


def test_a_line_break_in_a_name_is_refused(photos: Path, tmp_path: Path):
    (photos / "ants" / "0.png").rename(photos / "ants" / "a\nb.png")
    with pytest.raises(UserError, match=r"1 images in .* have a line break in their name: 'ants/a\\nb.png'"):
        read(photos, tmp_path / "table" / "dataset.csv")
