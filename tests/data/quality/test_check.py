"""The examination: each finding is planted and found, and nothing is found on clean data."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from harness.data.dataset import Dataset
from harness.data.quality import check
from harness.data.readers.reader import Files
from harness.data.targets import Multilabel
from harness.data.windowed import Windowed
from harness.utils import fingerprint as fp
from harness.utils.files import read_json

ANTS, BEES = 0, 1


def picture(number: int, side: int = 40) -> np.ndarray:
    """Smooth blobs of colour, others for each number."""
    blobs = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(blobs, (side, side), interpolation=cv2.INTER_CUBIC)


def encoded(image: np.ndarray, suffix: str = ".png", mode: str | None = None, **how: Any) -> bytes:
    """An RGB array as a file, in one of Pillow's modes."""
    out = io.BytesIO()
    made = Image.fromarray(image)
    (made.convert(mode) if mode else made).save(out, Image.registered_extensions()[suffix], **how)
    return out.getvalue()


class Folder:
    """A data set on disk, image by image."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows: list[tuple[str, str, int, bytes]] = []

    def add(self, source: str, content: bytes, label: int = ANTS, split: str = "train") -> None:
        path = self.root / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.rows.append((source, split, label, content))

    def dataset(self) -> Dataset:
        sources, splits, labels, contents = zip(*self.rows, strict=True)
        hashes = tuple(fp.fingerprint(content=content.hex()) for content in contents)
        return Dataset(
            ids=tuple(f"id of {source}" for source in sources),
            splits=np.array(splits),
            labels=np.array(labels, np.int32),
            groups=np.arange(len(sources)),
            sources=sources,
            hashes=hashes,
            classes=("ants", "bees"),
            images=Files(self.root),
            fingerprint=fp.fingerprint(splits=splits, labels=labels, hashes=hashes),
        )

    def examine(self) -> dict[str, Any]:
        return check.examine(self.dataset())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Twenty different pictures of two classes."""
    made = Folder(tmp_path / "photos")
    for number in range(20):
        made.add(f"{number}.png", encoded(picture(number)), number % 2)
    return made


def sources(groups: list[dict[str, Any]]) -> list[list[str]]:
    return [[image["source"] for image in group["images"]] for group in groups]


def test_nothing_on_clean_data(folder: Folder) -> None:
    found = folder.examine()
    for finding in ("one_channel", "colourless", "flat", "narrow", "unreadable", "duplicates", "near_duplicates"):
        assert not found[finding], finding
    assert found["images"] == 20
    assert found["classes"] == {"ants": {"train": 10}, "bees": {"train": 10}}
    assert found["unlabelled"] == {}
    assert found["sizes"] == {"40×40": 20}
    assert found["kinds"] == {"PNG RGB": 20}


def test_counts_by_class_and_split(folder: Folder) -> None:
    folder.add("held.png", encoded(picture(100)), BEES, "holdout")
    folder.add("unknown.png", encoded(picture(101)), -1, "test")
    found = folder.examine()
    assert found["classes"]["bees"] == {"train": 10, "holdout": 1}
    assert found["labelled"] == {"train": 20, "holdout": 1}
    assert found["unlabelled"] == {"test": 1} and found["without any"] == {}


def test_images_of_several_labels_are_counted_once(folder: Folder) -> None:
    marks = np.array([[1, 1], [1, 0], [0, 0], *[[0, 1]] * 16, [-1, -1]], np.int8)
    made = Dataset(**vars(folder.dataset()) | {"labels": marks, "targets": Multilabel()})
    found = check.examine(made)
    assert found["targets"] == "multilabel" and found["labelled"] == {"train": 19}
    assert found["classes"] == {"ants": {"train": 2}, "bees": {"train": 17}}
    assert found["without any"] == {"train": 1} and found["unlabelled"] == {"train": 1}


