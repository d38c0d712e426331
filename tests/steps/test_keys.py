"""What keys depend on: versions of steps, settings, and a competitor's own code."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

import pytest

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.recipes import LogisticRegression
from harness.utils import fingerprint as fp
from harness.utils.errors import UserError
from harness.utils.versions import STEPS
from harness.utils.workspace import Workspace


def pipeline(workspace: Workspace) -> Pipeline:
    made = Pipeline(workspace, loading.load(workspace, "insects"))
    made.artifacts.choose([*made.artifacts.recipes])
    return made


RECIPES = """
from harness.recipes import Blend, FeatureRegression, FineTune, LogisticRegression, Network, recipe

SETTINGS = {"size": (32, 32), "epochs": 1, "learning_rate": 0.1}
AUGMENTED = SETTINGS | {"pad": 2, "rotation": 10}


@recipe
def net():
    return Network(network="minivggnet", **SETTINGS)


@recipe
def net_augmented():
    return Network(network="minivggnet", **AUGMENTED)


@recipe
def net_of_views():
    return Network(network="minivggnet", **SETTINGS | {"crop": (28, 28), "tta": "crops"})


@recipe
def tuned():
    return FineTune(backbone="efficientnet-lite0", unfreeze=None, **SETTINGS)


@recipe
def tuned_augmented():
    return FineTune(backbone="efficientnet-lite0", unfreeze=None, **AUGMENTED)


@recipe
def features():
    return FeatureRegression(backbone="efficientnet-lite0", side=32)


@recipe
def pixels():
    return LogisticRegression(size=(8, 8))


@recipe
def blend():
    return Blend(of=("net", "pixels"))


@recipe
def blend_augmented():
    return Blend(of=("net_augmented", "pixels"))


default = blend
"""

NETS, AUGMENTED = {"net", "net_augmented", "net_of_views"}, {"net_augmented", "net_of_views", "tuned_augmented"}
TUNED, BLENDS = {"tuned", "tuned_augmented"}, {"blend", "blend_augmented"}
IMAGES = {"images 32x32", "images 8x8"}


def keys(workspace: Workspace) -> dict[str, str]:
    """The keys of all that there is to make, with those of networks' weights."""
    made = pipeline(workspace).artifacts
    runs = {name: made.run_of(name) for name in made.recipes}
    caches = {f"{one.kind} {one}": one.key(made.dataset) for recipe in made.recipes.values() for one in recipe.inputs()}
    weights = {f"weights of {name}": run.training_key for name, run in runs.items() if run.training_key}
    first = {"data": made._table.key(), "folds": made.folds_key}
    return first | caches | weights | {name: run.key for name, run in runs.items()}


def weights(names: set[str]) -> set[str]:
    return {f"weights of {name}" for name in names}


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        # net_of_views crops at random when it trains.
        ("augmentation", AUGMENTED | weights(AUGMENTED) | {"blend_augmented"}),
        ("scaling", NETS | weights(NETS) | BLENDS),
        ("networks.minivggnet", NETS | weights(NETS) | BLENDS),
        ("training", NETS | TUNED | weights(NETS | TUNED) | BLENDS),
        ("prediction", NETS | TUNED | BLENDS),
        ("tta", {"net_of_views"}),
        ("backbones", TUNED | weights(TUNED) | {"features", "features efficientnet-lite0-32"}),
        ("feature_regression", {"features"}),
        ("logistic_regression", {"pixels", *BLENDS}),
        ("averages", {"net_of_views", *BLENDS}),
        ("image_cache", None),
        ("folds", None),
        ("targets", None),
        # The table is read again, and is the same.
        ("dataset", {"data"}),
        ("readers.class_folders", {"data"}),
        ("networks.resnet", set()),
        ("stacking", set()),
        ("evaluation", set()),
        ("readers.tiny_imagenet", set()),
    ],
)
def test_a_raised_version_changes_the_keys_of_what_the_step_makes(
    insects: Workspace, monkeypatch: pytest.MonkeyPatch, step: str, changed: set[str] | None
):
    (insects.competition("insects") / "recipes.py").write_text(RECIPES)
    before = keys(insects)
    monkeypatch.setitem(STEPS, step, STEPS[step]._replace(version=99))
    found = {name for name, key in keys(insects).items() if key != before[name]}
    # All that is trained reads images, and has folds.
    everything = before.keys() - {"data", "folds"}
    expected = {"image_cache": everything, "folds": everything - IMAGES - {"features efficientnet-lite0-32"}}
    expected["targets"] = {*before}
    if step == "folds":  # which cuts the hold-out of the table too
        expected["folds"] |= {"data", "folds"}
    assert found == (expected[step] if changed is None else changed)


# Settings.


def test_a_setting_added_with_a_default_leaves_keys_as_they_are():
    @dataclass(frozen=True, kw_only=True)
    class Grown(LogisticRegression):
        balanced: bool = False
        tags: list[str] = field(default_factory=list)

    Grown.__name__ = "LogisticRegression"
    before, same, other = (
        LogisticRegression(size=(8, 8), c=0.1),
        Grown(size=(8, 8), c=0.1),
        Grown(size=(8, 8), c=0.1, balanced=True),
    )
    assert fp.fingerprint(recipe=same) == fp.fingerprint(recipe=before) != fp.fingerprint(recipe=other)


