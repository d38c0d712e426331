"""Exported runs predict without the package as they do with it: in an isolated Python that cannot import it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.api import LoadedCompetition
from harness.models.backbones.features import Features
from harness.runs.export import network_file
from harness.utils.workspace import Workspace
from tests.runs.test_predict import CLOSE, competition  # noqa: F401

# Imports of the package fail, whatever is installed.
ISOLATED = """
import runpy, sys
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "harness":
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def assert_predicts_the_same_alone(competition: LoadedCompetition, recipe: str, tmp_path: Path, **settings) -> None:  # noqa: F811
    competition.train(recipe, **settings)
    folder, photos = tmp_path / "exported", tmp_path / "photos"
    competition.export(recipe, folder)
    expected = competition.predict(recipe, photos)
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)
    out = tmp_path / "out.csv"
    command = [sys.executable, "-I", "-c", ISOLATED, moved / "predict.py", photos, "--out", out]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    header, *rows = csv.reader(out.read_text().splitlines())
    assert header == ["id", "class", *expected.classes]
    assert all(row[1] == expected.classes[expected.of((row[0],))[0].argmax()] for row in rows)
    found = np.array([[float(value) for value in row[2:]] for row in rows])
    np.testing.assert_allclose(found, expected.of(tuple(row[0] for row in rows)), atol=CLOSE, rtol=0)
    assert len(rows) == len(expected.ids) == 36
    assert len((moved / "predict.py").read_text().splitlines()) < 180
    requirements = (moved / "requirements.txt").read_text()
    assert "numpy==" in requirements and "pillow==" in requirements
    card = (moved / "README.md").read_text()
    assert "holdout" in card and "Terms of the data" in card


@pytest.mark.parametrize("recipe", ["calibrated", "geometric"])
def test_an_ensemble_of_regressions_predicts_alone(competition: LoadedCompetition, recipe: str, tmp_path: Path):  # noqa: F811
    assert_predicts_the_same_alone(competition, recipe, tmp_path)


def test_what_the_folder_cannot_predict_is_told(competition: LoadedCompetition, tmp_path: Path):  # noqa: F811
    competition.train("pixels", size=(64, 64))
    competition.export("pixels", tmp_path / "exported")
    photos = tmp_path / "photos"
    named = sorted(photos.rglob("*.png"))[:2]

    def predicted(*images: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", ISOLATED, tmp_path / "exported" / "predict.py", *images]
        return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path)

    (tmp_path / "twice.csv").write_text(f"path,id\n{named[0]},a\n{named[1]},a\n")
    told = predicted(tmp_path / "twice.csv")
    assert told.returncode == 1 and "1 ids of" in told.stderr and "Traceback" not in told.stderr
    assert cv2.imwrite(str(photos / "strip.png"), np.zeros((1, 50_000, 3), np.uint8))  # too long only at 64x64
    told = predicted(photos)
    assert told.returncode == 0 and "strip.png: it is a strip of 1×50000 pixels" in told.stderr
    assert len(told.stdout.splitlines()) == 1 + 36


@pytest.mark.slow
@pytest.mark.model
def test_a_network_with_views_predicts_alone(competition: LoadedCompetition, tmp_path: Path):  # noqa: F811
    assert_predicts_the_same_alone(competition, "network", tmp_path, epochs=2, tta="ten_crop+scales", folds=1)


@pytest.mark.slow
def test_features_of_several_views_predict_alone(competition: LoadedCompetition, tmp_path: Path):  # noqa: F811
    assert_predicts_the_same_alone(competition, "features", tmp_path)


@pytest.mark.slow
def test_a_declared_window_goes_with_the_folder(competition: LoadedCompetition, tmp_path: Path):  # noqa: F811
    """Images of 16 bits, of which a quarter of the range is shown: predicted by another window they come out unlike."""
    for file in (tmp_path / "photos").rglob("*.png"):
        image = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        assert cv2.imwrite(str(file), 20000 + 64 * image.astype(np.uint16))
    declaration = competition.workspace.competition("insects") / "competition.py"
    text = declaration.read_text()
    declaration.write_text(text.replace("hflip_safe=True", "hflip_safe=True, window=(20000.0, 36320.0)"))
    shown = LoadedCompetition(competition.workspace, "insects")
    assert_predicts_the_same_alone(shown, "pixels", tmp_path)
    narrow = shown.predict("pixels", tmp_path / "photos")
    declaration.write_text(text)
    wide = LoadedCompetition(competition.workspace, "insects").predict("pixels", tmp_path / "photos")
    assert np.abs(narrow.probabilities - wide.of(narrow.ids)).max() > 0.05


def test_images_of_all_suffixes_are_predicted_and_a_folder_is_no_csv(competition: LoadedCompetition, tmp_path: Path):  # noqa: F811
    photos = tmp_path / "few"
    photos.mkdir()
    image = cv2.imread(str(next((tmp_path / "photos").rglob("*.png"))))
    for suffix, name in ((".jpg", "a.jfif"), (".png", "b.png"), (".ppm", "c.ppm"), (".png", "d.other")):
        (photos / name).write_bytes(cv2.imencode(suffix, image)[1].tobytes())
    competition.train("pixels")
    competition.export("pixels", tmp_path / "exported")

    def told(*asked: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", ISOLATED, tmp_path / "exported" / "predict.py", *asked]
        return subprocess.run([*map(str, command)], capture_output=True, text=True)

    rows = told(photos).stdout.splitlines()[1:]
    assert {row.partition(",")[0] for row in rows} == {*competition.predict("pixels", photos).ids} and len(rows) == 3
    assert len(told(photos / "d.other").stdout.splitlines()) == 2  # what is named is tried
    refused = told(photos, "--out", photos)
    assert refused.returncode == 2 and "is a folder: name a file in it" in refused.stderr and not refused.stdout


def test_networks_of_other_features_have_other_files_and_none_looks_like_a_folder():
    sets = [{}, {"layers": (-1,)}, {"layers": (64,)}, {"side": 64}, {"layers": ("block5c_add", -2)}]
    files = [network_file(Features("efficientnet-lite0", **one)) for one in sets]
    assert len(set(files)) == len(files) and not any("--" in file for file in files)


def test_what_cannot_be_exported_says_why(insects: Workspace, harness, tmp_path: Path):
    assert harness("train", "insects").code == 0
    told = harness("export", "insects", "blend", "--to", tmp_path / "photos")
    assert told.code == 2 and "is not empty" in told.err
    (tmp_path / "file").touch()
    told = harness("export", "insects", "blend", "--to", tmp_path / "file")
    assert told.code == 2 and "is a file, and a folder is to be written" in told.err
    done = harness("export", "insects", "blend", "--to", tmp_path / "new")
    assert done.code == 0 and f"python {tmp_path / 'new'}/predict.py IMAGES" in done.out
    (tmp_path / "there" / ".coming.0123abcd.tmp" / "weights").mkdir(parents=True)  # a killed export's
    (tmp_path / "link").symlink_to("there")
    assert harness("export", "insects", "blend", "--to", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("new", "there")]
    assert names[0] == names[1] >= {"predict.py", "weights", "parts"}
    next(insects.runs("insects").glob("coarse/*/fold-1/models.h5")).unlink()
    for _ in range(2):  # nothing half-written is in the way
        assert "keeps no model" in harness("export", "insects", "blend", "--to", tmp_path / "newer").err
    assert not (tmp_path / "newer").exists()
