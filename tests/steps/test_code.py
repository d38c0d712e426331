"""Each step's code against the committed file: a change without a new version, or a hole in a key, fails here."""

from __future__ import annotations

import pytest

from harness.recipes import (
    Blend,
    Calibrated,
    FeatureRegression,
    FineTune,
    HillClimb,
    LogisticRegression,
    Network,
    Soup,
    Stacked,
)
from harness.utils.versions import STEPS
from tests.steps.code import code, file_of, kept, reach, reach_all

FIX = """
The code of the step {step!r} has changed (it is what {modules} reach by imports).
- Do its results change? Raise its version in harness/utils/versions.py: what it made is made again.
- Do they not? Leave the version alone.
Then run: make same-results"""


@pytest.mark.parametrize("step", STEPS)
def test_the_code_of_a_step_is_that_of_its_version(step):
    known = kept().get(step, {})
    same = known == {"version": STEPS[step].version, "code": code(step)}
    assert same, FIX.format(step=step, modules=", ".join(STEPS[step].modules))


def test_every_step_has_modules_that_are_there_and_of_which_no_other_has_any():
    modules = [module for step in STEPS.values() for module in step.modules]
    assert all(file_of(module) for module in modules)
    assert len(modules) == len(set(modules))
    assert set(kept()) == set(STEPS)


NET = {"size": (32, 32), "epochs": 1, "learning_rate": 0.1, "flip": True, "pad": 2, "tta": "random"}
NET |= {"mixed_precision": True, "lookahead": True}
# A recipe of each kind, with all on that brings in another step.
RECIPES = [
    Network(network="minivggnet", whiten=True, **NET),
    FineTune(backbone="efficientnet-lite0", unfreeze=None, **NET),
    FeatureRegression(backbone="efficientnet-lite0", tta="hflip", columns=("age",)),
    LogisticRegression(size=(8, 8), columns=("age",)),
    Soup(of=("net", "net#2")),
    Blend(of=("a", "b")),
    HillClimb(of=("a", "b")),
    Stacked(of=("a", "b")),
    Calibrated(of="a"),
]
# In the keys of what a run is made from: the table of images, the folds, the caches of its inputs; and of its scores.
OF_INPUTS = {"dataset", "folds", "near_duplicates", "decoding", "image_cache", "evaluation", "metrics", "tta_worth"}
OF_INPUTS |= {"targets"}  # in the data set's fingerprint
OF_INPUTS |= {"dicom", "tiff"}  # where there are such files
FEATURES = {"features", "engines", "inference", "openvino", "backbones", "efficientnet_lite", "tta"}
# A registry reaches all it knows; a run uses the one it names.
OTHERS = {"applications", "efficientnet_lite"} | {name for name in STEPS if name.startswith(("networks.", "readers."))}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_all_that_a_recipe_reaches_is_in_its_keys(recipe):
    reached = set().union(*(reach_all(step) for step in recipe.key_steps))
    keyed = {*recipe.key_steps} | OF_INPUTS | (FEATURES if isinstance(recipe, FeatureRegression) else set())
    # Weights are reused by whoever trains; what a soup or an ensemble is made of counts by its members' keys.
    of_members = {"training", "augmentation", "mixed_precision", "norms", "prediction", "inference", "tta", "averages"}
    if not isinstance(recipe, Network | FineTune):
        keyed |= of_members
    assert reached - keyed - OTHERS == set()


def test_what_is_off_is_not_in_the_key():
    plain = Network(network="minivggnet", size=(32, 32), epochs=1, learning_rate=0.1)
    flipped = Network(network="minivggnet", size=(32, 32), epochs=1, learning_rate=0.1, flip=True)
    assert set(flipped.key_steps) - set(plain.key_steps) == {"augmentation"}
    assert "networks.minivggnet" in plain.key_steps and "networks.resnet" not in plain.key_steps


def test_imports_are_followed_into_functions_and_not_for_types():
    own, others = reach("training")
    assert "training.checkpoint" in own and "training.callbacks" in own  # imported inside a function
    assert "augmentation" in others and "network" not in others
