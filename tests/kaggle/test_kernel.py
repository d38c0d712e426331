"""A run as a kernel: the notebook alone, on hidden images, says what ``harness predict`` says of them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.api import LoadedCompetition
from harness.kaggle.kernel import title_of
from harness.utils.workspace import Workspace
from tests.conftest import edit
from tests.kaggle.kernels import CLASSES, mount, pets, pets_competition, run_notebook, with_tests
from tests.runs.test_predict import CLOSE

HIDDEN = [f"h{number}" for number in (5, 31, 4, 100, 77, 12, 9)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return pets(tmp_path / "organiser")


@pytest.fixture
def competition(workspace: Workspace, data: Path) -> LoadedCompetition:
    return LoadedCompetition(pets_competition(workspace, data), "pets")


def hidden(data: Path, tmp_path: Path) -> Path:
    """The competition's files as they are when a submission runs: other test images, one of which is broken."""
    folder = tmp_path / "hidden"
    shutil.copytree(data, folder)
    with_tests(folder, [*HIDDEN, "broken"], first=900)
    (folder / "test" / "broken.png").write_bytes(b"\x89PNG")
    return folder


def assert_kernel_predicts_the_same(
    competition: LoadedCompetition, recipe: str, data: Path, tmp_path: Path, close: float = CLOSE, **settings
):
    competition.train(recipe, **settings)
    kernel = competition.kernel(recipe, tmp_path / "kernel", owner="ann")
    secret = hidden(data, tmp_path)
    mounted = mount(tmp_path / "input", secret, kernel / "dataset", new_style=True)
    done = run_notebook(kernel / "kernel" / "submission.ipynb", mounted, tmp_path / "working")
    assert done.returncode == 0, done.stderr
    assert "8 images, 7 of them readable" in done.stdout and "broken.png" in done.stdout
    header, *rows = csv.reader((tmp_path / "working" / "submission.csv").read_text().splitlines())
    sample = [line.split(",")[0] for line in (secret / "sample_submission.csv").read_text().splitlines()]
    assert header == ["id", *CLASSES] and [row[0] for row in rows] == sample[1:]
    found = {row[0]: [*map(float, row[1:])] for row in rows}
    expected = competition.predict(recipe, secret / "test")
    assert found.pop("broken") == pytest.approx(expected.probabilities.mean(axis=0), abs=close)
    probabilities = np.array([found[name.removesuffix(".png")] for name in expected.ids])
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=close, rtol=0)
    assert expected.classes == CLASSES and len(expected.ids) == 7


def test_a_calibrated_blend_of_regressions_runs_as_a_kernel(competition: LoadedCompetition, data, tmp_path):
    assert_kernel_predicts_the_same(competition, "calibrated", data, tmp_path)


@pytest.mark.slow
def test_a_linear_head_on_features_of_views_runs_as_a_kernel(competition: LoadedCompetition, data, tmp_path):
    # Kaggle's image computes them with another engine.
    assert_kernel_predicts_the_same(competition, "features", data, tmp_path, close=1e-4)


@pytest.mark.slow
@pytest.mark.model
def test_a_network_with_views_runs_as_a_kernel(competition: LoadedCompetition, data, tmp_path):
    assert_kernel_predicts_the_same(competition, "network", data, tmp_path, epochs=2, tta="ten_crop", folds=1)


@pytest.mark.slow
@pytest.mark.model
def test_a_stack_of_blends_networks_and_soups_runs_as_a_kernel(competition: LoadedCompetition, data, tmp_path):
    assert_kernel_predicts_the_same(competition, "everything", data, tmp_path, epochs=2, tta="hflip", folds=1)


