"""A finished run as a kernel: a dataset of its models, and a notebook that predicts the hidden test images with them.

Both are folders that Kaggle's client can send. The notebook carries the code that predicts, and needs only what
Kaggle's image has; it runs without the internet. A backbone is in the dataset as a Keras model, because Kaggle's image
lacks the engines that compute features here. The dataset has no subfolders, which Kaggle's client would leave out.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.competition import Competition
from harness.data.dataset import Dataset
from harness.data.splits import TEST
from harness.kaggle.mounted import HiddenImages, learned
from harness.kaggle.notebook import NOTEBOOK, dataset_metadata, kernel_metadata, notebook, settings_cell, write_code
from harness.kaggle.preflight import require_slug
from harness.kaggle.reconcile import tag
from harness.recipes.recipe import Recipe
from harness.runs import export as exporting
from harness.runs.export import copy_code
from harness.runs.records import Record
from harness.utils.errors import UserError, some
from harness.utils.files import read_json, require_empty, write_json, write_text

# What the notebook needs besides what an exported folder has.
PARTS = ("kaggle.mounted", "scoring.submission_format", "scoring.submission_text")
CELL = Path(__file__).with_name("kernel_cell.py.template")
LONGEST_TITLE = 50  # characters, by Kaggle's rules; the shortest has 6
RESULT = "submission.csv"
ABOUT = "kernel.json"  # what the two folders are
# In place of an owner that is not known yet.
NOBODY = "YOUR-KAGGLE-NAME"


@dataclass(frozen=True)
class Kernel:
    """The two folders, written.

    Args:
        folder: holds ``dataset/`` and ``kernel/``.
        owner: the user's name on Kaggle.
        slug: the notebook's name in its address; the dataset's is the same with ``-models``.
        made_from: a hash of the run, the code and the settings.
        sends: a hash of the run and the settings alone: newer code for the same is not another thing to send.
        files: the hash of each file of the dataset.
    """

    folder: Path
    owner: str
    slug: str
    made_from: str
    sends: str
    files: dict[str, str]

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    @property
    def notebook(self) -> Path:
        return self.folder / "kernel"

    @property
    def models(self) -> str:
        """The hash of the dataset's content."""
        return hashlib.sha256(json.dumps(self.files).encode()).hexdigest()


