"""Training from the command line: going on from another run's epoch, and finding a learning rate."""

from __future__ import annotations

import json

import pytest

from harness.utils.files import read_json
from tests.training.folds import TINY

DECLARED = f'''
from harness.recipes import LogisticRegression, Network, recipe


@recipe
def net():
    """On 16x16 pixels."""
    return Network(
        **{TINY}, folds=1, size=(16, 16), epochs=2, batch_size=8,
        learning_rate=0.01, checkpoint=1, monitor="last"
    )


@recipe
def pixels():
    """On 6x6 pixels."""
    return LogisticRegression(size=(6, 6))


default = net
'''


@pytest.mark.slow
def test_a_run_goes_on_from_anothers_epoch_as_a_run_of_its_own(insects, harness):
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    missing = harness("train", "insects", "--from-epoch", "1", "--set", "learning_rate=0.001")
    assert missing.code == 2 and "no checkpoint after epoch 1" in missing.err
    assert harness("train", "insects").code == 0
    (parent,) = insects.runs("insects").glob("net/*/run.json")
    before = parent.read_bytes()

    arguments = ["train", "insects", "--from-epoch", "1", "--set", "learning_rate=0.001", "--set", "epochs=3"]
    gone_on = harness(*arguments)
    assert gone_on.code == 0 and "resuming after epoch 1" in gone_on.err, gone_on.err
    (child,) = (file for file in insects.runs("insects").glob("net/*/run.json") if file != parent)
    record = json.loads(child.read_text())
    settings = json.loads(before)["settings"]
    assert record["parent"] == {"run": parent.parent.name, "epoch": 1, "settings": settings}
    status = harness("status", "insects").out
    assert f"{parent.parent.name[:8]}, epoch 1" in status and "epochs=3, learning_rate=0.001" in status
    assert record["training"][0]["epochs"] == 3
    history = read_json(child.parent / "fold-1" / "history.json")
    first = read_json(parent.parent / "fold-1" / "history.json")
    assert history["loss"][0] == first["loss"][0] and len(history["loss"]) == 3
    assert history["learning_rate"][1:] == pytest.approx([0.001, 0.001])
    assert parent.read_bytes() == before and json.loads(before)["parent"] is None
    assert "net: up to date" in harness(*arguments).err

    wrong = harness("train", "insects", "--from-epoch", "7", "--set", "learning_rate=0.1")
    assert wrong.code == 2 and "Available epochs: 1, 2" in wrong.err


def test_a_learning_rate_is_suggested_and_drawn(insects, harness):
    (insects.competition("insects") / "recipes.py").write_text(DECLARED)
    found = harness("lr-find", "insects", "net")
    assert found.code == 0, found.err
    assert "suggested: --set learning_rate=" in found.out and "the recipe has 0.01" in found.out
    (plot,) = insects.runs("insects").glob("net/*/fold-1/learning-rates.png")
    assert plot.read_bytes().startswith(b"\x89PNG")
    wrong = harness("lr-find", "insects", "pixels")
    assert wrong.code == 2 and "has no learning rate" in wrong.err
