"""The table of images, copies, folds, decoding and the cache of images."""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import InitVar, dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
import py7zr
import pydicom
from PIL import Image

from harness.data import near_duplicates
from harness.data.cache.build import open_or_build
from harness.data.cache.image_cache import ImageInput
from harness.data.dataset import Dataset
from harness.data.folds import Folds, HoldOut, KFold
from harness.data.image_table import ImageTable
from harness.data.images import Geometry, UnreadableError, load
from harness.data.locating import locate
from harness.data.quality import check
from harness.data.readers import ClassFolders
from harness.data.readers.reader import Listing, Row
from harness.data.windowed import Windowed
from tests.conftest import Pictures, table
from tests.steps.regressions.given import blots, pixels
from tests.steps.results import PIXELS, Numbers, defaults, described, digest, regression

Array = np.ndarray


@dataclass
class Handful:
    """A reader of pictures in memory, which are part of no key."""

    rows: tuple[Row, ...]
    pictures: InitVar[Pictures]

    def __post_init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    looks_for = "pictures in memory"
    on_disk = False

    def matches(self, folder: Path) -> bool:
        return True

    def state(self, folder: Path) -> str:
        return "as it was"

    def listing(self, folder: Path) -> Listing:
        return Listing([*self.rows], ("bee", "ant", "wasp"))

    def images(self, folder: Path) -> Pictures:
        return self._pictures


def handful(holdout: bool) -> Handful:
    """30 rows of three classes, 3 of them without a label; every seventh is a copy of the one before."""
    noise, rows, pictures = pixels(30, 16, 15), [], {}
    for number in range(30):
        split = "test" if number > 26 else "holdout" if holdout and number % 7 == 1 else "train"
        label = None if split == "test" else ("bee", "ant", "wasp")[number % 3]
        rows.append(Row(f"id {number}", label, split, f"source {number}"))
        pictures[f"source {number}"] = noise[number - (number % 7 == 0 and number > 0)]
    return Handful(tuple(rows), Pictures(pictures))


@regression("dataset")
def table_of_images(folder: Path) -> Numbers:
    found: Numbers = {}
    for name, holdout in (("cut", False), ("given", True)):
        reader, file = handful(holdout), folder / f"{name}.csv"
        made = ImageTable(reader, folder, file, HoldOut(0.25)).load_or_read()
        found |= {
            f"splits, hold-out {name}": "".join(split[0] for split in made.splits),
            f"groups, hold-out {name}": made.groups,
            f"labels, hold-out {name}": made.labels,
            f"table, hold-out {name}": digest(file.read_bytes()),
            f"fingerprint, hold-out {name}": made.fingerprint,
        }
    return found


