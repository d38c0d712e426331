"""Annotations in JSON of the COCO kind: joined by id, settled by stated rules, and refused with reasons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.readers import CocoJson
from harness.utils.errors import UserError


def content() -> dict:
    """Four images at two places; the second has no annotation, the fourth two that differ."""
    return {
        "images": [
            {"id": name, "file_name": f"{name}.jpg", "location": place}
            for name, place in (("d", 2), ("b", 1), ("a", 1), ("c", 2))
        ],
        "annotations": [
            {"id": number, "image_id": image, "category_id": category}
            for number, (image, category) in enumerate([("c", 30), ("d", 4), ("a", 4), ("d", 30), ("a", 4)])
        ],
        "categories": [{"id": 675, "name": "none has it"}, {"id": 30, "name": "Jaguar"}, {"id": 4, "name": "aguará"}],
    }


def board(folder: Path, labelled: object, encoding: str = "utf-8") -> Path:
    (folder / "train").mkdir(exist_ok=True)
    for name in "abcdxy":
        (folder / "train" / f"{name}.jpg").write_bytes(name.encode())
    text = labelled if isinstance(labelled, str) else json.dumps(labelled, ensure_ascii=False)
    (folder / "train.json").write_bytes(text.encode(encoding))
    tests = {"images": [{"id": name, "file_name": f"{name}.jpg"} for name in "xy"]}
    (folder / "test.json").write_text(json.dumps(tests))
    return folder


def reader(**changes) -> CocoJson:
    return CocoJson(**{"path": "train/{file_name}", "group": "location"} | changes)


def test_rows_are_joined_by_id_and_unlike_annotations_settled_by_the_first(tmp_path: Path, capsys):
    listing = reader().listing(board(tmp_path, content()))
    assert [tuple(row[:5]) for row in listing.rows] == [
        ("d", "4", "train", "train/d.jpg", "2"),
        ("a", "4", "train", "train/a.jpg", "1"),
        ("c", "30", "train", "train/c.jpg", "2"),
        ("x", None, "test", "train/x.jpg", None),
        ("y", None, "test", "train/y.jpg", None),
    ]
    assert listing.classes == ("4", "30")
    told = capsys.readouterr()
    assert "1 images have annotations of several categories; the first counts (d)" in told.out + told.err
    assert "1 images have no annotation and are left out (b)" in told.out + told.err


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_several_labels_by_name_in_any_encoding(tmp_path: Path, encoding: str):
    listing = reader(several=True, label="name").listing(board(tmp_path, content(), encoding))
    assert {row.id: row.label for row in listing.rows} == {
        "a": ("aguará",), "b": (), "c": ("Jaguar",), "d": ("aguará", "Jaguar"), "x": None, "y": None,
    }  # fmt: skip
    assert listing.classes == ("Jaguar", "aguará")


def test_the_order_of_the_sample_and_ids_that_both_parts_have(tmp_path: Path):
    folder = board(tmp_path, content())
    (folder / "sample_submission.csv").write_text("Id,Category\ny,0\nx,0\n")
    assert [row.id for row in reader().listing(folder).rows][-2:] == ["y", "x"]
    (folder / "test.json").write_text(json.dumps({"images": [{"id": "a", "file_name": "x.jpg"}]}))
    with pytest.raises(UserError, match=r"does not list the images of test.json, each once: a, x, y"):
        reader().listing(folder)
    assert [row.id for row in reader(sample=None).listing(folder).rows] == ["train/d", "train/a", "train/c", "a"]


def test_a_validation_file_is_the_hold_out(tmp_path: Path):
    folder = board(tmp_path, content())
    (folder / "val.json").write_text(
        json.dumps(content() | {"images": content()["images"][:1], "annotations": content()["annotations"][1:2]})
    )
    rows = reader(holdout="val.json").listing(folder).rows
    assert [(row.id, row.split) for row in rows[-3:-2]] == [("holdout/d", "holdout")]
    unseen = {"id": 1, "image_id": "d", "category_id": 675}
    (folder / "val.json").write_text(json.dumps(content() | {"annotations": [unseen]}))
    with pytest.raises(UserError, match=r"of categories that no training image has \(d\)"):
        reader(holdout="val.json").listing(folder)


WRONG: dict[str, tuple] = {
    "[]": ("holds no object of lists, but a list",),
    "{": ("no JSON that can be read",),
    "[" * 100_000: ("no JSON that can be read",),
    '{"images": ' + "9" * 5000 + "}": ("no JSON that can be read",),
    '{"info": 1}': ("has no list 'images'. It has: info",),
    '{"images": {}}': ("has no list 'images'",),
    '{"images": [3]}': (r"images\[0\] is no object: 3",),
    '{"images": [{}]}': ("'id' must be text or a whole number. Received: None",),
    '{"images": [{"id": 1}, {"id": "1"}]}': ("gives 1 ids of 'images' more than once",),
    '{"images": [{"id": true}]}': ("Received: True",),
    '{"images": [{"id": 1}]}': ("has no list 'categories'",),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str):
    with pytest.raises(UserError, match=WRONG[text][0]):
        reader().listing(board(tmp_path, text))


@pytest.mark.parametrize(
    ("part", "number", "change", "told"),
    [
        ("annotations", 0, {"image_id": "z"}, "image_id is of nothing that is listed: 'z'"),
        ("annotations", 0, {"category_id": 31}, "category_id is of nothing that is listed: '31'"),
        ("annotations", 0, {"category_id": [4]}, r"Received: \[4\]"),
        ("images", 0, {"file_name": "../../secret.jpg"}, "1 of 3 images of .* are not in"),
        ("images", 0, {"file_name": None}, "'file_name' must be text"),
        ("images", 0, {"location": 1.5}, "'location' must be text or a whole number. Received: 1.5"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, part: str, number: int, change: dict, told: str):
    labelled = content()
    labelled[part][number] |= change
    with pytest.raises(UserError, match=told):
        reader().listing(board(tmp_path, labelled))


PARTS = st.sampled_from(["id", "image_id", "category_id", "file_name", "name"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS, inner, max_size=5),
    max_leaves=12,
)
LISTS = st.dictionaries(st.sampled_from(["images", "annotations", "categories"]), JSON)


def test_any_json_is_read_or_refused(tmp_path: Path):
    folder = board(tmp_path, content())

    @given(LISTS, st.booleans())
    @settings(max_examples=60, deadline=None)
    def read_or_refused(parts: dict, several: bool) -> None:
        (folder / "train.json").write_text(json.dumps(content() | parts))
        try:
            assert reader(several=several, group=None).listing(folder).rows
        except UserError as refusal:
            assert refusal.fix

    read_or_refused()
