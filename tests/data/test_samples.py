"""The organisers' real files: each sample archive goes through its competition's reader, and the counts are known.

HARNESS_SAMPLES names a folder with the archives; without it these tests are skipped.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from harness.data import dataset
from harness.data.dataset import Dataset
from harness.data.images import Geometry, load
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.samples

ARCHIVES = {
    "cifar10": "cifar10.tar.gz",
    "dogs_vs_cats": "dogs-vs-cats.tar.gz",
    "flowers17": "flowers17.tar.gz",
    "tiny_imagenet": "tiny-imagenet-200.tar.gz",
}


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory):
    """Give a competition's data set, read from its archive once for all tests of this file."""
    if "HARNESS_SAMPLES" not in os.environ:
        pytest.skip("HARNESS_SAMPLES is not set")
    folder = Path(os.environ["HARNESS_SAMPLES"])
    workspace = Workspace(tmp_path_factory.mktemp("samples"))
    known: dict[str, Dataset] = {}

    def get(name: str) -> Dataset:
        if name not in known:
            competition = loading.load(Workspace(CHECKOUT), name)
            known[name] = Pipeline(workspace, competition, Options(data=folder / ARCHIVES[name])).artifacts.dataset
        return known[name]

    return get


def per_class(found: Dataset, *splits: str) -> set[int]:
    """The distinct numbers of rows a class has in some splits."""
    labels = found.labels[np.isin(found.splits, splits)]
    return set(np.bincount(labels, minlength=len(found.classes)).tolist())


def test_cifar10(read) -> None:
    found = read("cifar10")
    assert " ".join(found.classes) == "airplane automobile bird cat deer dog frog horse ship truck"
    assert per_class(found, "train", dataset.EXCLUDED) == {5000}
    assert per_class(found, "holdout") == {800}
    assert len(found) == 58_000


def test_dogs_vs_cats(read) -> None:
    found = read("dogs_vs_cats")
    assert found.classes == ("cat", "dog")
    assert per_class(found, "train", "holdout", dataset.EXCLUDED) == {2000}
    assert abs(len(found.rows("holdout")) - 400) <= 2
    test = [found.ids[row] for row in found.rows("test")]
    assert test == [str(number) for number in range(1, 1001)]


def test_flowers17(read) -> None:
    found = read("flowers17")
    assert len(found.classes) == 17
    assert per_class(found, "train", "holdout", dataset.EXCLUDED) == {60}
    assert abs(len(found.rows("holdout")) - 255) <= 2


def test_flowers17_species_have_the_numbers_that_the_flat_form_gives_them(read) -> None:
    found = read("flowers17")
    species = loading.load(Workspace(CHECKOUT), "flowers17").readers[0].classes
    for name in found.ids:
        folder, _, file = name.partition("/")
        assert species[(int(file[6:10]) - 1) // 80] == folder


def test_tiny_imagenet(read) -> None:
    found = read("tiny_imagenet")
    assert len(found.classes) == 200
    assert found.classes[:2] == ("n02124075", "n04067472")
    assert per_class(found, "train", dataset.EXCLUDED) == {100}
    assert len(found.rows("holdout")) == 2000
    assert len(found.rows("test")) == 1000
    assert found.ids[found.rows("test")[0]] == "test_0.JPEG"


@pytest.mark.parametrize("name", ARCHIVES)
def test_no_image_straddles_train_and_holdout(read, name: str) -> None:
    found = read(name)
    in_split = {split: {found.hashes[row] for row in found.rows(split)} for split in ("train", "holdout")}
    assert not in_split["train"] & in_split["holdout"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_some_images_of_each_split_decode(read, name: str) -> None:
    found = read(name)
    for split in Counter(found.splits.tolist()):
        for row in found.rows(split)[::997]:
            assert load(found.images.read(found.sources[row]), Geometry(32, 32)).shape == (32, 32, 3)
