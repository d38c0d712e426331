"""Readers: what each lists of its layout, with a few files of every kind it must tell apart."""

from __future__ import annotations

import inspect
import json
import pickle
from pathlib import Path

import numpy as np

from harness.data.images import Geometry, load
from harness.data.readers import (
    CifarBatches,
    ClassFolders,
    ClassInName,
    CocoJson,
    LabelsFile,
    NumberedFiles,
    SklearnDigits,
    Table,
    TinyImageNet,
)
from harness.data.readers.reader import Reader, find
from tests.steps.results import Numbers, defaults, digest, regression


def files(root: Path, *names: str) -> Path:
    """Files that no reader opens to list them; some that are no images, or hidden, are always there."""
    for name in (*names, "notes.txt", ".hidden.png", "__MACOSX/a.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def listed(reader: Reader, given: Path) -> Numbers:
    """Where a reader finds its layout, and what is there."""
    found, folder = find((reader,), given)
    listing = found.listing(folder)
    splits = [row.split for row in listing.rows]
    images = found.images(folder)
    return {
        "classes": list(listing.classes),
        "splits": [splits.count(split) for split in ("train", "holdout", "test")],
        "first and last": [*listing.rows[0][:4], *listing.rows[-1][:4]],
        "rows": digest([row[:4] for row in listing.rows]),
        **({"groups": [row.group or "" for row in listing.rows]} if any(row.group for row in listing.rows) else {}),
        "images": digest([images.read(row.source) for row in listing.rows[:: max(1, len(splits) // 8)]]),
        "files": digest([name for name, *_ in found.state(folder)]) if found.on_disk else "",
        **(defaults(type(reader)) if inspect.get_annotations(type(reader)) else {}),
    }


@regression("readers.cifar_batches")
def cifar_batches(folder: Path) -> Numbers:
    classes = [f"class {number}".encode() for number in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": classes}))
    for number, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        pixels = np.random.default_rng(number).integers(0, 256, (3, 3072), dtype=np.uint8)
        batch = {b"labels": [number, 9 - number, 5], b"data": pixels}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=4))
    return listed(CifarBatches(), folder)


@regression("readers.class_folders")
def class_folders(folder: Path) -> Numbers:
    names = [f"train/{label}/{n}.{kind}" for label in ("bee", "ant10", "ant9") for n, kind in ((1, "PNG"), (10, "jpg"))]
    files(folder / "deep" / "data", *names, "train/bee/2.webp", "val/bee/1.png", "val/ant9/3.gif", "new/x/7.png")
    return listed(ClassFolders(train="train", holdout="val", test="new"), folder)


@regression("readers.class_folders")
def class_folders_at_the_top(folder: Path) -> Numbers:
    files(folder, "b/1.png", "a/1.png", "test/1.png")
    listing = ClassFolders(test="test").listing(folder)
    return {"rows at the top": [[*row[:4]] for row in listing.rows], "classes at the top": list(listing.classes)}


@regression("readers.class_in_name")
def class_in_name(folder: Path) -> Numbers:
    names = [f"train/{label}.{number}.jpg" for label in ("cat", "dog") for number in (0, 2, 10)]
    return listed(
        ClassInName(classes=("dog", "cat")), files(folder, *names, "test1/10.jpg", "test1/2.jpg", "test/a.png")
    )


@regression("readers.digits")
def digits(folder: Path) -> Numbers:
    reader = SklearnDigits()
    images = reader.images(folder)
    pixels = np.stack([load(images.read(str(number)), Geometry(8, 8)) for number in range(20)])
    return listed(reader, folder) | {"pixels": digest(pixels)}


@regression("readers.labels_file")
def labels_file(folder: Path) -> Numbers:
    files(folder, *(f"train/{number}.png" for number in (1, 2, 3, 10)), "test/10.png", "test/2.png")
    (folder / "trainLabels.csv").write_text('id,label\n10,frog\n2,cat\n1,"a, b"\n3,cat\n')
    return listed(LabelsFile(), folder)


@regression("readers.numbered_files")
def numbered_files(folder: Path) -> Numbers:
    files(folder, *(f"jpg/image_{number:04d}.jpg" for number in (1, 2, 3, 5, 6)))
    return listed(NumberedFiles(classes=("daffodil", "snowdrop"), each=3), folder)


@regression("readers.table")
def table(folder: Path) -> Numbers:
    files(folder, *(f"all/{kind}/{number}.png" for kind in "ab" for number in (1, 2, 10)), "test/10.png", "test/07.png")
    (folder / "train.csv").write_text("id,kind,who\n1,a,x\n2,b,y\n10,b,x\n10,b,x\n")
    (folder / "sample_submission.csv").write_text("name,b,a\n10,0,0\n07,0,0\n")
    reader = Table(label="kind", path="all/{kind}/{id}.png", test_path="test/{id}.png", group="who")
    (folder / "one_hot.csv").write_text("id,a,b\n1,0,1.0\n2,1,0\n")
    one_hot = Table(csv="one_hot.csv", label=("a", "b"), path="all/b/{id}.png", sample=None).listing(folder)
    return listed(reader, folder) | {
        "one-hot": [[row.id, *row.label, row.split, row.source] for row in one_hot.rows],
        "one-hot classes": list(one_hot.classes),
    }


@regression("readers.coco_json")
def coco_json(folder: Path) -> Numbers:
    files(folder, *(f"train/{number}.png" for number in range(9)), "test/a.png", "test/b.png")
    images = [{"id": number, "file_name": f"{number}.png", "place": number // 2} for number in (5, 0, 8, 3, 1, 7)]
    pairs = ((0, 9), (5, 2), (5, 9), (8, 9), (3, 2), (3, 2), (7, 30))
    labelled = {
        "images": images,
        "annotations": [{"image_id": image, "category_id": category} for image, category in pairs],
        "categories": [{"id": number, "name": f"kind {number}"} for number in (9, 2, 30, 77)],
    }
    (folder / "train.json").write_text(json.dumps(labelled))
    (folder / "test.json").write_text(
        json.dumps({"images": [{"id": name, "file_name": f"{name}.png"} for name in "ba"]})
    )
    reader = CocoJson(path="train/{file_name}", test_path="test/{file_name}", group="place")
    several = CocoJson(path="train/{file_name}", test=None, several=True, label="name").listing(folder)
    return listed(reader, folder) | {"several": digest([row[:4] for row in several.rows], several.classes)}


@regression("readers.tiny_imagenet")
def tiny_imagenet(folder: Path) -> Numbers:
    wnids = ("n02124075", "n01443537")
    files(
        folder,
        *(f"train/{wnid}/images/{wnid}_{number}.JPEG" for wnid in wnids for number in (0, 2, 10)),
        *(f"val/images/val_{number}.JPEG" for number in (0, 2, 10)),
        *(f"test/images/test_{number}.JPEG" for number in (1, 10, 2)),
    )
    (folder / "wnids.txt").write_text("\n".join(wnids) + "\n")
    boxes = [f"val_{number}.JPEG\t{wnids[number % 4 // 2]}\t0\t0\t9\t9" for number in (10, 0, 2)]
    (folder / "val" / "val_annotations.txt").write_text("\n".join(boxes))
    return listed(TinyImageNet(), folder)
