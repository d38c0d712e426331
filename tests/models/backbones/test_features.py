"""The feature cache: what the backbone makes of each image, whatever happens on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest

from harness.data.cache.build import open_or_build
from harness.data.cache.cache import Cache, open_cache
from harness.data.dataset import Dataset
from harness.data.images import Geometry, load
from harness.models.backbones import features as extraction
from harness.models.backbones.features import Features
from harness.models.backbones.packaged import EfficientNetLite
from harness.models.inference import halving
from harness.tta.views import VIEWS
from tests.conftest import drawn, table
from tests.data.cache.test_cache import Interrupted

pytestmark = pytest.mark.model

SMALL = Features("efficientnet-lite0", side=32)


def built(folder: Path, dataset: Dataset, wanted: Features = SMALL, unreadable: int = 0) -> Cache:
    return open_or_build(wanted.path(folder, wanted.key(dataset)), wanted, dataset, unreadable)


def images_of(dataset: Dataset, side: int = 32) -> np.ndarray:
    return np.stack([load(dataset.images.images[source], Geometry(side, side)) for source in dataset.sources])


def network(lite: EfficientNetLite, layers: tuple = ()):
    return dataclasses.replace(lite, side=32).build(layers)


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected))


def test_a_row_is_what_the_network_makes_of_its_image(tmp_path, lite):
    dataset = drawn(70)
    made = built(tmp_path, dataset)
    assert made.rows.shape == (70, 1280) and made.rows.dtype == np.float32
    assert made.ids == dataset.ids and made.readable.all()
    assert close(made.rows, network(lite).predict(images_of(dataset), verbose=0))
    assert np.ascontiguousarray(made.rows).ctypes.data == made.rows.ctypes.data  # aligned: nothing is copied


def test_neither_order_nor_company_changes_a_row(tmp_path):
    dataset = drawn(70)
    made = built(tmp_path, dataset)
    few = table(dataset.images, dataset.labels[:3])
    assert np.allclose(built(tmp_path, few).rows, made.rows[:3], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_row_of_several_views_holds_the_features_of_each(tmp_path, lite):
    dataset = drawn(6)
    images, model = images_of(dataset), network(lite)
    expected = {
        "hflip+scales": [view.of(images, 32, 32) for view in (*VIEWS["hflip"], *VIEWS["scales"][1:])],
        "crops": [view.of(images_of(dataset, 37), 32, 32) for view in VIEWS["crops"]],
    }
    for views, seen in expected.items():
        found = built(tmp_path, dataset, dataclasses.replace(SMALL, tta=views)).rows
        assert found.shape == (6, len(seen), 1280)
        for number, one in enumerate(seen):
            assert close(found[:, number], model.predict(np.rint(one), verbose=0))


@pytest.mark.slow
def test_half_precision_is_kept_where_asked_for(tmp_path):
    dataset = drawn(6)
    half = built(tmp_path, dataset, dataclasses.replace(SMALL, storage="float16")).rows
    assert half.dtype == np.float16
    assert np.allclose(half, built(tmp_path, dataset).rows, rtol=2e-3, atol=1e-4)


def test_an_unreadable_image_is_marked_and_has_features_all_the_same(tmp_path):
    dataset = drawn(10)
    dataset.images.images["image 4"] = b"words"
    made = built(tmp_path, dataset, unreadable=1)
    assert np.flatnonzero(~made.readable).tolist() == [4]
    assert np.isfinite(made.rows).all()


def test_whatever_decides_a_feature_decides_the_key(tmp_path, monkeypatch):
    dataset = drawn(6)
    keys = [SMALL.key(dataset), SMALL.key(drawn(7))]
    changes = [{"backbone": "efficientnet-lite1"}, {"side": 64}, {"layers": ("block2a_project_bn",)}]
    changes += [{"tta": "hflip"}, {"precision": "bfloat16"}, {"storage": "float16"}]
    keys += [dataclasses.replace(SMALL, **change).key(dataset) for change in changes]
    other = tmp_path / "weights.pth"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(EfficientNetLite, "weights_file", lambda _: other)
    keys.append(SMALL.key(dataset))
    other.write_bytes(b"weights changed")
    keys.append(SMALL.key(dataset))
    assert len(set(keys)) == len(keys)


def test_an_interrupted_extraction_goes_on_where_it_was(tmp_path, capsys):
    n = 400
    whole = drawn(n)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, table(Interrupted(whole.images.images, after=390), whole.labels))
    made = built(tmp_path, whole)
    assert "continuing from there" in capsys.readouterr().err
    assert 0 < whole.images.reads.total() < n
    assert np.array_equal(made.rows, built(tmp_path / "other", drawn(n)).rows)


def test_the_file_tells_what_made_it(tmp_path):
    dataset = drawn(6)
    built(tmp_path, dataset)
    (file,) = tmp_path.glob("*.h5")
    assert file.name.startswith("features-efficientnet-lite0-32-")
    with h5py.File(file) as h5:
        assert h5.attrs["holds"] == "features efficientnet-lite0-32"
        assert {"weights", "engine", "features", "dataset"} <= set(h5.attrs)
    assert open_cache(file).rows.shape == (6, 1280)


class Forgetful:
    """An engine whose memory holds no more than ``room`` images."""

    name, features = "an engine", 3

    def __init__(self, room: int, batch_size: int, error: type[Exception]) -> None:
        self.room, self.batch_size, self.error = room, batch_size, error

    def __call__(self, images: np.ndarray) -> np.ndarray:
        if self.batch_size > self.room:
            raise self.error("RESOURCE_EXHAUSTED: failed to allocate 3 GiB")
        return np.ones((len(images), 3), np.float32)


@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_a_batch_that_does_not_fit_is_halved_and_that_is_said(error, capsys):
    run = Forgetful(room=20, batch_size=64, error=error)
    assert halving(run, np.zeros((100, 4, 4, 3), np.uint8)).shape == (100, 3)
    assert run.batch_size == 16
    assert "out of memory; continuing with batches of 16" in capsys.readouterr().err


def test_an_error_that_is_no_lack_of_memory_is_not_hidden():
    run = Forgetful(room=0, batch_size=1, error=MemoryError)
    with pytest.raises(MemoryError):
        halving(run, np.zeros((1, 4, 4, 3), np.uint8))

    def broken(_):
        raise RuntimeError("shapes do not match")

    broken.batch_size, broken.name = 64, "broken"
    with pytest.raises(RuntimeError, match="shapes"):
        halving(broken, np.zeros((1, 4, 4, 3), np.uint8))


@pytest.mark.slow
def test_a_changed_layer_taps_another_layer(tmp_path):
    dataset = drawn(6)
    early = dataclasses.replace(SMALL, layers=("block2a_project_bn", "top_activation"))
    made = built(tmp_path, dataset, early).rows
    assert made.shape == (6, 24 + 1280)
    assert np.allclose(made[:, 24:], built(tmp_path, dataset).rows, rtol=1e-4, atol=1e-5)
    assert extraction._engine.cache_info().maxsize == 1
