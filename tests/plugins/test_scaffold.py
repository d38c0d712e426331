"""``harness new``: a competition out of any folder of classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.guessed import Choices
from harness.plugins.loading import FILES
from harness.plugins.scaffold import create
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace


def test_a_folder_of_classes_becomes_a_complete_competition(workspace: Workspace, class_folders):
    name, said = create(workspace, "my-insects", class_folders())
    assert name == "my_insects" and "labels: the names of the folders" in said
    assert {file.name for file in workspace.competition("my_insects").iterdir()} == set(FILES)
    competition = loading.load(workspace, "my-insects")
    assert competition.title == "My insects"
    recipes, default = loading.recipes(competition)
    for recipe in recipes.values():
        recipe.check(competition)
    assert default in recipes
    # It knows where its data is: nothing more has to be given.
    assert Pipeline(workspace, competition).artifacts.dataset.classes == ("ants", "bees", "wasps")


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("", "my-photos"),
        ("My Fotos!", "my-fotos"),
        ("1st", "st"),
        ("2020 Pets", "pets"),
        ("in/sects", "in-sects"),
        ("..", "my-photos"),
        ("--from=x", "from-x"),
        ("Été", "ete"),
        ("猫", "my-photos"),
        ("Z" * 300, "z" * 50),
    ],
)
def test_a_name_that_is_none_is_refused_and_one_that_is_like_it_is_suggested(
    workspace: Workspace, class_folders, name: str, suggested: str
):
    with pytest.raises(UserError, match="small letters") as refused:
        create(workspace, name, class_folders())
    assert refused.value.fix == f"harness new {suggested}, with the same options"
    assert list(workspace.competitions.iterdir()) == []
    assert create(workspace, suggested, class_folders())[0] == suggested.replace("-", "_")


@pytest.mark.parametrize("option", ["label", "path", "group"])
def test_what_only_a_table_has_is_refused_where_there_is_none(workspace: Workspace, class_folders, option: str):
    with pytest.raises(UserError, match=f"--{option} patient is of a table, and .* has no CSV"):
        create(workspace, "insects", class_folders(), Choices(**{option: "patient"}))
    assert not workspace.competition("insects").exists()


def test_a_taken_name_and_a_folder_without_classes_are_refused(workspace: Workspace, class_folders, tmp_path: Path):
    create(workspace, "insects", class_folders())
    with pytest.raises(UserError, match="exists already"):
        create(workspace, "insects", class_folders())
    (tmp_path / "bare").mkdir()
    with pytest.raises(UserError, match="no known layout"):
        create(workspace, "bare", tmp_path / "bare")
    assert [folder.name for folder in workspace.competitions.iterdir()] == ["insects"]


def test_a_title_with_odd_characters_cannot_break_the_files(workspace: Workspace, class_folders):
    create(workspace, "in_sects-2", class_folders())
    assert loading.load(workspace, "in-sects-2").title == "In sects 2"
