"""Exporting a finished run: a folder that predicts by itself, without this package and without training."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.competition import Competition
from harness.data.images import Geometry
from harness.data.readers.reader import IMAGE_SUFFIXES
from harness.ensembles import kept as kept_combiner
from harness.models import linear
from harness.recipes.feature_regression import FeatureRegression
from harness.recipes.logistic_regression import LogisticRegression
from harness.recipes.recipe import Recipe
from harness.recipes.settings import restored
from harness.recipes.soup import Soup
from harness.recipes.trained import Trained
from harness.recipes.with_columns import WithColumns, kept_encoder
from harness.runs.predict import classes_of, keeps_no_model, member_of
from harness.runs.records import Record
from harness.scoring.evaluation import interval_of
from harness.training import kept as kept_network
from harness.tta.views import View, views
from harness.tta.worth import chosen_variant
from harness.utils import fingerprint as fp
from harness.utils.console import doing
from harness.utils.errors import UserError
from harness.utils.files import require_empty, whole, whole_folder, write_json, write_text
from harness.utils.libraries import backend, installed

if TYPE_CHECKING:
    from harness.models.backbones.features import Features

PACKAGE = Path(__file__).resolve().parents[1]
# The code that the folder predicts with, and all that it imports.
PARTS = (
    "data.images", "data.eight_bits", "data.targets.links", "models.column_encoder", "models.power", "tta.views",
    "ensembles.kept",
)  # fmt: skip
PREDICT = Path(__file__).with_name("predict.py.template")
LIBRARIES = ("numpy", "opencv-python-headless", "opencv-python", "pillow", "pydicom", "scipy", "keras")


def export(competition: Competition, record: Record, kinds: dict[str, type[Recipe]], folder: Path) -> None:
    """Write a run's models, the code that predicts with them, its requirements and its model card to a folder.

    Args:
        competition: the run's.
        record: the run.
        kinds: the classes of recipes, by name.
        folder: a new or an empty one.

    Raises:
        UserError: the folder is not empty, the run keeps no model, or it needs more than a folder can hold.
    """
    # What a killed export left in a folder that was there is swept below.
    require_empty(folder, leftovers=".coming.*.tmp")
    is_there = folder.is_dir()
    target = folder / "coming" if is_there else folder
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(target) as coming:  # without a lock, for it is a new one
        exported = _Export(kinds, coming, competition.targets.link)
        (coming / "weights").mkdir()
        with doing(f"copying the models of {record.recipe}"):
            part = exported.part(record)
        about = {"classes": classes_of(record), "link": exported.link, "window": competition.window, "run": part}
        write_json(coming / "model.json", about)
        template = Template(PREDICT.read_text(encoding="utf-8"))
        suffixes = ", ".join(f'"{suffix}"' for suffix in sorted(IMAGE_SUFFIXES))
        write_text(coming / "predict.py", template.substitute(backend=backend(), suffixes=suffixes))
        copy_code(coming / "parts", PARTS)
        write_text(coming / "requirements.txt", _requirements())
        write_text(coming / "README.md", _card(competition, record))
    if is_there:
        for made in target.iterdir():
            made.rename(folder / made.name)
        target.rmdir()


@dataclass(frozen=True)
class _Export:
    kinds: dict[str, type[Recipe]]
    folder: Path
    link: str

    def part(self, record: Record) -> dict[str, Any]:
        """What ``model.json`` says of a run; its weights are copied."""
        recipe = restored(record.settings, self.kinds)
        try:
            if isinstance(recipe, Trained):
                return self._network(record, recipe)
            if isinstance(recipe, Soup):
                name, key = next(iter(record.about["members"].items()))
                trained = restored(member_of(record, name, key).settings, self.kinds)
                assert isinstance(trained, Trained)
                return self._network(record, trained)
            if isinstance(recipe, FeatureRegression):
                return self._features(record, recipe)
            if isinstance(recipe, LogisticRegression):
                geometry = recipe.images.geometry
                pixels = _input(geometry, (geometry.height, geometry.width))
                part = self._folds(record, [pixels], self._regressions(record))
                return part | {"flat": True, "encoders": self._encoders(record, recipe)}
            if record.about.get("members"):
                return self._ensemble(record)
        except (OSError, KeyError):
            raise keeps_no_model(record) from None
        raise UserError(f"a {type(recipe).__name__} cannot be exported.", "export a recipe of the harness's own kinds")

    def _folds(
        self, record: Record, inputs: list[dict[str, Any]], files: list[str], tta: str = "centre"
    ) -> dict[str, Any]:
        looks = [view for view in views(tta, hflip_safe=True) if isinstance(view, View)]
        if len(looks) < len(views(tta, hflip_safe=True)):
            raise UserError(
                f"{record.recipe} predicts views that are drawn by its augmentation, which a folder does not hold.",
                f"train it with other ones: harness train {record.competition} {record.recipe} --set tta=shifts",
            )
        return {
            "inputs": inputs,
            "pad": 0,
            "views": [dataclasses.asdict(view) for view in looks],
            "average": "probabilities",
            "link": self.link,
            "whole_numbers": False,
            "flat": False,
            "storage": "float32",
            "folds": files,
            "encoders": [],
        }

    def _network(self, record: Record, recipe: Trained) -> dict[str, Any]:
        files = [self._copied(record, folder) for folder in record.fold_folders]
        part = self._folds(record, [_input(recipe.images.geometry, recipe.input_size)], files, recipe.tta)
        return part | {"pad": recipe.pad, "average": recipe.average}

    def _features(self, record: Record, recipe: FeatureRegression) -> dict[str, Any]:
        if recipe.precision != "float32":
            raise UserError(
                f"{record.recipe} computes its features in {recipe.precision}, which only its own engine does.",
                "train it with --set precision=float32",
            )
        inputs = [self._backbone(features) for features in recipe.features]
        return self._folds(record, inputs, self._regressions(record), recipe.tta) | {
            "average": recipe.average,
            "whole_numbers": True,
            "storage": recipe.storage,
            "power": recipe.power,
            "encoders": self._encoders(record, recipe),
        }

    def _backbone(self, features: Features) -> dict[str, Any]:
        """The input that a backbone makes features of; its network is written, once."""
        name = network_file(features)
        if not (self.folder / name).exists():
            from harness.models.plain import plain

            with whole(self.folder / name) as temporary:
                plain(features.network()).save(temporary)
        side, window = features.decoded_side, features.side_of_network
        return _input(Geometry(side, side), (window, window), name)

    def _ensemble(self, record: Record) -> dict[str, Any]:
        _, names = kept_combiner.read(record.folder)
        below = f"weights/{record.stem}"
        (self.folder / below).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.folder / kept_combiner.NAME, self.folder / below / kept_combiner.NAME)
        keys = record.about["members"]
        return {"combiner": below, "members": {name: self.part(member_of(record, name, keys[name])) for name in names}}

    def _regressions(self, record: Record) -> list[str]:
        """The regression of each fold, of the variant that the run took."""
        files = []
        for folder in record.fold_folders:
            model = linear.read(folder / "models.h5")[chosen_variant(record.about)]
            name = f"weights/{record.stem}-{folder.name}.npz"
            np.savez(self.folder / name, **{key: value for key, value in vars(model).items() if key != "c"})
            files.append(name)
        return files

    def _encoders(self, record: Record, recipe: WithColumns) -> list[dict[str, Any]]:
        """What makes features of the table's columns in each fold; none where the recipe reads no columns."""
        return [kept_encoder(folder).as_json() for folder in record.fold_folders if recipe.columns]

    def _copied(self, record: Record, folder: Path) -> str:
        """The network of a fold."""
        file = f"weights/{record.stem}-{folder.name}{Path(kept_network.NAME).suffix}"
        kept_network.copy(folder / kept_network.NAME, self.folder / file)
        return file


