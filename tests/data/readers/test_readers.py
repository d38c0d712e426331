"""Readers: each organiser's layout gives the right ids, labels, splits and classes, and says what is wrong with it."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.data.images import Geometry, load
from harness.data.readers import CifarBatches, ClassFolders, ClassInName, LabelsFile, NumberedFiles, TinyImageNet
from harness.data.readers.reader import Listing, Reader, find, walk
from harness.utils.errors import UserError
from tests.conftest import declared, draw, edit, located

Save = Callable[..., Path]

CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
WNIDS = ("n02124075", "n01443537", "n04540053")  # not in alphabetical order
PETS = ClassInName(classes=("cat", "dog"))
SPECIES = NumberedFiles(classes=("daffodil", "snowdrop", "lilyvalley"), each=4)


# The organisers' layouts, small.


def pets(root: Path, save: Save, test: str = "test1") -> Path:
    for number in (0, 2, 10):
        for label, name in enumerate(("cat", "dog")):
            save(root / "train" / f"{name}.{number}.jpg", draw(label, number))
    for number in (1, 2, 10):
        save(root / test / f"{number}.jpg", draw(number % 2, number + 100))
    return root


def tiny_imagenet(root: Path, save: Save) -> Path:
    root.mkdir(parents=True)
    (root / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in WNIDS))
    (root / "words.txt").write_text("n02124075\tEgyptian cat\nn01443537\tgoldfish, Carassius auratus\n")
    for label, wnid in enumerate(WNIDS):
        for number in (0, 1, 2, 10):
            picture = draw(label, number)
            picture = picture[..., 0] if number == 1 else picture  # some are greyscale
            save(root / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", picture)
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t9\t9\n")
    annotations = []
    for number in range(6):
        save(root / "val" / "images" / f"val_{number}.JPEG", draw(number % 3, number + 50))
        annotations.append(f"val_{number}.JPEG\t{WNIDS[number % 3]}\t0\t32\t44\t62\n")
    (root / "val" / "val_annotations.txt").write_text("".join(annotations))
    for number in (0, 2, 10):
        save(root / "test" / "images" / f"test_{number}.JPEG", draw(number % 3, number + 80))
    return root


def flowers(root: Path, save: Save) -> Path:
    for number in range(1, 13):
        save(root / "jpg" / f"image_{number:04d}.jpg", draw((number - 1) // 4, number))
    (root / "jpg" / "files.txt").write_text("image_0001.jpg\n")
    return root


def kaggle_cifar(root: Path, save: Save) -> Path:
    labels = ["id,label\n"]
    for number in range(1, 21):
        save(root / "train" / f"{number}.png", draw(number % 10, number, 32, 32))
        labels.append(f"{number},{CIFAR_CLASSES[number % 10]}\n")
    (root / "trainLabels.csv").write_text("".join(labels))
    for number in (1, 2, 10):
        save(root / "test" / f"{number}.png", draw(number, number + 100, 32, 32))
    return root


def cifar_folders(root: Path, save: Save) -> Path:
    for part, each in (("train", 2), ("test", 1)):
        for label, name in enumerate(CIFAR_CLASSES):
            for number in range(each):
                save(root / part / name / f"{number:04d}.jpg", draw(label, number, 32, 32))
    return root


def python2(value: object) -> bytes:
    """A value's part of a pickle, in the opcodes in which Python 2 and numpy 1 wrote CIFAR-10's files."""
    match value:
        case bytes():
            return b"T" + len(value).to_bytes(4, "little") + value
        case int():
            return b"K" + bytes([value]) if value < 256 else b"M" + value.to_bytes(2, "little")
        case list():
            return b"](" + b"".join(map(python2, value)) + b"e"
        case dict():
            return b"}(" + b"".join(python2(k) + python2(v) for k, v in value.items()) + b"u"
        case np.ndarray():
            shape = b"(" + b"".join(map(python2, value.shape)) + b"t"
            dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
            return start + b"(K\x01" + shape + dtype + b"\x89" + python2(value.tobytes()) + b"tb"
    raise TypeError(value)


def write_batch(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x80\x02" + python2(content) + b".")


def cifar_batches(root: Path, save: Save | None = None) -> Path:
    folder = root / "cifar-10-batches-py"
    for batch in range(6):
        labels = [(batch + number) % 10 for number in range(4)]
        pictures = np.stack([draw(label, 10 * batch + i, 32, 32) for i, label in enumerate(labels)])
        content = {
            b"batch_label": b"training batch",
            b"labels": labels,
            b"data": pictures.transpose(0, 3, 1, 2).reshape(4, 3072),
            b"filenames": [b"picture_s_%06d.png" % number for number in range(4)],
        }
        write_batch(folder / (f"data_batch_{batch + 1}" if batch < 5 else "test_batch"), content)
    meta = {b"num_cases_per_batch": 4, b"label_names": [name.encode() for name in CIFAR_CLASSES], b"num_vis": 3072}
    write_batch(folder / "batches.meta", meta)
    (folder / "readme.html").write_text("<html/>")
    return root


LAYOUTS: dict[str, tuple[Callable[..., Path], Reader]] = {
    "pets": (pets, PETS),
    "tiny_imagenet": (tiny_imagenet, TinyImageNet()),
    "flowers": (flowers, SPECIES),
    "kaggle_cifar": (kaggle_cifar, LabelsFile()),
    "cifar_folders": (cifar_folders, ClassFolders(train="train", holdout="test")),
    "cifar_batches": (cifar_batches, CifarBatches()),
}


def listed(reader: Reader, given: Path) -> Listing:
    found, folder = find((reader,), given)
    return found.listing(folder)


def of(listing: Listing, split: str) -> dict[str, str | None]:
    return {row.id: row.label for row in listing.rows if row.split == split}


# What each layout gives.


@pytest.mark.parametrize("test", ["test1", "test"])
def test_dogs_vs_cats(tmp_path: Path, save: Save, test: str) -> None:
    listing = listed(PETS, pets(tmp_path, save, test))
    assert listing.classes == ("cat", "dog")
    train = of(listing, "train")
    assert list(train.items()) == [
        ("cat.0", "cat"),
        ("cat.2", "cat"),
        ("cat.10", "cat"),
        ("dog.0", "dog"),
        ("dog.2", "dog"),
        ("dog.10", "dog"),
    ]
    assert of(listing, "test") == {"1": None, "2": None, "10": None}
    assert [row.id for row in listing.rows if row.split == "test"] == ["1", "2", "10"]  # 10 after 2


def test_dogs_vs_cats_without_a_test(tmp_path: Path, save: Save) -> None:
    shutil.rmtree(pets(tmp_path, save) / "test1")
    assert of(listed(PETS, tmp_path), "test") == {}


def test_dogs_vs_cats_strange_names(tmp_path: Path, save: Save) -> None:
    pets(tmp_path, save)
    save(tmp_path / "train" / "bird.1.jpg", draw(0, 0))
    save(tmp_path / "train" / "IMG_0001.jpg", draw(0, 0))
    with pytest.raises(UserError, match=r"2 images .* none of the classes cat, dog: .*IMG_0001\.jpg, .*bird\.1\.jpg"):
        listed(PETS, tmp_path)


def test_tiny_imagenet(tmp_path: Path, save: Save) -> None:
    listing = listed(TinyImageNet(), tiny_imagenet(tmp_path / "tiny", save))
    assert listing.classes == WNIDS
    train = of(listing, "train")
    assert len(train) == 12
    assert list(train)[:4] == [f"n02124075_{number}.JPEG" for number in (0, 1, 2, 10)]
    assert all(name.startswith(f"{label}_") for name, label in train.items())
    assert of(listing, "holdout") == {f"val_{number}.JPEG": WNIDS[number % 3] for number in range(6)}
    assert list(of(listing, "test")) == ["test_0.JPEG", "test_2.JPEG", "test_10.JPEG"]


def test_tiny_imagenet_greyscale_becomes_rgb(tmp_path: Path, save: Save) -> None:
    reader, folder = find((TinyImageNet(),), tiny_imagenet(tmp_path / "tiny", save))
    images = reader.images(folder)
    grey = load(images.read("train/n02124075/images/n02124075_1.JPEG"), Geometry(24, 24))
    assert grey.shape == (24, 24, 3)
    assert (grey[..., 0] == grey[..., 2]).all()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("wnids.txt", "n04540053\n", "4540053\n", "line 3: .* Received: '4540053'"),
        ("wnids.txt", "n04540053\n", "n02124075\n", "line 3"),
        ("wnids.txt", "n04540053\n", "n00000001\n", r"1 classes of wnids.txt have no folder .*n00000001"),
        ("wnids.txt", "n04540053\n", "", "1 folders are not classes of wnids.txt .*n04540053"),
        ("val/val_annotations.txt", "val_2.JPEG\tn04540053", "val_2.JPEG n04540053", r"val_annotations.txt, line 3"),
        ("val/val_annotations.txt", "val_2.JPEG\tn04540053", "val_2.JPEG\tn99999999", "line 3"),
        ("val/val_annotations.txt", "val_2.JPEG", "val_1.JPEG", "line 3"),
        ("val/val_annotations.txt", "val_2.JPEG", "val_7.JPEG", r"names 1 .*\(val_7.JPEG\); 1 images .*\(val_2.JPEG\)"),
    ],
)
def test_tiny_imagenet_bad_lists(tmp_path: Path, save: Save, file: str, old: str, new: str, message: str) -> None:
    path = tiny_imagenet(tmp_path / "tiny", save) / file
    edit(path, old, new)
    with pytest.raises(UserError, match=message):
        listed(TinyImageNet(), tmp_path / "tiny")


def test_tiny_imagenet_wants_its_validation_set(tmp_path: Path, save: Save) -> None:
    shutil.rmtree(tiny_imagenet(tmp_path / "tiny", save) / "val")
    with pytest.raises(UserError, match="val_annotations"):
        listed(TinyImageNet(), tmp_path / "tiny")


def test_flowers_by_number(tmp_path: Path, save: Save, capsys: pytest.CaptureFixture[str]) -> None:
    listing = listed(SPECIES, flowers(tmp_path, save))
    assert listing.classes == ("daffodil", "snowdrop", "lilyvalley")
    assert len(listing.rows) == 12
    train = of(listing, "train")
    assert [train[f"jpg/image_{number:04d}.jpg"] for number in (1, 4, 5, 8, 9, 12)] == [
        "daffodil",
        "daffodil",
        "snowdrop",
        "snowdrop",
        "lilyvalley",
        "lilyvalley",
    ]
    assert capsys.readouterr().err == ""


def test_flowers_missing_numbers_shift_nothing_and_are_told(
    tmp_path: Path, save: Save, capsys: pytest.CaptureFixture[str]
) -> None:
    (flowers(tmp_path, save) / "jpg" / "image_0002.jpg").unlink()
    train = of(listed(SPECIES, tmp_path), "train")
    assert train["jpg/image_0004.jpg"] == "daffodil"
    assert train["jpg/image_0005.jpg"] == "snowdrop"
    assert "1 of the 12 images" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["image_0000.jpg", "image_0013.jpg", "rose.jpg"])
def test_flowers_beyond_the_last_species(tmp_path: Path, save: Save, name: str) -> None:
    save(flowers(tmp_path, save) / "jpg" / name, draw(0, 0))
    with pytest.raises(UserError, match=f"1 images .* not numbered image_0001 … image_0012: jpg/{name}"):
        listed(SPECIES, tmp_path)


def test_kaggle_cifar(tmp_path: Path, save: Save) -> None:
    listing = listed(LabelsFile(), kaggle_cifar(tmp_path, save))
    assert listing.classes == CIFAR_CLASSES
    train = of(listing, "train")
    assert len(train) == 20
    assert list(train)[:3] == ["train/1", "train/2", "train/3"]
    assert train["train/1"] == "automobile"
    assert train["train/10"] == "airplane"
    assert list(of(listing, "test")) == ["1", "2", "10"]  # exactly what Kaggle's CSV wants


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id,label", "id;label", "line 1"),
        ("3,cat", "3", "line 4: .* Received: '3'"),
        ("3,cat", "3,", "line 4"),
        ("3,cat", "2,cat", "line 4"),
        ("3,cat", "33,cat", r"names 1 images that are not there \(33\); 1 images have no label in it \(3\)"),
        ("3,cat\n", "", r"1 images have no label in it \(3\)"),
    ],
)
def test_kaggle_cifar_bad_labels(tmp_path: Path, save: Save, old: str, new: str, message: str) -> None:
    file = kaggle_cifar(tmp_path, save) / "trainLabels.csv"
    file.write_text(
        file.read_text().replace(f"\n{old}" if old[0] == "3" else old, f"\n{new}" if old[0] == "3" else new)
    )
    with pytest.raises(UserError, match=message) as refused:
        listed(LabelsFile(), tmp_path)
    assert "trainLabels.csv" in refused.value.what


def test_label_file_that_is_no_text(tmp_path: Path, save: Save) -> None:
    (kaggle_cifar(tmp_path, save) / "trainLabels.csv").write_bytes(b"id,label\n1,\xff\n")
    with pytest.raises(UserError, match="not UTF-8"):
        listed(LabelsFile(), tmp_path)


def test_cifar_folders(tmp_path: Path, save: Save) -> None:
    listing = listed(ClassFolders(train="train", holdout="test"), cifar_folders(tmp_path, save))
    assert listing.classes == CIFAR_CLASSES
    assert len(of(listing, "train")) == 20
    assert of(listing, "holdout")["test/truck/0000.jpg"] == "truck"


# CIFAR-10's pickles.


def test_cifar_batches(tmp_path: Path) -> None:
    reader, folder = find((CifarBatches(),), cifar_batches(tmp_path))
    listing = reader.listing(folder)
    assert listing.classes == CIFAR_CLASSES
    train = of(listing, "train")
    assert len(train) == 20
    assert list(train)[:2] == ["data_batch_1/0", "data_batch_1/1"]
    assert train["data_batch_3/1"] == "cat"
    assert of(listing, "holdout")["test_batch/0"] == "dog"
    picture = reader.images(folder).read("data_batch_3/1")
    assert np.array_equal(picture, draw(3, 21, 32, 32))


def test_cifar_batches_written_anew_by_python_3(tmp_path: Path) -> None:
    folder = cifar_batches(tmp_path) / "cifar-10-batches-py"
    pixels = np.stack([draw(label, label, 32, 32).transpose(2, 0, 1).ravel() for label in range(4)])
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"labels": [0, 1, 2, 3], b"data": pixels}, protocol=4))
    reader = CifarBatches()
    assert of(reader.listing(folder), "train")["data_batch_1/3"] == "cat"
    assert np.array_equal(reader.images(folder).read("data_batch_1/2"), draw(2, 2, 32, 32))


class Runs:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, np.load, Path.touch])
def test_cifar_batches_that_run_something_are_refused(tmp_path: Path, name: str, function: Callable) -> None:
    folder = cifar_batches(tmp_path) / "cifar-10-batches-py"
    trace = tmp_path / "was-here"
    arguments = {
        os.mkdir: (str(trace),),
        os.system: (f"touch {trace}",),
        eval: (f"open({str(trace)!r}, 'w')",),
        np.load: (str(trace),),
        Path.touch: (trace,),
    }[function]
    content = {b"labels": [0], b"data": Runs(function, *arguments), b"label_names": [b"cat"]}
    (folder / name).write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match=f"{name} is not a batch file of CIFAR-10: it refers to .*not run"):
        CifarBatches().listing(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a batch file"),
        (b"not a pickle", "is not a batch file"),
        (pickle.dumps([1, 2]), "no dictionary"),
        (pickle.dumps({b"labels": [0]}), "no data and labels"),
        (pickle.dumps({b"labels": [0, 1], b"data": np.zeros((1, 3072), np.uint8)}, 4), "not 2 images"),
        (pickle.dumps({b"labels": [0], b"data": np.zeros((1, 3072), np.float32)}, 4), "unsigned bytes"),
        (pickle.dumps({b"labels": [0], b"data": np.zeros((1, 3072), object)}, 4), "unsigned bytes"),
        (pickle.dumps({b"labels": [10], b"data": np.zeros((1, 3072), np.uint8)}, 4), "numbers below 10"),
        (pickle.dumps({b"labels": ["cat"], b"data": np.zeros((1, 3072), np.uint8)}, 4), "numbers below 10"),
    ],
)
def test_cifar_batches_that_are_damaged(tmp_path: Path, content: bytes, message: str) -> None:
    folder = cifar_batches(tmp_path) / "cifar-10-batches-py"
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(UserError, match=message) as refused:
        CifarBatches().listing(folder)
    assert "data_batch_2" in refused.value.what


def test_cifar_batches_cut_off(tmp_path: Path) -> None:
    file = cifar_batches(tmp_path) / "cifar-10-batches-py" / "data_batch_5"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(UserError, match="data_batch_5 is not a batch file"):
        CifarBatches().listing(file.parent)


# Recognising a layout.


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_recognised_at_depth(tmp_path: Path, save: Save, name: str, depth: int) -> None:
    make, reader = LAYOUTS[name]
    flat = listed(reader, make(tmp_path / "flat", save))
    if name == "cifar_batches" and depth == 2:
        depth = 1  # its own folder is the second one
    given = tmp_path / "given"
    shutil.copytree(tmp_path / "flat", Path(given, *["some folder", "it's Ünder"][:depth]))
    assert listed(reader, given) == flat


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("kind", ["zip", "gztar", "tar"])
def test_recognised_in_an_archive(tmp_path: Path, save: Save, name: str, kind: str) -> None:
    make, reader = LAYOUTS[name]
    flat = listed(reader, make(tmp_path / "flat", save))
    archive = Path(shutil.make_archive(str(tmp_path / "given"), kind, tmp_path / "flat"))
    found, folder = located(declared(readers=(reader,)), archive, tmp_path / "unpacked")
    assert found.listing(folder) == flat


@pytest.mark.parametrize("name", LAYOUTS)
def test_recognised_by_its_own_reader_only(tmp_path: Path, save: Save, name: str) -> None:
    make, reader = LAYOUTS[name]
    make(tmp_path / "flat", save)
    others = tuple(other for _, other in LAYOUTS.values() if other is not reader)
    with pytest.raises(UserError, match="no known layout"):
        find(others, tmp_path / "flat")


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_was_looked_for_and_what_was_found(tmp_path: Path, name: str) -> None:
    _, reader = LAYOUTS[name]
    (tmp_path / "holiday photos").mkdir()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError) as refused:
        find((reader,), tmp_path)
    assert reader.looks_for in refused.value.what
    assert "Found: holiday photos/, notes.txt." in refused.value.what


def test_what_was_found_in_an_archive_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "cifar-10.zip", "w") as archive:
        archive.writestr("train.rar", b"")
        archive.writestr("trainLabels.csv", b"")
    with pytest.raises(UserError, match=r"Found: cifar-10/train\.rar, cifar-10/trainLabels\.csv\."):
        located(declared(readers=(LabelsFile(),)), tmp_path / "cifar-10.zip", tmp_path / "unpacked")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_image_can_be_read(tmp_path: Path, save: Save, name: str) -> None:
    make, reader = LAYOUTS[name]
    _, folder = find((reader,), make(tmp_path / "flat", save))
    images = reader.images(folder)
    for row in reader.listing(folder).rows:
        assert load(images.read(row.source), Geometry(16, 16)).shape == (16, 16, 3)


@pytest.mark.parametrize("name", LAYOUTS)
def test_state_changes_with_the_files(tmp_path: Path, save: Save, name: str) -> None:
    make, reader = LAYOUTS[name]
    _, folder = find((reader,), make(tmp_path / "flat", save))
    before = reader.state(folder)
    assert reader.state(folder) == before
    newest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()
    assert reader.state(folder) != before


def test_names_that_are_not_utf8_are_refused(tmp_path: Path, save: Save) -> None:
    pets(tmp_path, save)
    try:
        Path(os.fsdecode(os.fsencode(tmp_path / "train") + b"/cat.\xff.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(UserError, match="not UTF-8"):
        listed(PETS, tmp_path)


@pytest.mark.parametrize("links", [{"train/again": "train"}, {"train/up": "."}, {"one/x": "two", "two/y": "one"}])
def test_links_that_lead_back_are_not_followed(tmp_path: Path, links: dict[str, str]) -> None:
    for name in ("train", "one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").touch()
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    found = [path for path, _ in walk(tmp_path)]
    assert {"train/1.png", "one/1.png", "two/1.png"} <= {*found} and len(found) <= 5
