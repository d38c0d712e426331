"""Settings of networks that make no sense are refused by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.recipes import Network
from harness.recipes.settings import override
from harness.utils.errors import UserError
from tests.conftest import declared

RECIPE = Network(network="resnet", size=(36, 36), crop=(32, 32), epochs=3, learning_rate=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"depth": 3}},
        {"reg": -1.0},
        {"crop": (32, 38)},
        {"checkpoint": 0},
        {"shift": -0.1},
        {"label_smoothing": 1.0},
        {"ema": 1.0},
        {"momentum": 1.0},
        {"cutout": 33},
        {"cutmix": 1.5},
        {"cutmix": 0.5, "mixup": 0.5},
        {"milestones": (), "schedule": "steps"},
        {"milestones": ((6, 0.1), (4, 0.01)), "schedule": "steps"},
        {"milestones": ((4, 0.0),), "schedule": "steps"},
        {"size": (56, 80), "crop": None, "network": "alexnet"},
        {"crop": (56, 56), "size": (60, 60), "network": "alexnet"},
    ],
)
def test_a_setting_out_of_range_is_named_with_what_it_got(change: dict[str, Any]):
    RECIPE.check(declared())
    (name, value), *_ = change.items()
    with pytest.raises(UserError, match=f"{name} must be") as refused:
        dataclasses.replace(RECIPE, **change).check(declared())
    assert repr(value) in refused.value.what


def test_settings_of_any_kind_can_be_given_on_the_command_line():
    given = ["options={'stages': (3, 4, 6)}", "milestones=((4, 1e-3), (6, 1e-4))", "crop=30,30", "reg=5e-4"]
    found = override({"net": RECIPE}, given)["net"]
    assert isinstance(found, Network) and found.options == {"stages": (3, 4, 6)} and found.reg == 5e-4
    assert found.milestones == ((4, 1e-3), (6, 1e-4)) and found.crop == (30, 30)


def test_a_smoke_run_is_no_smaller_than_the_network_can_take():
    large = Network(network="alexnet", size=(256, 256), crop=(227, 227), cutout=100, epochs=75, learning_rate=1e-3)
    small = large.smoke()
    small.check(declared())
    assert (small.size, small.crop, small.epochs) == ((57, 57), None, 1)