# A competitor's own code.

OWN = '''
from dataclasses import dataclass

from harness.recipes import Blend, LogisticRegression, recipe

@dataclass(frozen=True, kw_only=True)
class Own(LogisticRegression):
    """A recipe of a competitor's own."""


@recipe
def own():
    return Own(size=(6, 6))


@recipe
def ours():
    return LogisticRegression(size=(6, 6))


@recipe
def both():
    return Blend(of=("own", "ours"))


default = both
'''


@pytest.mark.parametrize("name", ["recipes.py", "competition.py", "tricks.py", "parts/more_tricks.py"])
def test_a_change_in_a_competitions_folder_changes_the_keys_of_classes_written_there(insects: Workspace, name: str):
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(OWN)
    (folder / "parts").mkdir()
    for file in ("tricks.py", "parts/more_tricks.py"):
        (folder / file).write_text('"""Some tricks."""\n\nTWO = 2\n')
    before = keys(insects)
    retold = (folder / name).read_text().replace('"""Some', '"""More') + "\n\n# A comment changes nothing.\n"
    (folder / name).write_text(retold)
    assert keys(insects) == before
    (folder / name).write_text(retold + "\nTHREE = 3\n")
    changed = {what for what, key in keys(insects).items() if key != before[what]}
    assert changed == {"own", "both"}


HELPER = "from dataclasses import dataclass\nimport helper\n" + OWN.replace("from dataclasses import dataclass\n", "")


def test_code_that_is_edited_while_it_runs_is_not_what_ran(insects: Workspace):
    folder = insects.competition("insects")
    (folder / "recipes.py").write_text(HELPER)
    (folder / "helper.py").write_text("TWO = 2\n")
    running = pipeline(insects)
    key = running.artifacts.run_of("own").key
    (folder / "helper.py").write_text("TWO = 3\n")
    assert running.artifacts.run_of("own").key == key, "the code that runs is the old one"
    again = Pipeline(insects, running.competition)  # as for the next training in a notebook
    again.artifacts.choose(["own"])
    assert again.artifacts.run_of("own").key != key
    assert sys.modules[type(again.artifacts.recipes["own"]).__module__].helper.TWO == 3
    assert pipeline(insects).artifacts.run_of("own").key == again.artifacts.run_of("own").key


def test_a_declaration_with_code_of_its_own_is_loaded_again_after_a_change(insects: Workspace):
    file = insects.competition("insects") / "competition.py"
    text = file.read_text().replace("KFold(2)", "Mine(2)")
    own = "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Mine(KFold):\n    pass\n\n\n"
    file.write_text(text.replace("competition = Competition(", f"{own}competition = Competition("))
    declared = loading.load(insects, "insects")
    Pipeline(insects, declared).artifacts.choose([])
    file.write_text(file.read_text() + "\nTHREE = 3\n")
    with pytest.raises(UserError, match="was changed since it was loaded"):
        Pipeline(insects, declared).artifacts.choose([])
    pipeline(insects)


def test_what_was_loaded_before_a_change_keeps_its_code_where_another_loads_the_new_one(insects: Workspace):
    folder = insects.competition("insects")
    text = (folder / "competition.py").read_text().replace("KFold(2)", "Mine(2)")
    (folder / "competition.py").write_text(f"from mine import Mine\n{text}")
    mine = (
        "from dataclasses import dataclass\nfrom harness.data.folds import KFold\n\n\n"
        "@dataclass(frozen=True)\nclass Mine(KFold):\n    pass\n"
    )
    (folder / "mine.py").write_text(mine)
    before = Pipeline(insects, loading.load(insects, "insects"))
    key = before.artifacts.folds_key
    (folder / "mine.py").write_text(mine + "\nTHREE = 3\n")
    after = Pipeline(insects, loading.load(insects, "insects"))
    del before.artifacts.__dict__["folds_key"]
    assert before.artifacts.folds_key == key != after.artifacts.folds_key
    with pytest.raises(UserError, match="was changed since it was loaded"):
        Pipeline(insects, before.competition)
    (folder / "competition.py").write_text(text.replace("Mine(2)", "KFold(2)"))
    (folder / "mine.py").unlink()
    loading.load(insects, "insects")
    del before.artifacts.__dict__["folds_key"]
    assert before.artifacts.folds_key == key, "nothing of that name is there any more"


def test_another_opencv_or_backend_changes_the_keys_of_what_it_makes(
    insects: Workspace, monkeypatch: pytest.MonkeyPatch
):
    (insects.competition("insects") / "recipes.py").write_text(RECIPES)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    before = keys(insects)

    def changed() -> set[str]:
        return {what for what, key in keys(insects).items() if key != before[what]}

    with monkeypatch.context() as patched:
        patched.setattr("cv2.__version__", "99.0")
        assert changed() == before.keys() - {"data", "folds"}
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert changed() == NETS | TUNED | weights(NETS | TUNED) | BLENDS
