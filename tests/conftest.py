"""Fixtures: a workspace of its own for each test, real small images drawn on the spot, and the command itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import hypothesis
import numpy as np
import pytest
from hypothesis.internal.conjecture import providers

from harness.cli.main import main
from harness.competition import Competition
from harness.data.dataset import Dataset
from harness.data.folds import HoldOut, KFold
from harness.data.images import Geometry, opened
from harness.data.locating import locate
from harness.data.readers import ClassFolders
from harness.data.readers.reader import Reader
from harness.pipeline.graph import Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.plugins.scaffold import create
from harness.scoring.submission_format import SubmissionFormat
from harness.utils import fingerprint as fp
from harness.utils import processor
from harness.utils.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parent.parent

# Many tests train the same small networks, and on JAX compiling them takes most of the time.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(CHECKOUT / ".pytest_cache" / "jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

# Colours that a machine forces upon all programs.
for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)

# A busy machine is slow, not wrong; and the same tests run every time.
hypothesis.settings.register_profile("harness", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("harness")
# Hypothesis also tries the constants of the modules imported so far: other ones whenever the tests' order differs.
providers._get_local_constants = providers.Constants


_frozen: list[str] = []


def pytest_runtest_teardown() -> None:
    """What importing Keras leaves is never garbage: it is left out of later collections, which it makes far slower."""
    if "keras" in sys.modules and not _frozen:
        gc.collect()
        gc.freeze()
        _frozen.append("keras")


@pytest.fixture(autouse=True, scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Workspaces of the tests are trusted, and the user's own list of workspaces stays as it is."""
    os.environ["HARNESS_TRUSTED"] = str(tmp_path_factory.getbasetemp())
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(autouse=True, scope="session")
def without_bfloat16(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Networks train in float32 wherever the tests run, and nothing is measured; other processes ask the machine."""
    processor.CPUINFO = tmp_path_factory.mktemp("processor") / "cpuinfo"
    processor.CPUINFO.write_text("processor\t: 0\nmodel name\t: drawn\nflags\t: fpu\n")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    (tmp_path / "workspace" / "competitions").mkdir(parents=True)
    return Workspace(tmp_path / "workspace")


def draw(label: int, number: int, height: int = 24, width: int = 24) -> np.ndarray:
    """A picture whose class shows: stripes whose direction and colour depend on the label, with noise by number."""
    random = np.random.default_rng((label, number))
    rows, columns = np.mgrid[:height, :width]
    angle = np.pi * label / 4
    wave = np.sin((rows * np.cos(angle) + columns * np.sin(angle)) * 0.9 + random.uniform(0, 6))
    colour = np.array([[220, 80, 60], [60, 200, 90], [70, 90, 220], [210, 200, 60]])[label % 4]
    picture = 110 + 60 * wave[..., None] * colour / 220 + random.normal(0, 12, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def decoded(content: bytes, geometry: Geometry | None = None) -> np.ndarray:
    """An image file as the harness sees it, not resized."""
    with opened(content, geometry) as image:
        return image


def write_image(path: Path, image: np.ndarray) -> Path:
    """Write an RGB or grey array as an image file; the suffix decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])
    return path


@pytest.fixture
def save() -> Callable[..., Path]:
    """``write_image``."""
    return write_image


@pytest.fixture
def class_folders(tmp_path: Path, save: Callable[..., Path]) -> Callable[..., Path]:
    """Make ``<class>/<number>.png`` with real small pictures; give the folder."""

    def make(classes: tuple[str, ...] = ("ants", "bees", "wasps"), each: int = 12, root: Path | None = None) -> Path:
        folder = root or tmp_path / "photos"
        for label, name in enumerate(classes):
            for number in range(each):
                save(folder / name / f"{number}.png", draw(label, number))
        return folder

    return make


# Data sets and competitions made by hand.


class Pictures:
    """Images in memory that count how often each was read."""

    def __init__(self, images: dict[str, bytes | np.ndarray]) -> None:
        self.images = images
        self.reads: Counter[str] = Counter()

    def read(self, source: str) -> bytes | np.ndarray:
        self.reads[source] += 1
        return self.images[source]