def test_a_kernel_is_written_once_and_refuses_models_of_another_run(competition, data, harness, tmp_path):
    competition.train("coarse")
    done = harness("kernel", "pets", "coarse", "--owner", "ann")
    assert done.code == 0, done.err
    (folder,) = (competition.workspace.submissions("pets") / "kernels").glob("coarse-*")
    notebook, metadata = folder / "kernel" / "submission.ipynb", folder / "dataset" / "dataset-metadata.json"
    about = json.loads((folder / "kernel" / "kernel-metadata.json").read_text())
    assert about["enable_internet"] is about["enable_gpu"] is False and about["is_private"] is True
    assert about["competition_sources"] == ["pets"] and about["dataset_sources"] == ["ann/harness-pets-coarse-models"]
    assert json.loads(metadata.read_text())["id"] == "ann/harness-pets-coarse-models"
    assert not [path for path in (folder / "dataset").iterdir() if path.is_dir()], "Kaggle's client leaves folders out"
    assert "import" in notebook.read_text() and str(tmp_path) not in notebook.read_text()
    before = notebook.stat().st_mtime_ns
    assert harness("kernel", "pets", "coarse", "--owner", "ann").code == 0 and notebook.stat().st_mtime_ns == before
    damaged = next((folder / "dataset").glob("weights--*"))
    damaged.write_bytes(b"")
    assert harness("kernel", "pets", "coarse", "--owner", "ann", "--gpu").code == 0 and damaged.stat().st_size
    assert json.loads((folder / "kernel" / "kernel-metadata.json").read_text())["enable_gpu"] is True

    mounted = mount(tmp_path / "input", data, folder / "dataset")
    competition.train("coarse", c=5.0)
    newer = competition.kernel("coarse", tmp_path / "newer", owner="ann")
    for file in (newer / "dataset").glob("weights--*"):
        shutil.copyfile(file, mounted / "harness-pets-coarse-models" / damaged.name)
    done = run_notebook(notebook, mounted, tmp_path / "working")
    assert done.returncode and "is of another version of the dataset" in done.stderr
    assert not (tmp_path / "working" / "submission.csv").exists()
    (mounted / "harness-pets-coarse-models" / damaged.name).unlink()
    assert f"lacks {damaged.name}" in run_notebook(notebook, mounted, tmp_path / "working").stderr
    shutil.rmtree(mounted / "harness-pets-coarse-models")
    assert "harness-pets-coarse-models is not mounted" in run_notebook(notebook, mounted, tmp_path / "working").stderr


def test_what_stands_in_the_way_of_a_kernel_is_told(competition, data, harness, tmp_path: Path):
    competition.train("coarse")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refused = harness("kernel", "pets", "coarse", "--to", tmp_path / "full")
    assert refused.code == 2 and "is not empty" in refused.err
    assert "Did you mean coarse" in harness("kernel", "pets", "coarze").err
    shutil.rmtree(data / "test")
    refused = harness("kernel", "pets", "coarse", "--to", tmp_path / "new")
    assert (
        refused.code == 2 and "unknown where the hidden ones lie" in refused.err and "harness download" in refused.err
    )
    declaration = competition.workspace.competition("pets") / "competition.py"
    edit(declaration, 'slug="pets"', "slug=None")
    for run in ("coarse", "fine"):  # of fine there is no run, which is not the first thing that is missing
        refused = harness("kernel", "pets", run, "--to", tmp_path / "new").err
        assert "has no Kaggle competition" in refused and "set slug= in competitions/pets/competition.py" in refused


@pytest.mark.parametrize(
    "name", ["blend", "minivggnet@2", "a_recipe_of_a_name_that_is_longer_than_any_title_may_be", "Ä", "x-_-y"]
)
def test_a_title_makes_the_address_by_kaggles_rules(name: str):
    slugify = pytest.importorskip("slugify").slugify  # what Kaggle's client uses
    title = title_of("dogs_vs_cats", name)
    assert slugify(title) == title.replace(" ", "-")
    assert len(title) >= 6 and len(f"{title} models") <= 50 and title != title_of("dogs_vs_cats", name + "z")


