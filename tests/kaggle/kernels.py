"""Running a notebook as Kaggle does: alone, without this package, without a network, on what is mounted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.plugins.scaffold import create
from harness.utils.workspace import Workspace
from tests.conftest import draw, write_image
from tests.runs.test_predict import KINDS

# Imports of the package and all networking fail, and the cells run one after another, as in a notebook: without a file.
ALONE = """
import json, socket, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "harness":
            raise ImportError(name)

def refuse(*_, **__):
    raise OSError("there is no network")

sys.meta_path.insert(0, Refused())
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
names = {"__name__": "__main__"}
for cell in json.load(open(sys.argv[1]))["cells"]:
    if cell["cell_type"] == "code":
        exec(compile("".join(cell["source"]), "a cell", "exec"), names)
"""


@cache
def without_network() -> tuple[str, ...]:
    """The command that runs another one without a network, where the system lets us."""
    command = ("unshare", "--map-root-user", "--net")
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
        return command
    return ()


def run_notebook(file: Path, mounted: Path, working: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook's cells in an isolated Python; what it writes lands in ``working``."""
    working.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KAGGLE"))}
    return subprocess.run(
        [*without_network(), sys.executable, "-I", "-c", ALONE, str(file)],
        env=environment | {"HARNESS_INPUT": str(mounted)},
        cwd=working,
        capture_output=True,
        text=True,
    )


CLASSES = ("ants", "bees", "wasps")


def pets(root: Path, tests: int = 6, each: int = 12) -> Path:
    """An organiser's folder: labelled pictures, and a few of the test pictures with their sample submission."""
    rows = ["id,label"]
    for label, name in enumerate(CLASSES):
        for number in range(each):
            write_image(root / "train" / f"{name[0]}{number}.png", draw(label, number))
            rows.append(f"{name[0]}{number},{name}")
    (root / "train.csv").write_text("\n".join(rows) + "\n")
    with_tests(root, [f"t{number}" for number in range(tests)])
    return root


def with_tests(root: Path, names: list[str], first: int = 500, size: tuple[int, int] = (30, 20)) -> None:
    """Give a folder other test pictures, and a sample submission of them in another order than theirs."""
    shutil.rmtree(root / "test", ignore_errors=True)
    for number, name in enumerate(names):
        write_image(root / "test" / f"{name}.png", draw(number % 3, first + number, *size))
    order = np.random.default_rng(0).permutation(len(names))
    sample = "".join(f"{names[place]},0,0,1\n" for place in order)
    (root / "sample_submission.csv").write_text("id," + ",".join(CLASSES) + "\n" + sample)


def pets_competition(workspace: Workspace, data: Path, recipes: str = KINDS) -> Workspace:
    """A competition made of an organiser's folder, on Kaggle called "pets"."""
    create(workspace, "pets", data)
    folder = workspace.competition("pets")
    (folder / "recipes.py").write_text(recipes)
    declaration = folder / "competition.py"
    text = declaration.read_text().replace("KFold(5)", "KFold(2)").replace('metric="accuracy"', 'metric="log_loss"')
    text = text.replace("    terms=", '    slug="pets",\n    terms=').replace('value="class"', 'value="probabilities"')
    declaration.write_text(text)
    return workspace


def mount(root: Path, data: Path, dataset: Path, *, new_style: bool = False) -> Path:
    """What Kaggle mounts: the competition's files, and the dataset of models; links, for they are only read."""
    slug = json.loads((dataset / "dataset-metadata.json").read_text())["id"]
    owner, name = slug.split("/")
    competition = root / "competitions" / "pets" if new_style else root / "pets"
    models = root / "datasets" / owner / name if new_style else root / name
    shutil.copytree(data, competition)
    shutil.copytree(dataset, models, ignore=shutil.ignore_patterns("dataset-metadata.json"))
    return root


def run_version(version: dict[str, Any], data: Path, root: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run a kernel's version as the server has it, with its datasets as they arrived, on a competition's files.

    Args:
        version: as ``CodeStub.kernels`` holds it.
        data: what is mounted as the competition.
        root: a new folder.

    Returns:
        What became of it, and the submission that it wrote.
    """
    sources = version["request"].get("datasetDataSources", [])
    for source, files in zip(sources, version["models"], strict=True):
        folder = root / "input" / source.split("/")[1]
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    shutil.copytree(data, root / "input" / "pets")
    (root / "notebook.ipynb").write_text(version["text"])
    done = run_notebook(root / "notebook.ipynb", root / "input", root / "working")
    return done, root / "working" / "submission.csv"