def table(images: Any, labels: np.ndarray, splits: list[str] | None = None) -> Dataset:
    """A data set over anything that gives images; ids and sources are ``"image 0"``, ``"image 1"``, …"""
    ids = tuple(f"image {number}" for number in range(len(labels)))
    marks = np.array(splits or ["train"] * len(labels), dtype="U8")
    classes = tuple("abcd"[: labels.max() + 1])
    made_from = fp.fingerprint(ids=ids, splits=marks.tolist(), labels=labels.tolist())
    return Dataset(ids, marks, labels.astype(np.int32), np.arange(len(ids)), ids, ids, classes, images, made_from)


def of_labels(labels: np.ndarray) -> Dataset:
    """A data set of images that are never read; three in a row are of one group."""
    ids, count = tuple(f"image {number}" for number in range(len(labels))), len(labels)
    classes = tuple("abcdefgh"[: labels.max() + 1])
    return Dataset(
        ids, np.full(count, "train"), labels, np.arange(count) // 3, ids, ids, classes, Pictures({}), fingerprint=""
    )


def drawn(n: int, classes: int = 3, height: int = 24, width: int = 24, splits: list[str] | None = None) -> Dataset:
    """A data set of ``n`` drawn pictures in memory; the classes take turns."""
    labels = np.arange(n) % classes
    images = {f"image {i}": draw(int(label), i, height, width) for i, label in enumerate(labels)}
    return table(Pictures(images), labels, splits)


def declared(**changes: Any) -> Competition:
    """A competition over class folders."""
    return Competition(
        **{
            "title": "Insects",
            "name": "insects",
            "readers": (ClassFolders(test="test"),),
            "metric": "accuracy",
            "submission": SubmissionFormat(),
            "folds": KFold(2),
            "holdout": HoldOut(0.25),
            "hflip_safe": True,
            "obtain": "Draw them.",
            "terms": "None.",
        }
        | changes
    )


def located(competition: Competition, given: Path, unpack_to: Path) -> tuple[Reader, Path]:
    """The reader and the folder of a competition's data."""
    return locate(competition.readers, given, unpack_to, competition.name, competition.obtain)


# Two cheap recipes and their average: a graph with caches of two sizes, in which nothing needs Keras.
RECIPES = '''
from harness.recipes import Blend, LogisticRegression, recipe


@recipe
def coarse():
    """On 6x6 pixels."""
    return LogisticRegression(size=(6, 6), c=0.01, iterations=20)


@recipe
def fine():
    """On 12x12 pixels."""
    return LogisticRegression(size=(12, 12), c=0.01, iterations=20)


@recipe
def blend():
    """Both."""
    return Blend(of=("coarse", "fine"))


default = blend
'''


def create_insects(workspace: Workspace, photos: Path, recipes: str = RECIPES) -> None:
    """Make the competition ``insects`` of a folder of photos."""
    create(workspace, "insects", photos)
    (workspace.competition("insects") / "recipes.py").write_text(recipes)
    edit(workspace.competition("insects") / "competition.py", "KFold(5)", "KFold(2)")


def edit(file: Path, old: str, new: str) -> None:
    """Put other text in the place of one that is there."""
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def pipeline(workspace: Workspace, *assignments: str, **changes: Any) -> Pipeline:
    """The pipeline of ``insects`` with some settings and options."""
    return Pipeline(workspace, loading.load(workspace, "insects"), Options(assignments=[*assignments], **changes))


@pytest.fixture
def insects(workspace: Workspace, class_folders: Callable[..., Path]) -> Workspace:
    """A workspace with one tiny competition, ``insects``, made by ``harness new`` and given cheap recipes."""
    create_insects(workspace, class_folders())
    return workspace


@pytest.fixture
def heeding_interrupts() -> Iterator[None]:
    """Ctrl-C arrives, though tests started from a background job inherit that it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# The command.


class Outcome(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def harness(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command in this process, at the workspace's root."""
    monkeypatch.chdir(workspace.root)

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Outcome(code, *capsys.readouterr())

    return run


def start(root: Path, *arguments: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own, at a workspace's root."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,
    )


def heed_interrupts() -> None:
    """For a new process: one started from a background job, or under nohup, would inherit what is ignored there."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def stamps(root: Path) -> dict[str, int]:
    """When each file under a folder was last written."""
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock") and "__pycache__" not in path.parts
    }