def deep(image: np.ndarray, factor: int, suffix: str = ".png") -> bytes:
    """An image as one of 16 bits: of a camera of 12 bits it has values up to 255 * 16."""
    values = image[..., 0].astype(np.uint16) * factor
    if suffix == ".npy":
        out = io.BytesIO()
        np.save(out, values)
        return out.getvalue()
    return cv2.imencode(suffix, values)[1].tobytes()


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".npy"])
def test_images_of_which_the_window_leaves_few_levels(folder: Folder, suffix: str) -> None:
    for number in range(3):
        folder.add(f"dark {number}{suffix}", deep(picture(50 + number), 16, suffix))
    folder.add(f"whole{suffix}", deep(picture(60), 257, suffix))
    folder.add("dark of 8 bits.png", encoded(picture(61) // 16))
    plain = folder.dataset()
    told = {
        window: check.examine(Dataset(**vars(plain) | {"images": Windowed(plain.images, window)}))
        for window in ("file", (0.0, 4095.0), "percentiles")
    }
    for found in told.values():
        assert found["deep"] == 4 and not found["unreadable"]
    assert told["file"]["narrow"] == [f"dark {number}{suffix}" for number in range(3)]
    assert told[(0.0, 4095.0)]["narrow"] == told["percentiles"]["narrow"] == []


def test_sizes(folder: Folder) -> None:
    folder.add("wide.png", encoded(picture(100, 90)[:30]))
    found = folder.examine()
    assert found["sizes"] == {"40×40": 20, "30×90": 1}
    assert found["height"] == {"min": 30, "median": 40, "max": 40}
    assert found["width"] == {"min": 40, "median": 40, "max": 90}


def test_exact_duplicates_of_one_class(folder: Folder) -> None:
    folder.add("copy of 3.png", encoded(picture(3)), BEES)
    folder.add("another of 3.png", encoded(picture(3)), BEES)
    found = folder.examine()
    assert sources(found["duplicates"]) == [["3.png", "copy of 3.png", "another of 3.png"]]
    assert found["duplicates"][0]["labels"] == ["bees"]
    assert found["duplicates"][0]["splits"] == ["train"]
    assert found["near_duplicates"] == []


def test_conflicting_labels(folder: Folder) -> None:
    folder.add("3 again.png", encoded(picture(3)), ANTS)
    (group,) = folder.examine()["duplicates"]
    assert group["labels"] == ["ants", "bees"]
    assert group["images"][1] == {
        "id": "id of 3 again.png",
        "source": "3 again.png",
        "split": "train",
        "label": "ants",
    }


def test_duplicates_across_splits(folder: Folder) -> None:
    folder.add("held.png", encoded(picture(3)), BEES, "holdout")
    folder.add("unknown.png", encoded(picture(4)), -1, "test")
    held, unknown = folder.examine()["duplicates"]
    assert held["splits"] == ["holdout", "train"]
    assert unknown["splits"] == ["test", "train"]
    assert unknown["labels"] == ["ants"]


def test_near_duplicates(folder: Folder) -> None:
    folder.add("worse 3.jpg", encoded(picture(3), ".jpg", quality=40), BEES, "holdout")
    folder.add("small 4.png", encoded(cv2.resize(picture(4), (24, 24), interpolation=cv2.INTER_AREA)), BEES)
    found = folder.examine()
    assert found["duplicates"] == []
    assert sources(found["near_duplicates"]) == [["3.png", "worse 3.jpg"], ["4.png", "small 4.png"]]
    assert found["near_duplicates"][0]["splits"] == ["holdout", "train"]
    assert found["near_duplicates"][1]["labels"] == ["ants", "bees"]


def test_exact_copies_go_along_with_a_near_duplicate(folder: Folder) -> None:
    folder.add("copy of 3.png", encoded(picture(3)), BEES)
    folder.add("worse 3.jpg", encoded(picture(3), ".jpg", quality=40), BEES)
    found = folder.examine()
    assert sources(found["duplicates"]) == [["3.png", "copy of 3.png"]]
    assert sources(found["near_duplicates"]) == [["3.png", "copy of 3.png", "worse 3.jpg"]]


def test_flat_and_tiny_pictures_are_no_near_duplicates(folder: Folder) -> None:
    for level in (0, 1, 254, 255):
        folder.add(f"flat {level}.png", encoded(np.full((40, 40, 3), level, np.uint8)))
    for shade in range(4):
        folder.add(f"digit {shade}.png", encoded(np.maximum(picture(200, 8), shade)))
    found = folder.examine()
    assert len(found["flat"]) == 4
    assert found["near_duplicates"] == []


@pytest.mark.parametrize("n", [1, 3])
def test_all_flat(tmp_path: Path, n: int) -> None:
    made = Folder(tmp_path)
    for level in range(n):
        made.add(f"{level}.png", encoded(np.full((40, 40, 3), level, np.uint8)))
    assert len(made.examine()["flat"]) == n


def test_greyscale(folder: Folder) -> None:
    grey = cv2.cvtColor(picture(100), cv2.COLOR_RGB2GRAY)
    folder.add("one channel.jpg", encoded(grey, ".jpg"))
    folder.add("sixteen bits.png", cv2.imencode(".png", picture(101)[..., 0].astype(np.uint16) * 257)[1].tobytes())
    folder.add("in colour.png", encoded(np.repeat(picture(102)[..., :1], 3, axis=2)))
    found = folder.examine()
    assert found["one_channel"] == ["one channel.jpg", "sixteen bits.png"]
    assert found["colourless"] == ["in colour.png"]


def test_odd_files_are_read_and_told(folder: Folder) -> None:
    folder.add("cmyk.jpg", encoded(picture(100), ".jpg", "CMYK"))
    folder.add("alpha.png", encoded(picture(101), ".png", "RGBA"))
    frames = [Image.fromarray(picture(number)) for number in (102, 103)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    folder.add("moving.gif", out.getvalue())
    found = folder.examine()
    assert found["unreadable"] == {}
    assert found["kinds"].keys() == {"PNG RGB", "JPEG CMYK", "PNG RGBA", "GIF P animated"}


def test_unreadable_files_are_listed_with_reasons(folder: Folder) -> None:
    folder.add("zero.jpg", b"")
    folder.add("nothing.png", b"", BEES)
    folder.add("text.jpg", b"this is no picture")
    folder.add("cut.png", encoded(picture(100))[:200])
    folder.add("gone.png", encoded(picture(101)))
    (folder.root / "gone.png").unlink()
    found = folder.examine()
    assert list(found["unreadable"]) == ["zero.jpg", "nothing.png", "text.jpg", "cut.png", "gone.png"]
    assert "empty" in found["unreadable"]["zero.jpg"]
    # Two empty files have equal bytes, but are no duplicates.
    assert found["duplicates"] == found["near_duplicates"] == []
    assert found["sizes"] == {"40×40": 20}


def test_nothing_readable(tmp_path: Path) -> None:
    made = Folder(tmp_path)
    made.add("a.png", b"")
    made.add("b.png", b"no")
    found = made.examine()
    assert len(found["unreadable"]) == 2
    assert found["sizes"] == {}


@pytest.mark.parametrize("name", ["two words.png", 'it\'s "quoted".png', "køter – 犬.png", "[red]bold.png"])
def test_names_of_all_kinds(folder: Folder, tmp_path: Path, name: str) -> None:
    folder.add(name, encoded(picture(3)), ANTS)
    file = tmp_path / "check.json"
    check.load_or_examine(folder.dataset(), file)
    kept = read_json(file)
    assert kept is not None
    assert sources(kept["duplicates"]) == [["3.png", name]]


def test_arrays_are_examined_too() -> None:
    class Arrays:
        def read(self, source: str) -> np.ndarray:
            image = picture(int(source))
            return image[..., 0] if source == "2" else image

    names = ("0", "1", "2")
    found = check.examine(
        Dataset(
            names, np.array(["train"] * 3), np.zeros(3, np.int32), np.arange(3), names, names, ("ants",), Arrays(), ""
        )
    )
    assert found["kinds"] == {"array": 3}
    assert found["one_channel"] == ["2"]


def test_kept_and_reused(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "data" / "check.json"
    first = check.load_or_examine(folder.dataset(), file)
    monkeypatch.setattr(check, "examine", lambda dataset: pytest.fail("examined again"))
    assert check.load_or_examine(folder.dataset(), file) == first


def test_examined_again_where_the_data_changed_or_the_file_is_damaged(folder: Folder, tmp_path: Path) -> None:
    file = tmp_path / "check.json"
    check.load_or_examine(folder.dataset(), file)
    folder.add("more.png", encoded(picture(100)))
    assert check.load_or_examine(folder.dataset(), file)["images"] == 21
    file.write_text(file.read_text()[:100])
    assert check.load_or_examine(folder.dataset(), file)["images"] == 21


def test_several_threads_give_what_one_gives(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_time(found: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in found.items() if key != "seconds"}

    folder.add("copy.jpg", encoded(picture(3), ".jpg"))
    for number in range(300, 500):
        folder.add(f"{number}.png", encoded(picture(number)))
    monkeypatch.setattr(check.os, "cpu_count", lambda: 1)
    one = without_time(folder.examine())
    monkeypatch.setattr(check.os, "cpu_count", lambda: 8)
    assert without_time(folder.examine()) == one