@regression("dataset")
def table_with_near_copies(folder: Path) -> Numbers:
    # Of each side two that are alike: only those of 16 pixels are large enough to tell.
    images = {f"{side} {shift}": blots(1, side, side // 4)[0] // 2 + shift for side in (12, 16) for shift in (0, 20)}
    rows = tuple(Row(name, "bee", "train", name) for name in images)
    rows += tuple(Row(label, label, "train", label) for label in ("ant", "wasp"))
    images |= {"ant": pixels(1, 40, 40, 1)[0], "wasp": b"no image"}
    reader = Handful(rows, Pictures(images))
    made = ImageTable(reader, folder, folder / "table.csv", None, "near").load_or_read()
    return {"groups of near copies": made.groups}


@regression("dataset")
def archives(folder: Path) -> Numbers:
    """Archives in archives, found, unpacked and read."""
    given = folder / "given"
    given.mkdir()
    names = [f"{label}/{number}.png" for label in "ab" for number in (1, 2)]
    with py7zr.SevenZipFile(folder / "b.7z", "w") as archive:
        for name in names:
            archive.writestr(name.encode(), f"b/{name}")
    with zipfile.ZipFile(given / "pictures.zip", "w") as outer:
        outer.write(folder / "b.7z", "train.7z")
        for name in names:
            outer.writestr(f"__MACOSX/{name}", "rubbish")
            outer.writestr(f"val/{name}", name)
    shutil.make_archive(str(given / "more"), "gztar", given)
    reader, found = locate((ClassFolders(train="train/b", holdout="val"),), given, folder / "unpacked", "pictures", "")
    listing, images = reader.listing(found), reader.images(found)
    return {
        "unpacked": [path.relative_to(folder).as_posix() for path in sorted((folder / "unpacked").glob("*/[!.]*"))],
        "rows unpacked": digest([row[:4] for row in listing.rows], [images.read(row.source) for row in listing.rows]),
    }


@regression("near_duplicates")
def close_hashes(folder: Path) -> Numbers:
    """Pairs whose hashes differ in 0 to 15 bits; pairs of one hash whose thumbnails correlate by .895 to .965."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**63, 46, dtype=np.uint64)
    thumbnails = random.normal(size=(46, 16, 16, 3))
    thumbnails -= thumbnails.mean(axis=(1, 2), keepdims=True)
    for bits in range(16):
        flipped = random.permutation(64)[:bits].astype(np.uint64)
        hashes[2 * bits + 1] = hashes[2 * bits] ^ np.bitwise_or.reduce(np.uint64(1) << flipped, initial=np.uint64(0))
        thumbnails[2 * bits + 1] = thumbnails[2 * bits]
    for number, correlation in enumerate(np.arange(0.895, 0.966, 0.01)[:7]):
        one, other = 32 + 2 * number, 33 + 2 * number
        hashes[other] = hashes[one]
        a = thumbnails[one].ravel() / np.linalg.norm(thumbnails[one])
        b = thumbnails[other].ravel() - (thumbnails[other].ravel() @ a) * a
        mixed = correlation * a + np.sqrt(1 - correlation**2) * b / np.linalg.norm(b)
        thumbnails[other] = mixed.reshape(16, 16, 3)
    return {
        "pairs": near_duplicates.alike(hashes, thumbnails),
        "groups": near_duplicates.components(hashes, thumbnails),
        "pairs of 20 bits": digest(near_duplicates.close_pairs(hashes >> np.uint64(20), 20)),
    }


@regression("near_duplicates")
def perceived(folder: Path) -> Numbers:
    # Of 32 pixels: to hash them nothing is resampled, and the hash is exact.
    images = blots(6)
    images[3], images[5] = images[0] // 2 + 30, 255 - images[1]
    board = np.where(np.indices((8, 8)).sum(axis=0) % 2, 1, -1).repeat(4, axis=0).repeat(4, axis=1)[..., None]
    nearly_flat = [(128 + board * size).repeat(3, axis=2).astype(np.uint8) for size in (2, 4, 6, 9)]
    seen = [near_duplicates.perceive(image) for image in (*images, *nearly_flat)]
    groups = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    return {
        "hashes": [f"{one.hash:016x}" for one in seen[:6]],
        "flat": [one.flat for one in seen],
        "merged": near_duplicates.merge(groups, [*seen[:4], None, *seen[5:]]),
        "large": [f"{near_duplicates.perceive(image).hash:016x}" for image in blots(2, 64, 16)],
    }


@regression("near_duplicates", PIXELS)
def thumbnails(folder: Path) -> Numbers:
    return {"thumbnail": described(near_duplicates.perceive(pixels(1, 50, 40)[0]).thumbnail)}


def encoded(image: Array, kind: str = "PNG", mode: str | None = None) -> bytes:
    out, made = io.BytesIO(), Image.fromarray(image)
    (made.convert(mode) if mode else made).save(out, kind)
    return out.getvalue()


@regression("check")
def findings(folder: Path) -> Numbers:
    images = blots(8, 40)
    small = blots(1, 12)[0]
    contents = [
        encoded(images[0]), encoded(images[0]), encoded(images[1], "BMP"), encoded(images[2], mode="L"),
        encoded(images[3, ..., :1].repeat(3, axis=2)), images[4], images[5, ..., 0],
        np.full((30, 50, 3), 7, np.uint8), np.full((30, 50, 3), 7, np.uint8), images[4] // 2 + 30,
        encoded(images[6], mode="P"), encoded(images[6], "TIFF"), b"", b"no image", small, small // 2 + 20,
        encoded(images[7], mode="RGBA"), encoded(images[7], mode="LA"),
        images[1][..., [0, 0, 1]], images[2][..., [0, 1, 1]],
    ]  # fmt: skip
    splits = ["train"] * 14 + ["test", "test", "holdout", "train", "train", "train"]
    made = table(Pictures({f"image {number}": one for number, one in enumerate(contents)}), np.arange(20) % 2, splits)
    made.labels[14:16] = -1
    made = Dataset(**vars(made) | {"hashes": tuple(map(digest, contents))})
    found = check.examine(made)
    found["unreadable"] = [*found["unreadable"]]  # the reasons are the decoder's words
    return {name: value if name == "images" else repr(value) for name, value in found.items() if name != "seconds"}


@regression("folds")
def folds(folder: Path) -> Numbers:
    random = np.random.default_rng(0)
    labels = np.sort(random.integers(0, 3, 40))
    groups = np.where(np.arange(40) % 6 == 5, np.arange(40) - 1, np.arange(40))
    held = {part: HoldOut(part).cut(labels, groups).nonzero()[0] for part in (0.2, 7)}
    Folds(tuple(map(str, range(40))), KFold(3, repeats=2).split(labels, groups)).write(folder / "folds.csv")
    again = Folds.read(folder / "folds.csv", tuple(map(str, reversed(range(40)))))
    return {
        "five": KFold().split(labels, groups)[:, 0],
        "three, twice": digest(KFold(3, repeats=2).split(labels, groups)),
        "another seed": digest(KFold(seed=1).split(labels, groups)),
        "one part": KFold(validation=0.3).split(labels, groups)[:, 0],
        "a fifth held out": held[0.2],
        "seven held out": held[7],
        "kept": digest((folder / "folds.csv").read_bytes(), [(a.tolist(), b.tolist()) for a, b in again]),
        **defaults(KFold, HoldOut),
    }


@regression("decoding", PIXELS)
def decoding(folder: Path) -> Numbers:
    found: Numbers = {}
    picture = blots(1, 480, 6)[0][:, :400]
    _, jpeg = cv2.imencode(".jpg", picture)
    _, png = cv2.imencode(".png", picture)
    # From a JPEG 17, 9, 3 times as large as wanted, as from a smaller one, less is decoded.
    sizes = {"an 8th": (23, 22), "a 4th": (44, 40), "half": (130, 120), "all": (300, 260), "more": (620, 480)}
    sizes |= {"low": (20, 90), "narrow": (90, 20)}
    for name, (height, width) in sizes.items():
        for kind, content in (("JPEG", jpeg), ("PNG", png)):
            for fit in ("aspect", "plain"):
                found[f"{name} of a {kind}, {fit}"] = described(
                    load(content.tobytes(), Geometry(height, width, fit)), 10
                )
    grey = load(pixels(1, 9, 9)[0, ..., 0], Geometry(9, 9))
    found["grey"] = digest(grey)
    broken = (b"", b"words", jpeg.tobytes()[:-2], jpeg.tobytes()[:-700], png.tobytes()[:-20], b"\xff\xd8\xff\xd9")
    found["taken"] = [_is_taken(content) for content in (jpeg.tobytes() + b"more", *broken)]
    return found | defaults(Geometry)


@regression("decoding")
def windows(folder: Path) -> Numbers:
    """Images of more than 8 bits, by each rule."""
    numbers = np.random.default_rng(0).integers(0, 65536, (6, 5, 3))
    stream = io.BytesIO()
    np.save(stream, numbers[..., 0].astype(np.int32))
    contents = {"array": stream.getvalue(), "values": numbers / 7}
    contents |= {kind: cv2.imencode(kind, numbers.astype(np.uint16))[1].tobytes() for kind in (".png", ".tiff")}
    rules = ("image", "percentiles", (1000.0, 9000.0))
    return {
        f"{name}, {rule}": digest(Windowed(Pictures({"": content}), rule).read(""))
        for name, content in contents.items()
        for rule in rules
    }


@regression("dicom")
def dicom(folder: Path) -> Numbers:
    """Grey values in the file's window, without a window, and with half of one."""
    found: Numbers = {}
    windows: list[dict[str, int | None]] = [{"WindowCenter": 900, "WindowWidth": 1000}, {}, {"WindowCenter": 900}]
    for window in windows:
        file = pydicom.Dataset()
        file.file_meta = pydicom.dataset.FileMetaDataset()
        file.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
        file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = "1.2.3"
        file.Rows, file.Columns, file.SamplesPerPixel, file.PhotometricInterpretation = 6, 5, 1, "MONOCHROME2"
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
        file.PixelData = np.random.default_rng(0).integers(0, 3000, (6, 5)).astype(np.int16).tobytes()
        for name, value in window.items():
            setattr(file, name, value)
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, file, enforce_file_format=True)
        read = Windowed(Pictures({"": stream.getvalue()}), "file").read("")
        found[str(window)] = [int(value) for value in np.asarray(read).ravel()]
    return found


@regression("tiff")
def tiffs(folder: Path) -> Numbers:
    """Grey values of 16 bits, with offsets of 32 and of 64 bits."""
    found: Numbers = {}
    values = np.random.default_rng(0).integers(1000, 5000, (4, 5)).astype(np.uint16)
    for big in (False, True):
        stream = io.BytesIO()
        Image.fromarray(values).save(stream, "TIFF", big_tiff=big)
        read = Windowed(Pictures({"": stream.getvalue()}), (1000.0, 5000.0)).read("")
        found[f"big: {big}"] = [int(value) for value in np.asarray(read).ravel()]
    return found


def _is_taken(content: bytes) -> bool:
    try:
        load(content, Geometry(8, 8))
    except UnreadableError:
        return False
    return True


@regression("image_cache")
def image_cache(folder: Path) -> Numbers:
    """Of the pictures' own size, so that nothing is resampled; one cannot be read."""
    images = {f"image {number}": one for number, one in enumerate(pixels(70, 12, 10))} | {"image 3": b"words"}
    made = table(Pictures(images), np.arange(70) % 3, ["train"] * 50 + ["holdout"] * 20)
    wanted, found = ImageInput(Geometry(12, 10)), {}
    for form, compressed in (("plain", False), ("compressed", True)):
        cache = open_or_build(folder / f"{form}.h5", wanted, made, 1, compressed)
        found[f"rows, {form}"] = digest(np.array([cache.rows[row] for row in range(70)]))
        found[f"tables, {form}"] = digest(cache.ids, cache.labels, cache.splits, cache.readable, cache.classes)
    with h5py.File(folder / "plain.h5") as h5:
        found["format"] = [str(h5.attrs["format"]), *sorted(h5)]
        found["training mean"] = described(h5.attrs["training_mean"])
        found["checksums"] = digest(h5["checksums"][:])
    some = np.arange(5, 45, 2)
    return found | {"mean": cache.mean(some), "deviation": cache.deviation(some)}