def _input(geometry: Geometry, input_size: tuple[int, int], backbone: str | None = None) -> dict[str, Any]:
    """How an image becomes an input: what it is resized to, the size of a view, and the network of its features."""
    return {"geometry": dataclasses.asdict(geometry), "input_size": input_size, "backbone": backbone}


def copy_code(folder: Path, parts: tuple[str, ...]) -> None:
    """Copy modules of the package and all that they import, under another package's name, ``parts``."""
    coming, copied = [*parts], set()
    while coming:
        module = coming.pop()
        if module in copied:
            continue
        copied.add(module)
        path = PACKAGE.joinpath(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = source.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
                package = (node.module or "").removeprefix("harness.")
                inside = [f"{package}.{alias.name}" for alias in node.names if _is_module(f"{package}.{alias.name}")]
                coming += [package, *inside]
        target = folder / source.relative_to(PACKAGE)
        write_text(target, re.sub(r"\bfrom harness\.", "from parts.", text))
        for above in [target.parent, *target.parent.parents]:
            if above == folder.parent:
                break
            if not (above / "__init__.py").exists():
                write_text(above / "__init__.py", "")


def _is_module(module: str) -> bool:
    path = PACKAGE.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def network_file(features: Features) -> str:
    """Where the network of some features is written; "--" stands for a folder in the files of a Kaggle dataset."""
    return f"weights/{features.backbone}-{fp.fingerprint(features=features)[:8]}.keras"


def _requirements() -> str:
    return "".join(f"{name}=={version}\n" for name, version in installed((*LIBRARIES, backend())).items())


def _card(competition: Competition, record: Record) -> str:
    """What the model is, what it was trained on, how good it is, and the terms."""
    scores = [
        f"| {split} | {score['metric']} {interval_of(score)} | {score['rows']:,} |\n".replace("_", " ")
        for split, score in record.scores.items()
    ]
    settings = json.dumps(record.settings, indent=2, ensure_ascii=False)
    return (
        f"# {record.recipe} for {competition.title}\n\n"
        f"A {record.settings['kind']}, run {record.recipe}/{record.key}, finished {record.finished}.\n\n"
        "    pip install -r requirements.txt\n    python predict.py IMAGES --out predictions.csv\n\n"
        "| rows | score, 95 % interval | images |\n|---|---|---|\n" + "".join(scores) + "\n"
        "It gives an answer for every image, even for one that is unlike all that it was trained on.\n\n"
        f"Terms of the data: {competition.terms} Pretrained weights, if there are any, have their own.\n\n"
        f"```json\n{settings}\n```\n"
    )
