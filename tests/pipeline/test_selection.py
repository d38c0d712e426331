"""Which recipes and folds a command asks for, and what is refused before any work begins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.pipeline.selection import choose
from harness.plugins import loading
from harness.recipes import Blend, FeatureRegression, LogisticRegression
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES, declared, edit, pipeline, stamps, start


def declare(workspace: Workspace, more: str) -> None:
    (workspace.competition("insects") / "recipes.py").write_text(RECIPES + more)


NESTED = '''

@recipe
def twice():
    """Coarse counts more."""
    return Blend(of=("blend", "coarse"))
'''


def test_members_come_before_what_is_made_of_them_and_once(insects: Workspace):
    declare(insects, NESTED)
    assert [*pipeline(insects).artifacts.choose(["twice", "fine"])] == ["coarse", "fine", "blend", "twice"]
    assert [*pipeline(insects).artifacts.choose([])] == ["coarse", "fine", "blend"]


def test_other_members_can_be_set_and_their_settings_too(insects: Workspace):
    assert [*pipeline(insects, "of='fine',", "fine.c=0.3").artifacts.choose([])] == ["fine", "blend"]
    declare(insects, NESTED)
    chosen = pipeline(insects, "twice.of='fine','coarse'", "fine.c=0.3").artifacts.choose(["twice"])
    assert [*chosen] == ["fine", "coarse", "twice"] and chosen["fine"].c == 0.3


@pytest.mark.parametrize(
    ("wanted", "assignments", "told"),
    [
        (["blnd"], [], "no recipe 'blnd'. Did you mean blend"),
        ([], ["of=fin"], "no recipe 'fin'. Did you mean fine"),
        ([], ["of=blend"], "made of itself: blend of blend"),
        ([], ["of=()"], "of must be at least one recipe's name"),
        (["coarse"], ["fine.c=1"], "no recipe 'fine' here"),
        (["coarse"], ["of=fine"], "no such setting"),
        ([], ["fine.folds=1"], "predict different rows: coarse has folds=None, fine has folds=1"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(insects: Workspace, wanted, assignments, told):
    with pytest.raises(UserError) as refused:
        pipeline(insects, *assignments).artifacts.choose(wanted)
    assert told in refused.value.what


MIXED = {
    "pixels": LogisticRegression(size=(8, 8), c=0.1),
    "features": FeatureRegression(backbone="efficientnet-lite0", side=64),
    "small": FeatureRegression(backbone="efficientnet-lite0", side=32),
    "blend": Blend(of=("pixels", "small")),
}


def chosen_of_mixed(requested: str, *assignments: str):
    return choose(declared(), MIXED, [requested], list(assignments))


def test_a_setting_that_recipes_have_in_different_forms_is_for_the_chosen_ones():
    assert chosen_of_mixed("features", "c=0.1,1")["features"].c == (0.1, 1.0)
    assert chosen_of_mixed("pixels", "c=2")["pixels"].c == 2.0
    with pytest.raises(UserError, match=r"--set c: a number is wanted. Received: '0.1,1'"):
        chosen_of_mixed("pixels", "c=0.1,1")


def test_members_that_a_setting_names_get_the_other_settings():
    found = chosen_of_mixed("blend", "blend.of=features,small", "c=0.1,1")
    assert [*found] == ["features", "small", "blend"] and found["features"].c == found["small"].c == (0.1, 1.0)
    with pytest.raises(UserError, match="a number is wanted"):
        chosen_of_mixed("blend", "c=0.1,1")  # of which the pixels are
    with pytest.raises(UserError, match="no such setting"):
        chosen_of_mixed("features", "iterations=3")  # which only the pixels have


def test_recipes_that_are_made_of_each_other_are_refused(insects: Workspace):
    declare(insects, NESTED)
    with pytest.raises(UserError, match="'twice' is made of itself: twice of blend of twice"):
        pipeline(insects, "blend.of=twice").artifacts.choose(["twice"])


def test_a_folds_file_that_is_not_there_or_none_is_refused_though_other_folds_are_ready(insects: Workspace, harness):
    assert harness("prepare", "insects").code == 0
    (insects.root / "photo.csv").write_bytes(b"\x89PNG\xff\xfe")
    for file, told in (("none.csv", "there is no folds file"), ("photo.csv", "is not a CSV of folds")):
        found = harness("prepare", "insects", "--folds", file)
        assert found.code == 2 and told in found.err and "Traceback" not in found.err


def test_folds_that_leave_a_class_untrained_are_refused(insects: Workspace, harness, tmp_path: Path):
    harness("prepare", "insects")
    ids = pipeline(insects).artifacts.folds.ids
    (tmp_path / "theirs.csv").write_text("id,fold\n" + "".join(f"{name},{int('bees' in name)}\n" for name in ids))
    found = harness("train", "insects", "--folds", tmp_path / "theirs.csv")
    assert found.code == 2 and "fold 1 leaves no readable training images of these classes: ants, wasps" in found.err


def test_a_run_names_the_folds_it_was_trained_on(insects: Workspace, harness, tmp_path: Path):
    harness("prepare", "insects")
    ids = pipeline(insects).artifacts.folds.ids
    (tmp_path / "theirs.csv").write_text("id,fold\n" + "".join(f"{name},{i % 4}\n" for i, name in enumerate(ids)))
    assert harness("train", "insects", "coarse").code == 0
    assert harness("train", "insects", "coarse", "--folds", tmp_path / "theirs.csv").code == 0
    data = insects.data("insects")
    named = [json.loads(file.read_text())["folds"] for file in insects.runs("insects").glob("coarse/*/run.json")]
    counts = {len({line.split(",")[1] for line in (data / name).read_text().splitlines()[1:]}) for name in named}
    assert len(set(named)) == 2 and 4 in counts and len(counts) == 2


def test_a_hold_out_that_takes_all_of_a_class_is_refused(insects: Workspace, harness, tmp_path: Path):
    for number in range(2, 12):
        (tmp_path / "photos" / "wasps" / f"{number}.png").unlink()
    declaration = insects.competition("insects") / "competition.py"
    edit(declaration, "HoldOut(0.2)", "HoldOut(0.9)")
    found = harness("prepare", "insects")
    assert found.code == 2 and "no training images of these classes: wasps" in found.err


def test_a_name_with_a_line_break_is_refused(insects: Workspace, harness, tmp_path: Path):
    photos = tmp_path / "photos" / "ants"
    shutil.copy(photos / "1.png", photos / "one\rtwo.png")
    found = harness("prepare", "insects")
    assert found.code == 2 and r"'ants/one\rtwo.png'" in found.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('value="probability"', "positive must name the class"),
        ('value="probability", positive="bugs"', "not one of the classes: ants, bees, wasps"),
        ('value="percent"', "must be one of class, number, probability, probabilities"),
    ],
)
def test_a_submission_format_that_cannot_be_is_refused(insects: Workspace, harness, change, told):
    declaration = insects.competition("insects") / "competition.py"
    edit(declaration, 'value="class"', change)
    found = harness("submit", "insects")
    assert found.code == 2 and told in found.err
    assert not insects.runs("insects").exists()


def test_a_half_made_competition_is_not_listed(insects: Workspace):
    shutil.copytree(insects.competition("insects"), insects.competition(".wasps.new"))
    assert loading.names(insects) == ["insects"]


@pytest.mark.slow
def test_two_first_runs_at_once_both_succeed_and_make_everything_once(insects: Workspace):
    two = [start(insects.root, "submit", "insects") for _ in range(2)]
    told = [process.communicate(timeout=300) for process in two]
    assert [process.returncode for process in two] == [0, 0], told
    before = stamps(insects.root)
    again = pipeline(insects)
    again.perform(again.artifacts.choose([]), submit="blend")
    assert again.took == {} and stamps(insects.root) == before
