"""``harness check``: the report printed and saved, its exit codes, and the second run."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console

from harness.cli.main import main
from harness.plugins.scaffold import create
from harness.report.data_check import advice, show
from harness.utils.workspace import Workspace
from tests.conftest import edit


def picture(number: int) -> np.ndarray:
    blobs = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return cv2.resize(blobs, (40, 40), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def photos(tmp_path: Path, save: Callable[..., Path]) -> Path:
    """Two classes of sixteen different pictures."""
    for number in range(32):
        save(tmp_path / "photos" / ("ants", "bees")[number % 2] / f"{number}.png", picture(number))
    return tmp_path / "photos"


@pytest.fixture
def check(
    workspace: Workspace, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str, str]]:
    """Run ``harness check`` on the photos: exit code, standard output, standard error."""
    create(workspace, "insects", photos)
    monkeypatch.chdir(workspace.root)

    def run() -> tuple[int, str, str]:
        code = main(["check", "insects"])
        out, errors = capsys.readouterr()
        return code, out, errors

    return run


def test_clean_data(check: Callable, workspace: Workspace) -> None:
    code, out, errors = check()
    assert code == 0, errors
    assert "32 images examined" in out
    assert "all 40×40" in out
    assert "Nothing to fix." in out
    assert "next: harness submit insects" in out
    assert json.loads((workspace.data("insects") / "check.json").read_text())["images"] == 32


def test_second_run_prints_the_same_at_once_and_says_so(check: Callable) -> None:
    first, second = check(), check()
    assert second[:2] == first[:2]
    assert "up to date" not in first[2]
    assert "check: up to date" in second[2]


def test_conflicting_labels_are_named(check: Callable, photos: Path, save: Callable[..., Path]) -> None:
    save(photos / "ants" / "a [red]bee's.png", picture(1))
    code, out, _ = check()
    assert code == 0
    assert "identical images with conflicting labels:\n  ants/a [red]bee's.png (" in out
    assert "bees/1.png (" in out
    assert "1 group of identical images carry different labels" in out


def test_copies_among_the_test_images_are_named(check: Callable, photos: Path, save: Callable[..., Path]) -> None:
    save(photos / "test" / "unknown.png", picture(1))
    _, out, _ = check()
    assert "test/unknown.png (test, no label)" in out
    assert "1 image of the test are also among the labelled images." in out


def test_unreadable_images_end_in_exit_code_2_after_the_report(
    check: Callable, photos: Path, workspace: Workspace
) -> None:
    (photos / "ants" / "zero.jpg").write_bytes(b"")
    (photos / "bees" / "text.jpg").write_bytes(b"no picture")
    for _ in range(2):  # made, then reused
        code, out, errors = check()
        assert code == 2
        assert "34 images examined" in out
        assert "next:" not in out
        assert "2 of 34 images cannot be read, and 0 are allowed" in errors
        assert "ants/zero.jpg: the file is empty" in errors
        assert "Traceback" not in errors
    assert len(json.loads((workspace.data("insects") / "check.json").read_text())["unreadable"]) == 2


def test_unreadable_images_may_be_allowed(check: Callable, photos: Path, workspace: Workspace) -> None:
    (photos / "ants" / "zero.jpg").write_bytes(b"")
    declared = workspace.competition("insects") / "competition.py"
    edit(declared, "hflip_safe=", "unreadable=1,\n    hflip_safe=")
    code, out, _ = check()
    assert code == 0
    assert "1 image cannot be read" in out


def test_a_label_that_few_folds_hold_is_named(
    workspace: Workspace, tmp_path: Path, save: Callable[..., Path], harness: Callable
) -> None:
    rows = ["id,labels"]
    for number in range(24):
        save(tmp_path / "shore" / "train" / f"{number}.png", picture(max(number, 1)))  # 0 and 1 are copies
        rows.append(f"{number}," + ("sea rare" if number < 2 else "sea sky" if number % 2 else "sky"))
    (tmp_path / "shore" / "train.csv").write_text("\n".join(rows) + "\n")
    assert harness("new", "shore", "--from", tmp_path / "shore", "--targets", "multilabel").code == 0
    checked = harness("check", "shore")
    assert checked.code == 0, checked.err
    told = "1 label is in too few folds for an honest score (rare, 2 images: always trained on, never validated)"
    assert told in checked.out
    assert not list(workspace.data("shore").glob("folds-*.csv"))


# The report alone, on findings made by hand.


def group(*images: tuple[str, str, str | None]) -> dict[str, Any]:
    """A group of (source, split, label)."""
    return {
        "labels": sorted({label for _, _, label in images if label}),
        "splits": sorted({split for _, split, _ in images}),
        "images": [{"id": s, "source": s, "split": split, "label": label} for s, split, label in images],
    }


def findings(**changes: Any) -> dict[str, Any]:
    side = {"min": 8, "median": 8, "max": 8}
    return {
        "images": 300,
        "seconds": 1.0,
        "targets": "multiclass",
        "labelled": {"train": 300},
        "without any": {},
        "classes": {"ants": {"train": 200}, "bees": {"train": 100}},
        "unlabelled": {},
        "height": side,
        "width": side,
        "sizes": {"8×8": 300},
        "kinds": {"PNG RGB": 300},
        "one_channel": [],
        "colourless": [],
        "flat": [],
        "deep": 0,
        "narrow": [],
        "unreadable": {},
        "duplicates": [],
        "near_duplicates": [],
        "compared": {"hash": "pHash", "bits": 8, "correlation": 0.93, "smallest_side": 16},
        "minorities": {"few": {}, "never_together": [], "held": {}},
    } | changes


def printed(found: dict[str, Any]) -> str:
    out = io.StringIO()
    show("insects", found, Console(file=out, width=160))
    return out.getvalue()


def test_many_classes_are_told_by_the_smallest_and_the_largest() -> None:
    classes = {f"class {n:03}": {"train": n} for n in range(1, 201)}
    text = printed(findings(classes=classes, labelled={"train": 20100}))
    for shown in ("class 001", "class 003", "class 198", "class 200"):
        assert shown in text
    assert "class 100" not in text
    assert "all 200 classes  20,100" in text
    assert "the largest class has 200.0 times the training images of the smallest" in text


def test_labels_are_called_labels_and_their_counts_are_not_added_up() -> None:
    found = findings(
        targets="multilabel",
        classes={"sea": {"train": 200, "holdout": 40}, "sky": {"train": 100}},
        labelled={"train": 240, "holdout": 60},
        unlabelled={"test": 50},
        minorities={"few": {"sky": 3}, "never_together": [], "held": {}},
        duplicates=[group(("a", "train", "sea"), ("b", "train", "sea, sky"))],
    ) | {"without any": {"train": 30}}
    rows = [line.split() for line in printed(found).splitlines()]
    assert ["label", "train", "holdout", "test"] in rows
    assert [*["without", "any", "label"], "30", "0", "0"] in rows
    assert [*["labels", "not", "known"], "0", "0", "50"] in rows
    assert [*["all", "labelled", "images"], "240", "60", "0"] in rows
    text = printed(found) + " ".join(advice(found))
    assert "the commonest label has 2.0 times the training images of the rarest" in text
    assert "of the same labels, in one split" in text and "keep the labels of one image of each group" in text
    assert "1 label has fewer than 5" in text and "class" not in text


def test_another_window_is_advised_where_most_deep_images_have_few_levels() -> None:
    (advised,) = advice(findings(deep=4, narrow=["a.png", "b.png", "c.png"]))
    assert "3 of 4 images of more than 8 bits" in advised and 'window="percentiles"' in advised
    assert advice(findings(deep=4, narrow=["a.png", "b.png"])) == []
    assert "of few grey levels then" in printed(findings(deep=4, narrow=["a.png"]))
    assert "8 bits" not in printed(findings())


def test_ranges_of_numbers_are_called_ranges() -> None:
    text = printed(findings(targets="regression", classes={"0 to 2": {"train": 150}, "3 to 9": {"train": 150}}))
    assert "all 2 ranges    300" in text and "balance: all ranges have 150 training images" in text


def test_long_lists_are_cut() -> None:
    groups = [group((f"{n}.png", "train", "ants"), (f"{n} too.png", "train", "bees")) for n in range(25)]
    text = printed(findings(duplicates=groups))
    assert "9 too.png" in text
    assert "10 too.png" not in text
    assert "and 15 more" in text


def test_what_differs_is_seen_in_a_long_group() -> None:
    many = [(f"{n}.png", "train", "ants") for n in range(50)]
    text = printed(findings(duplicates=[group(*many, ("odd.png", "train", "bees"))]))
    assert "0.png (train, ants), odd.png (train, bees) and 49 more" in text


def test_it_is_said_that_tiny_images_are_not_compared() -> None:
    assert "not looked for among images of fewer than 16 pixels a side" in printed(findings())
    side = {"min": 16, "median": 16, "max": 16}
    assert "not looked for" not in printed(findings(height=side, width=side))


def test_advice() -> None:
    assert advice(findings()) == []
    assert advice(findings(duplicates=[group(("a", "train", "ants"), ("b", "train", "ants"))])) == []
    (leaked,) = advice(findings(duplicates=[group(("a", "excluded", "ants"), ("b", "holdout", "ants"))]))
    assert "left out of training" in leaked
    (flattering,) = advice(findings(near_duplicates=[group(("a", "train", "ants"), ("b", "holdout", "ants"))]))
    assert "1 image of the hold-out look like a training image" in flattering
