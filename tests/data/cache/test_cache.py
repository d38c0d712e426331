"""The image cache: the same pixels as decoding each image, never used when it is not what it should be."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.cache.build import open_or_build
from harness.data.cache.cache import DamagedError, open_cache
from harness.data.cache.image_cache import ImageCache, ImageInput
from harness.data.dataset import Dataset
from harness.data.images import Geometry, load
from harness.utils.errors import UserError
from tests.conftest import CHECKOUT, Pictures, drawn, start, table

SMALL = Geometry(16, 12)
FORMS = pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])


def built(
    folder: Path, dataset: Dataset, geometry: Geometry = SMALL, unreadable: int = 0, compressed: bool = False
) -> ImageCache:
    made = open_or_build(where(folder, dataset, geometry)[0], ImageInput(geometry), dataset, unreadable, compressed)
    assert isinstance(made, ImageCache)
    return made


def where(folder: Path, dataset: Dataset, geometry: Geometry = SMALL) -> tuple[Path, str]:
    made_from = ImageInput(geometry).key(dataset)
    return ImageInput(geometry).path(folder, made_from), made_from


def expected(dataset: Dataset, geometry: Geometry = SMALL) -> np.ndarray:
    return np.stack([load(dataset.images.images[source], geometry) for source in dataset.sources])


@FORMS
@pytest.mark.parametrize("geometry", [SMALL, Geometry(24, 24), Geometry(40, 9, "plain")])
def test_a_cache_holds_every_image_as_it_is_decoded(tmp_path, geometry, compressed):
    dataset = drawn(70, splits=["train"] * 50 + ["holdout"] * 15 + ["excluded"] * 5)
    pixels = expected(dataset, geometry)
    for made in (built(tmp_path, dataset, geometry, compressed=compressed), built(tmp_path, dataset, geometry)):
        assert (made.images[:] == pixels).all()
        assert (made.images[np.array([69, 3, 3])] == pixels[[69, 3, 3]]).all()
        assert made.ids == dataset.ids and made.classes == dataset.classes
        assert (made.labels == dataset.labels).all() and (made.splits == dataset.splits).all()
        assert made.readable.all()


@FORMS
def test_means_and_deviations_are_those_of_the_rows_asked_for(tmp_path, compressed):
    dataset = drawn(40)
    made = built(tmp_path, dataset, compressed=compressed)
    rows = np.array([0, 5, 7, 31])
    pixels = made.images[rows].reshape(-1, 3).astype(np.float64)
    assert np.allclose(made.mean(rows), pixels.mean(axis=0), rtol=1e-12)
    assert np.allclose(made.deviation(rows), pixels.std(axis=0), rtol=1e-9)


def test_the_file_tells_the_mean_of_the_readable_training_images(tmp_path):
    dataset = drawn(20, splits=["train"] * 12 + ["holdout"] * 8)
    dataset.images.images["image 3"] = b"no image"
    made = built(tmp_path, dataset, unreadable=1)
    rows = [row for row in range(12) if row != 3]
    with h5py.File(where(tmp_path, dataset)[0]) as h5:
        assert np.allclose(h5.attrs["training_mean"], made.images[rows].mean(axis=(0, 1, 2)))
        assert h5.attrs["channels"] == "RGB"


@FORMS
def test_a_second_opening_builds_nothing(tmp_path, compressed):
    dataset = drawn(10)
    built(tmp_path, dataset, compressed=compressed)
    file = where(tmp_path, dataset)[0]
    before = file.stat().st_mtime_ns
    dataset.images.reads.clear()
    built(tmp_path, dataset)
    assert file.stat().st_mtime_ns == before and not dataset.images.reads


def test_a_data_set_in_which_a_split_is_empty_is_no_problem(tmp_path):
    made = built(tmp_path, drawn(5, splits=["train"] * 5))
    assert len(made.images[np.flatnonzero(made.splits == "holdout")]) == 0


# What is not the cache it should be.


def stale(file: Path) -> None:
    with h5py.File(file, "r+") as h5:
        h5.attrs["made_from"] = "something else"


def half_built(file: Path) -> None:
    with h5py.File(file, "r+") as h5:
        h5.attrs["complete"] = False


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 100)


def one_pixel_altered(file: Path) -> None:
    with h5py.File(file) as h5:
        images = h5["images"]
        plain = images.chunks is None
        offset = images.id.get_offset() if plain else images.id.get_chunk_info(7).byte_offset + 20
    flip(file, offset + 20)


def one_label_altered(file: Path) -> None:
    with h5py.File(file, "r+") as h5:
        h5["labels"][3] += 1


def one_sum_altered(file: Path) -> None:
    with h5py.File(file, "r+") as h5:
        h5["sums"][3] += 100


def foreign(file: Path) -> None:
    with h5py.File(file, "w") as h5:
        h5["images"] = np.zeros((3, 4, 4, 3), np.uint8)


def garbage(file: Path) -> None:
    file.write_bytes(np.random.default_rng(1).bytes(5000))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip(file: Path, at: int) -> None:
    with file.open("rb+") as handle:
        handle.seek(at)
        byte = handle.read(1)[0]
        handle.seek(at)
        handle.write(bytes([byte ^ 0x55]))


@FORMS
@pytest.mark.parametrize(
    "damage",
    [stale, half_built, truncated, one_pixel_altered, one_label_altered, one_sum_altered, foreign, garbage, empty],
)
def test_a_damaged_file_is_never_used_and_is_built_again(tmp_path, capsys, damage, compressed):
    dataset = drawn(20)
    built(tmp_path, dataset, compressed=compressed)
    file, made_from = where(tmp_path, dataset)
    damage(file)
    assert opened(file, made_from) is None
    again = built(tmp_path, dataset, compressed=compressed)
    assert "building it again" in capsys.readouterr().err
    assert (again.images[:] == expected(dataset)).all() and (again.labels == dataset.labels).all()


def opened(file: Path, made_from: str) -> ImageCache | None:
    try:
        return open_cache(file, made_from, ImageCache)
    except DamagedError:
        return None


@FORMS
def test_a_flipped_byte_anywhere_is_noticed_or_makes_no_difference(tmp_path, compressed):
    dataset = drawn(12)
    made = built(tmp_path, dataset, compressed=compressed)
    file, made_from = where(tmp_path, dataset)
    good = file.read_bytes()
    # HDF5 may crash or hang on its heap of strings, a few kB in front of the pixels; all else is checksummed.
    heap = good.index(b"GCOL")
    elsewhere = st.one_of(st.integers(0, heap - 1), st.integers(heap + 4096, len(good) - 1))

    @given(elsewhere)
    @settings(max_examples=100)
    def flipped(at):
        copy = tmp_path / "copy.h5"
        copy.write_bytes(good)
        flip(copy, at)
        found = opened(copy, made_from)
        if found is not None:
            assert (found.images[:] == made.images[:]).all()
            for name in ("labels", "splits", "readable"):
                assert np.array_equal(getattr(found, name), getattr(made, name)), name
            for name in ("sums", "square_sums"):
                assert np.array_equal(found.tables[name], made.tables[name]), name
            assert found.ids == made.ids and found.classes == made.classes

    flipped()


def test_a_file_touched_but_not_changed_is_used_as_it_is(tmp_path, capsys):
    dataset = drawn(10)
    built(tmp_path, dataset)
    os.utime(where(tmp_path, dataset)[0])
    dataset.images.reads.clear()
    built(tmp_path, dataset)
    assert not dataset.images.reads


# What cannot be read.


def test_unreadable_images_are_named_and_stop_the_build(tmp_path):
    dataset = drawn(30)
    dataset.images.images |= {"image 4": b"", "image 21": b"words"}
    with pytest.raises(UserError) as told:
        built(tmp_path, dataset, unreadable=1)
    assert "2 of 30 images cannot be read, and 1 are allowed" in told.value.what
    assert "image 4: the file is empty" in told.value.what and "image 21: it is not an image" in told.value.what
    assert not list(tmp_path.glob("images-*"))


@FORMS
def test_allowed_unreadable_images_are_marked_and_grey(tmp_path, compressed):
    dataset = drawn(30)
    pixels = expected(dataset)
    dataset.images.images |= {"image 4": b"", "image 21": b"words"}
    pixels[[4, 21]] = 128
    made = built(tmp_path, dataset, unreadable=2, compressed=compressed)
    assert (made.images[:] == pixels).all()
    assert np.flatnonzero(~made.readable).tolist() == [4, 21]


# Interruptions.


class Interrupted(Pictures):
    """Images whose ``after``-th reading is interrupted."""

    def __init__(self, images: dict, after: int) -> None:
        super().__init__(images)
        self.after = after

    def read(self, source: str):
        if self.reads.total() >= self.after:
            raise KeyboardInterrupt
        return super().read(source)


def test_an_interrupted_build_goes_on_where_it_was(tmp_path):
    n = 600
    whole = drawn(n)
    stopped = table(Interrupted(whole.images.images, after=500), whole.labels)
    assert stopped.fingerprint == whole.fingerprint
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, stopped)
    assert not where(tmp_path, whole)[0].exists()
    made = built(tmp_path, whole)
    assert whole.images.reads.total() < n - 100
    assert (made.images[:] == expected(whole)).all()
    assert (made.tables["sums"] == made.images[:].sum(axis=(1, 2))).all()


def test_what_an_interrupted_build_left_is_checked_before_it_is_used(tmp_path):
    whole = drawn(600)
    with pytest.raises(KeyboardInterrupt):
        built(tmp_path, table(Interrupted(whole.images.images, after=500), whole.labels))
    (part,) = tmp_path.glob("*.part")
    with h5py.File(part) as h5:
        offset = h5["images"].id.get_offset()
    flip(part, offset + 1000)
    assert (built(tmp_path, whole).images[:] == expected(whole)).all()


SLOWLY = """
import sys, time
from pathlib import Path
from harness.data.cache import image_cache
from tests.conftest import drawn
from tests.data.cache.test_cache import built