@dataclass(frozen=True)
class Writer:
    """Writes the kernels of one competition.

    Args:
        competition: the competition.
        kinds: the classes of recipes, by name.
        dataset: its images, from whose test images it is learned where hidden ones lie.
        owner: the user's name on Kaggle.
        gpu: whether notebooks ask for a GPU.
    """

    competition: Competition
    kinds: dict[str, type[Recipe]]
    dataset: Dataset
    owner: str = NOBODY
    gpu: bool = False

    def write(self, record: Record, folder: Path, replace: bool = False) -> Kernel:
        """Write the two folders of a run; what was written from the same is kept.

        Args:
            record: the run.
            folder: where they are written.
            replace: whether a kernel of something else that lies there is replaced.

        Raises:
            UserError: something else is in the folder, the run cannot be exported, the competition has no name on
                Kaggle, or the places of its test images are unknown.
        """
        settings = self._settings(record)
        with tempfile.TemporaryDirectory(prefix="kernel-") as scratch:
            copy_code(Path(scratch) / "parts", (*exporting.PARTS, *PARTS))
            code = texts(Path(scratch))
            cells = [file.read_text("utf-8") for file in (exporting.PREDICT, CELL)]
            sends, made_from = (
                hashlib.sha256(json.dumps([record.key, settings, self.gpu, *more]).encode()).hexdigest()
                for more in ([], [code, cells])
            )
            if (kept := read(folder)) is not None and kept.made_from == made_from:
                return kept
            if not replace:
                require_empty(folder)
            elif folder.exists():
                shutil.rmtree(folder)
            exported = Path(scratch) / "exported"
            exporting.export(self.competition, record, self.kinds, exported)
            if _reads_columns(read_json(exported / "model.json")):
                raise UserError(
                    f"{record.recipe} reads columns of the table, which a kernel cannot find yet.",
                    f"harness submit {self.competition.name} --recipe {record.recipe} writes the CSV here",
                )
            kernel = Kernel(
                folder, self.owner, slug_of(record, self.competition), made_from, sends, _flat(exported, folder)
            )
            code = texts(exported) | code
        self._write_texts(kernel, record, settings, code)
        return kernel

    def _settings(self, record: Record) -> dict[str, Any]:
        slug = slug_of(record, self.competition)
        return {
            "competition": require_slug(self.competition),
            "dataset": f"{self.owner}/{slug}-models",
            "test_images": dataclasses.asdict(_test_images(self.competition, self.dataset)),
            "format": dataclasses.asdict(self.competition.submission),
        }

    def _write_texts(self, kernel: Kernel, record: Record, settings: dict[str, Any], code: dict[str, str]) -> None:
        title = title_of(self.competition.name, record.recipe)
        about = (
            f"# {record.recipe} for {self.competition.title}\n\nRun {record.recipe}/{record.key}, finished "
            f"{record.finished}, {tag(kernel.sends)}. The first cell writes the code that predicts, the second holds "
            f"the settings, and the third reads the test images and writes `{RESULT}`.\n"
        )
        cells = [write_code(code), settings_cell(settings | {"files": kernel.files}), CELL.read_text("utf-8")]
        metadata = kernel_metadata(require_slug(self.competition), title, kernel.slug, self.owner, self.gpu)
        for file, content in (
            (kernel.dataset / "dataset-metadata.json", dataset_metadata(title, kernel.slug, self.owner)),
            (kernel.notebook / "kernel-metadata.json", metadata),
            (kernel.notebook / NOTEBOOK, notebook(about, cells)),
        ):
            write_text(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        about_it = {name: value for name, value in vars(kernel).items() if name != "folder"}
        write_json(kernel.folder / ABOUT, about_it)  # the last, so that a killed command leaves nothing that counts


def _reads_columns(part: object) -> bool:
    """Whether any run of an exported one has encoders of columns."""
    if not isinstance(part, dict):
        return False
    return bool(part.get("encoders")) or any(_reads_columns(inner) for inner in part.values())


def read(folder: Path) -> Kernel | None:
    """A kernel that was written to a folder; None if it is not whole."""
    about = read_json(folder / ABOUT)
    if about is None:
        return None
    kernel = Kernel(folder, **{field.name: about[field.name] for field in dataclasses.fields(Kernel)[1:]})
    whole = all(
        (kernel.dataset / name).is_file() and sha256_of(kernel.dataset / name) == expected
        for name, expected in kernel.files.items()
    )
    return kernel if whole and (kernel.notebook / NOTEBOOK).is_file() else None


def sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def texts(folder: Path) -> dict[str, str]:
    """The Python files below a folder, by their paths."""
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in sorted(folder.glob("**/*.py"))}


def slug_of(record: Record, competition: Competition) -> str:
    return title_of(competition.name, record.recipe).replace(" ", "-")


def title_of(competition: str, recipe: str) -> str:
    """A title whose words make the address: Kaggle makes one of the other."""
    words = " ".join(re.findall(r"[a-z0-9]+", f"harness {competition} {recipe}".lower()))
    longest = LONGEST_TITLE - len(" models")
    if len(words) <= longest:
        return words
    return f"{words[: longest - 9].rstrip()} {hashlib.sha256(words.encode()).hexdigest()[:8]}"


def _test_images(competition: Competition, dataset: Dataset) -> HiddenImages:
    if dataset.first_of is not None:
        raise UserError(
            f"a row of {competition.name} is made of several images, which a kernel cannot join yet.",
            f"harness submit {competition.name} writes the CSV here",
        )
    rows = dataset.rows(TEST)
    found = learned([*dataset.ids_of(rows)], [dataset.sources[row] for row in rows])
    if found is not None:
        form = competition.submission
        return dataclasses.replace(found, separator=form.separator, header=form.header)
    if not len(rows):
        raise UserError(
            f"the local data of {competition.name} has no test images of the organiser's, so it is unknown where the "
            "hidden ones lie.",
            f"harness download {competition.name}, then pass the downloaded folder with --data",
        )
    names = [f"{dataset.ids[row]} is {dataset.sources[row]}" for row in rows]
    raise UserError(
        f"the ids of {competition.name}'s test images do not follow from their paths ({some(names, 3)}), so a kernel "
        "cannot know the hidden ones.",
        "give the images their ids as names in the competition's reader",
    )


def _flat(exported: Path, folder: Path) -> dict[str, str]:
    """Copy an exported run's models to ``dataset/``, whose files' names hold the subfolders.

    Returns:
        The hash of each file, by its new name.
    """
    folder = folder / "dataset"
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for path in sorted([exported / "model.json", *(path for path in exported.glob("weights/**/*") if path.is_file())]):
        name = path.relative_to(exported).as_posix().replace("/", "--")
        shutil.copyfile(path, folder / name)
        files[name] = sha256_of(folder / name)
    return files