OTHER_TARGETS = {
    "labels": ("Multilabel()", 'label=("ants", "bees", "wasps")', "micro_f1", 'value="columns"'),
    "numbers": ("Regression()", 'label="label"', "rmse", 'value="quantity"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*OTHER_TARGETS])
def test_several_labels_and_numbers_run_as_a_kernel(workspace: Workspace, data: Path, tmp_path: Path, kind: str):
    targets, label, metric, value = OTHER_TARGETS[kind]
    pets_competition(workspace, data)
    folder = workspace.competition("pets")
    text = (folder / "competition.py").read_text().replace('value="probabilities"', value)
    text = text.replace("Table(", f"Table({label}, ").replace(
        'metric="log_loss"', f'targets={targets}, metric="{metric}"'
    )
    (folder / "competition.py").write_text("from harness.data.targets import Multilabel, Regression\n" + text)
    names = [line.split(",")[0] for line in (data / "train.csv").read_text().splitlines()[1:]]
    random = np.random.default_rng(0)
    if kind == "labels":
        rows = [f"{name},{','.join(map(str, random.integers(0, 2, 3)))}" for name in names]
        (data / "train.csv").write_text("id,ants,bees,wasps\n" + "\n".join(rows) + "\n")
    else:
        rows = [f"{name},{random.normal(500, 20):.3f}" for name in names]
        (data / "train.csv").write_text("id,label\n" + "\n".join(rows) + "\n")
        (data / "sample_submission.csv").write_text("id,label\n" + "".join(f"t{n},0\n" for n in range(6)))
    competition = LoadedCompetition(workspace, "pets")
    competition.train("mean")
    kernel = competition.kernel("mean", tmp_path / "kernel", owner="ann")
    secret = hidden(data, tmp_path)
    mounted = mount(tmp_path / "input", secret, kernel / "dataset")
    done = run_notebook(kernel / "kernel" / "submission.ipynb", mounted, tmp_path / "working")
    assert done.returncode == 0, done.stderr
    _, *rows = csv.reader((tmp_path / "working" / "submission.csv").read_text().splitlines())
    found = {row[0]: [*map(float, row[1:])] for row in rows}
    expected = competition.predict("mean", secret / "test")
    values = np.array([found[name.removesuffix(".png")] for name in expected.ids])
    np.testing.assert_allclose(values, expected.probabilities, rtol=1e-5, atol=CLOSE)
    assert found["broken"] == pytest.approx(expected.probabilities.mean(axis=0), rel=1e-5)
    if kind == "labels":
        assert not np.allclose(values.sum(axis=1), 1, atol=0.01)
    else:
        assert 400 < values.mean() < 600


@pytest.mark.slow
def test_hidden_images_of_16_bits_are_windowed_as_before(competition: LoadedCompetition, data: Path, tmp_path: Path):
    def deepen(folder: Path) -> None:
        for number, file in enumerate(sorted(folder.rglob("*.png"))):
            if file.name != "broken.png":
                image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).astype(np.uint16)
                assert cv2.imwrite(str(file), image * (20 + number % 3) + 3000)

    for part in ("train", "test"):
        deepen(data / part)
    competition = LoadedCompetition(competition.workspace, "pets")
    competition.train("mean")
    kernel = competition.kernel("mean", tmp_path / "kernel", owner="ann")
    secret = hidden(data, tmp_path)
    deepen(secret / "test")
    mounted = mount(tmp_path / "input", secret, kernel / "dataset")
    done = run_notebook(kernel / "kernel" / "submission.ipynb", mounted, tmp_path / "working")
    assert done.returncode == 0, done.stderr
    rows = [*csv.reader((tmp_path / "working" / "submission.csv").read_text().splitlines())][1:]
    found = {row[0]: [*map(float, row[1:])] for row in rows}
    expected = competition.predict("mean", secret / "test")
    values = np.array([found[name.removesuffix(".png")] for name in expected.ids])
    np.testing.assert_allclose(values, expected.probabilities, atol=CLOSE, rtol=0)
    assert len(expected.ids) == 7 and np.ptp(values, axis=0).max() > 0.01, "they differ by image"