image_cache.os.cpu_count = lambda: 2  # on many cores all blocks are read at once, and none is done before the last
folder, n, pause, compressed = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "True"
dataset = drawn(n)
read = dataset.images.read

def slowly(source):
    with (folder / "reads").open("a") as log:
        log.write(".")
    time.sleep(pause)
    held, end = folder / "held", time.monotonic() + 300
    while held.exists() and (folder / "reads").stat().st_size >= int(held.read_text()) and time.monotonic() < end:
        time.sleep(0.01)
    return read(source)

dataset.images.read = slowly
print("asking", flush=True)
made = built(folder, dataset, compressed=compressed)
print(made.images[:].sum(), flush=True)
"""


def slowly(folder: Path, n: int, pause: float, compressed: bool = False) -> subprocess.Popen[str]:
    """A process that builds the cache of ``drawn(n)``, noting each image it reads in ``folder/reads``.

    While there is a file ``folder/held`` it does not go on after as many reads as the file says.
    """
    return subprocess.Popen(
        [sys.executable, "-c", SLOWLY, str(folder), str(n), str(pause), str(compressed)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(holds, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.01)


@FORMS
def test_a_killed_build_goes_on_where_it_was(tmp_path, compressed):
    n = 500
    (tmp_path / "held").write_text("450")
    process = slowly(tmp_path, n, 0.001, compressed)
    reads = tmp_path / "reads"
    wait_until(lambda: reads.exists() and reads.stat().st_size >= 450)
    process.kill()
    process.communicate()
    (tmp_path / "held").unlink()
    assert list(tmp_path.glob("*.h5.part")) and not list(tmp_path.glob("*.h5"))
    dataset = drawn(n)
    made = built(tmp_path, dataset, compressed=compressed)
    assert (made.images[:] == expected(dataset)).all()
    if not compressed:  # through h5py, only what was flushed survives
        assert dataset.images.reads.total() < n - 100, "whole blocks were kept"


def test_of_two_processes_one_builds_and_the_other_waits(tmp_path):
    n = 300
    (tmp_path / "held").write_text("1")
    two = [slowly(tmp_path, n, 0)]
    wait_until((tmp_path / "reads").exists)
    two.append(slowly(tmp_path, n, 0))
    assert two[1].stderr is not None and any("waiting for it" in line for line in two[1].stderr)
    (tmp_path / "held").unlink()
    answers = [process.communicate(timeout=300) for process in two]
    assert [process.returncode for process in two] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert (tmp_path / "reads").stat().st_size == n


# A full disk.


def test_a_build_that_will_not_fit_is_refused_before_it_begins(tmp_path, monkeypatch):
    dataset = drawn(20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match=r"20 images 16x12 needs 11\.5 kB in .*, but only 1\.0 kB are free"):
        built(tmp_path, dataset)
    assert not dataset.images.reads and not list(tmp_path.glob("images-*"))


@FORMS
def test_a_disk_that_fills_up_midway_gets_words_and_the_build_goes_on_later(insects, compressed):
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    folder = insects.competition("insects")
    recipes = (folder / "recipes.py").read_text()
    (folder / "recipes.py").write_text(recipes.replace("size=(12, 12)", "size=(96, 96)"))
    arguments = ["prepare", "insects", *(["--compress"] if compressed else [])]
    code = f"import sys; from harness.cli.main import main; sys.exit(main({arguments!r}))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=insects.root,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        preexec_fn=limited,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 2, found.stderr
    assert "the disk is full" in found.stderr and "Traceback" not in found.stderr
    assert not list(insects.cache("insects").glob("images-96x96-*.h5"))
    process = start(insects.root, *arguments)
    assert process.wait() == 0, process.stderr.read()
    (file,) = insects.cache("insects").glob("images-96x96-*.h5")
    assert json.loads(file.with_name(f".{file.name}.verified").read_text())
