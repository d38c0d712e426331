"""Where the hidden test images lie: learned from the public ones, and found in what is mounted."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kaggle.mounted import HiddenImages, NotMountedError, learned, mounted

NAMES = st.lists(st.text("abcdef0123456789_-", min_size=3, max_size=8), min_size=2, max_size=6, unique=True)
# From an id to the path of its image.
LAYOUTS = {
    "a suffix": lambda name: f"test/{name}.jpg",
    "a folder of its own": lambda name: f"images/test/{name}/image.png",
    "a prefix": lambda name: f"test/IMG_{name}.tif",
    "the name itself": lambda name: f"stage1/test/{name}",
    "nothing else": lambda name: f"{name}.png",
}


@given(names=NAMES, hidden=NAMES, layout=st.sampled_from([*LAYOUTS]))
def test_what_is_learned_from_public_images_holds_for_hidden_ones(names, hidden, layout):
    path = LAYOUTS[layout]
    found = learned(names, [path(name) for name in names])
    assert found is not None
    for name in names + hidden:
        match = re.fullmatch(found.pattern, path(name))
        assert match is not None and match[1] == name


@pytest.mark.parametrize(
    ("ids", "paths"),
    [
        (["a", "b"], ["test/a.jpg", "test/b.png"]),
        (["a.jpg", "b.png"], ["test/x/a.jpg", "test/y/b.png"]),
        (["x/a.jpg", "y/b.png"], ["test/x/a.jpg", "test/y/b.png"]),
        (["test/a.jpg", "test/b.png"], ["test/a.jpg", "test/b.png"]),
    ],
)
def test_ids_of_several_kinds(ids: list[str], paths: list[str], tmp_path: Path):
    found = learned(ids, paths)
    assert found is not None and found.folder.split("/")[0] == "test"
    for path in [*paths, "train/other.jpg"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    images = found.find(tmp_path, tmp_path / "scratch")
    assert images == {name: tmp_path / path for name, path in zip(ids, paths, strict=True)}


def test_ids_that_do_not_follow_from_paths_are_not_guessed():
    assert learned(["7", "8"], ["test/a.jpg", "test/b.jpg"]) is None
    assert learned([], []) is None


IMAGES = HiddenImages("test", r"test/(?:.*/)?([^/]+)\.[^./]+")


def organiser(root: Path, sample: str | None, names: tuple[str, ...] = ("b", "a"), below: str = "test") -> Path:
    for name in names:
        (root / below / f"{name}.jpg").parent.mkdir(parents=True, exist_ok=True)
        (root / below / f"{name}.jpg").touch()
    (root / below / "notes.txt").touch()
    if sample is not None:
        (root / "sample_submission.csv").write_text(sample)
    return root


def test_the_sample_submission_says_which_and_in_which_order(tmp_path: Path):
    root = organiser(tmp_path, "id,label\nb,0\nzz,0\na,0\n")
    images = IMAGES.find(root, tmp_path / "scratch")
    assert [*images] == ["b", "zz", "a"] and images["zz"] is None and images["a"] == root / "test" / "a.jpg"
    (root / "sample_submission.csv").unlink()
    assert [*IMAGES.find(root, tmp_path / "scratch")] == ["a", "b"]
    (root / "sampleSubmission.csv").write_text("b;0\n")
    plain = HiddenImages("test", IMAGES.pattern, separator=";", header=False)
    assert [*plain.find(root, tmp_path / "scratch")] == ["b"]


@pytest.mark.parametrize("inside", ["test/", ""])
def test_a_zip_of_test_images_is_unpacked(tmp_path: Path, inside: str):
    root = tmp_path / "root"
    root.mkdir()
    with zipfile.ZipFile(root / "test.zip", "w") as archive:
        archive.writestr(f"{inside}a.jpg", b"a picture")
    images = IMAGES.find(root, tmp_path / "scratch")
    assert [*images] == ["a"] and images["a"].read_bytes() == b"a picture"


def test_what_is_wrong_is_told(tmp_path: Path):
    with pytest.raises(NotMountedError, match="there is no test/"):
        IMAGES.find(tmp_path, tmp_path / "scratch")
    organiser(tmp_path, "id,label\n1,0\n")
    with pytest.raises(NotMountedError, match=r"lists .*'1'.* and the images are .*'a'"):
        IMAGES.find(tmp_path, tmp_path / "scratch")
    (tmp_path / "test" / "a.png").touch()
    with pytest.raises(NotMountedError, match="two images are called a"):
        IMAGES.find(tmp_path, tmp_path / "scratch")
    shutil.rmtree(tmp_path / "test")
    (tmp_path / "test").mkdir()
    with pytest.raises(NotMountedError, match="no file in"):
        IMAGES.find(tmp_path, tmp_path / "scratch")


def test_both_styles_of_mounting_are_found(tmp_path: Path):
    for place in ("pets", "competitions/pets", "deeper/pets"):
        (tmp_path / place).mkdir(parents=True)
        assert mounted(tmp_path, ("competitions",), "pets") == tmp_path / place
        shutil.rmtree(tmp_path / place)
    with pytest.raises(NotMountedError, match="pets is not mounted in"):
        mounted(tmp_path, ("competitions",), "pets")
    with pytest.raises(NotMountedError, match="which holds nothing"):
        mounted(tmp_path / "nowhere", (), "pets")
