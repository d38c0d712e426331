"""What is kept on the disk and was changed there is noticed: it is made again, or refused, never used in silence."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import pytest

from harness.utils.files import read_json, write_json
from tests.conftest import edit


def score_of(answer) -> str:
    return next(line for line in answer.out.splitlines() if line.startswith("score:"))


def only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


@pytest.mark.parametrize("damage", [lambda text: text.replace(",1\n", ",0\n", 8), lambda text: text[: len(text) // 2]])
def test_edited_and_truncated_folds_are_dealt_again(insects, harness, damage):
    before = score_of(harness("submit", "insects"))
    folds = only(insects.data("insects"), "folds-*.csv")
    dealt = folds.read_bytes()
    folds.write_text(damage(folds.read_text()))
    shutil.rmtree(insects.runs("insects"))
    shutil.rmtree(insects.submissions("insects"))
    assert "folds" in next(line for line in harness("status", "insects").out.splitlines() if "stale" in line)
    answer = harness("submit", "insects")
    assert answer.code == 0 and "folds: made" in answer.err
    assert folds.read_bytes() == dealt and score_of(answer) == before


def test_an_edited_score_and_edited_classes_are_made_again(insects, harness):
    before = harness("submit", "insects")
    kept = [*insects.runs("insects").glob("*/*/metrics.json")]
    assert len(kept) == 3
    for metrics in kept:
        scores = json.loads(metrics.read_text())
        scores["splits"]["holdout"]["score"] = 0.123456
        metrics.write_text(json.dumps(scores))
    edit(insects.data("insects") / "dataset.json", '"wasps"', '"hornets"')
    after = harness("submit", "insects")
    assert after.code == 0 and "0.1235" not in after.out and "hornets" not in after.out
    assert score_of(after) == score_of(before)


def test_an_edited_score_is_told_and_is_made_again_as_soon_as_the_data_is_known(insects, harness, tmp_path):
    assert harness("train", "insects", "coarse").code == 0
    metrics = only(insects.runs("insects"), "coarse/*/metrics.json")
    whole = metrics.read_text()
    edit(metrics, '"rows"', '"row"')
    told = harness("runs", "insects")
    assert told.code == 0 and "coarse" in told.out and metrics.read_text() == whole
    assert "was scored in a file that is damaged or was altered, and is scored again" in told.err
    edit(metrics, '"rows"', '"row"')
    (tmp_path / "photos" / "ants" / "3.png").touch()  # the data is to be read again
    told = harness("runs", "insects")
    assert told.code == 2 and "To be scored again, once the data is read (harness prepare insects): coarse/" in told.err
    assert harness("prepare", "insects").code == 0
    assert "coarse" in harness("runs", "insects").out and metrics.read_text() == whole


def test_an_image_of_the_same_size_and_time_is_noticed(insects, harness, tmp_path):
    assert harness("submit", "insects").code == 0
    image = tmp_path / "photos" / "ants" / "3.png"
    stat, content = image.stat(), bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (image.stat().st_size, image.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert "stale" in harness("status", "insects").out


def test_an_altered_cache_of_the_same_size_and_time_is_built_again_and_its_runs_are_named(insects, harness):
    assert harness("submit", "insects").code == 0
    cache = only(insects.cache("insects"), "images-12x12*.h5")
    with h5py.File(cache, "r") as h5:
        place = h5["images"].id.get_offset()
    stat = cache.stat()
    with cache.open("rb+") as file:
        file.seek(place)
        file.write(bytes(200))
    os.utime(cache, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    verified = harness("cache", "verify", "insects")
    fine = only(insects.runs("insects"), "fine/[!.]*")
    coarse = only(insects.runs("insects"), "coarse/[!.]*")
    assert verified.code == 2 and str(fine.relative_to(insects.root)) in verified.err
    assert coarse.name not in verified.err
    shutil.rmtree(insects.runs("insects"))
    assert "building it again" in harness("submit", "insects").err


def test_json_with_any_other_value_is_none_and_earlier_versions_are_read(tmp_path):
    file, value = tmp_path / "kept.json", {"a": (1, 2.5), "é": {"b": None, "c": [True, "x"]}}
    write_json(file, value)
    assert read_json(file) == {"a": [1, 2.5], "é": {"b": None, "c": [True, "x"]}}
    text = file.read_text()
    for old, new in (("2.5", "2.6"), ("true", "false"), ('"x"', '"y"'), ("null", "0"), ('"b"', '"bb"')):
        file.write_text(text.replace(old, new))
        assert read_json(file) is None, new
    file.write_text(json.dumps(value))
    assert read_json(file, sealed=False) is not None and read_json(file) is None
    file.write_text("[" * 100_000)
    assert read_json(file) is None


def leaking_folds(insects, harness, tmp_path: Path) -> Path:
    """A CSV of folds that separates two copies of an image, and a workspace that has them."""
    photos = tmp_path / "photos" / "ants"
    shutil.copy(photos / "0.png", photos / "copy.png")
    edit(insects.competition("insects") / "competition.py", "holdout=HoldOut(0.2)", "holdout=HoldOut(1)")
    assert harness("prepare", "insects").code == 0
    folds = tmp_path / "mine.csv"
    header, *lines = only(insects.data("insects"), "folds-*.csv").read_text().splitlines()
    rows = dict(line.rsplit(",", 1) for line in lines)
    rows |= {"ants/0.png": "0", "ants/copy.png": "1"}
    folds.write_text("\n".join([header, *(f"{name},{fold}" for name, fold in rows.items())]) + "\n")
    return folds


def test_folds_that_separate_copies_are_refused_unless_it_is_allowed_and_then_recorded(insects, harness, tmp_path):
    folds = leaking_folds(insects, harness, tmp_path)
    refused = harness("train", "insects", "coarse", "--folds", folds)
    assert refused.code == 2 and "ants/0.png = ants/copy.png" in refused.err and "--allow-leak" in refused.err
    allowed = harness("train", "insects", "coarse", "--folds", folds, "--allow-leak")
    assert allowed.code == 0 and "separate 1 pairs of identical images" in allowed.out
    assert read_json(only(insects.runs("insects"), "coarse/*/run.json"))["leaks"] == 1
    page = insects.root / harness("report", "insects", "coarse").out.strip().removeprefix("page: ")
    assert "its folds separate 1 pair of identical images" in page.read_text()
    assert harness("train", "insects", "coarse", "--folds", folds).code == 2
