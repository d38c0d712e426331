"""``harness reproduce``: rows that run, rows that are left out, rows that fail, and the page after each."""

from __future__ import annotations

import json
import re

import pytest

from harness.plugins import loading
from harness.recipes.seeds import base
from harness.reproduce import runner
from harness.reproduce.published import ROWS, Row
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, RECIPES, stamps

FIGURE = re.compile(r"\d+(?:\.\d+)?(?=[^.\d]*%)")

BROKEN = '''
from dataclasses import dataclass

from harness.recipes.recipe import FoldRecipe


@dataclass(frozen=True, kw_only=True)
class Broken(FoldRecipe):
    """Never fits."""

    def fit(self, fold):
        raise ZeroDivisionError("always")


@recipe
def broken():
    """Never fits."""
    return Broken()
'''

OURS = (
    Row(1, "moths", "coarse", "moths", "11 %"),
    Row(2, "insects", "broken", "a bug", "22 %"),
    Row(3, "insects", "fine", "pixels", "33 %"),
    Row(4, "insects", "blend", "two", "44 %"),
    Row(5, "birds", "coarse", "birds", "55 %"),
)


@pytest.fixture
def rows(insects: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Row, ...]:
    """Five rows: no competition, a recipe that fails, two that run, and no data."""
    (insects.competition("insects") / "recipes.py").write_text(RECIPES + BROKEN)
    birds = insects.competition("birds")
    birds.mkdir()
    for name in loading.FILES:
        (birds / name).write_bytes((insects.competition("insects") / name).read_bytes())
    for module in ("harness.reproduce.published", "harness.reproduce.runner", "harness.cli.reproduce"):
        monkeypatch.setattr(f"{module}.ROWS", OURS)
    return OURS


def lines(insects: Workspace) -> dict[str, list[str]]:
    text = (insects.root / "docs" / "results.md").read_text()
    found = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {cells[0]: cells for cells in found if cells[0].isdigit()}


def test_a_row_that_cannot_run_stops_no_other_and_says_what_mends_it(insects: Workspace, rows, harness):
    done = harness("reproduce")
    assert done.code == 2 and "these rows did not run: 2, 1, 5" in done.err
    told = " ".join(done.err.split())
    assert "row 1: left out. There is no competition moths. fix: harness new moths --from DIR" in told
    assert "row 2: failed. ZeroDivisionError: always" in told
    assert "row 5: left out." in told and "fix: harness prepare birds --data DIR" in told
    assert "4 of 5" in told and "results: docs/results.md" in done.out
    page = lines(insects)
    assert [page[number][4] for number in "12345"] == [row.published for row in OURS]
    assert "not yet run: its data is not included; `harness new moths" in page["1"][5]
    assert page["2"][5] == "not yet run: `harness train insects broken`"
    for number, name in (("3", "fine"), ("4", "blend")):
        (run,) = insects.runs("insects").glob(f"{name}/*/metrics.json")
        score = json.loads(run.read_text())["splits"]["out_of_fold"]
        assert page[number][5].startswith(f"{100 * score['score']:.2f} % ({100 * score['low']:.2f} to")
        assert run.parent.name[:8] in page[number][-1]
    assert page["3"][3] == "`fine`" and page["4"][3] == "`blend`"
    assert ", each " in page["4"][5] and ", each " not in page["3"][5]


def test_rows_without_data_are_no_failure_unless_asked_for(insects: Workspace, rows, harness):
    assert harness("reproduce", "--only", "3", "4").code == 0
    assert harness("reproduce", "--only", "5").code == 2
    with pytest.raises(SystemExit) as wrong:
        harness("reproduce", "--only", "77")
    assert wrong.value.code == 2


def test_the_same_records_give_the_same_page(insects: Workspace, rows, harness):
    harness("reproduce", "--only", "4")
    page = insects.root / "docs" / "results.md"
    first = page.read_bytes()
    before = stamps(insects.runs("insects"))
    page.unlink()
    assert harness("results").code == 0
    assert page.read_bytes() == first
    assert "up to date" in harness("reproduce", "--only", "4").err
    assert page.read_bytes() == first and stamps(insects.runs("insects")) == before


def test_a_smoke_run_leaves_the_page_as_it_is(insects: Workspace, rows, harness):
    done = harness("reproduce", "--smoke", "--only", "3")
    assert done.code == 0 and "smoke: runs" in done.out
    assert not (insects.root / "docs").exists()
    harness("results")
    assert "not yet run" in lines(insects)["3"][5]


def test_stopping_keeps_the_page_of_the_rows_before(insects: Workspace, rows, harness, monkeypatch):
    really = runner._run

    def stopped(workspace, row, smoke):
        if row.number == 4:
            raise KeyboardInterrupt
        return really(workspace, row, smoke)

    monkeypatch.setattr(runner, "_run", stopped)
    assert harness("reproduce", "--only", "3", "4", "5").code == 130
    assert "%" in lines(insects)["3"][5] and "not yet run" in lines(insects)["4"][5]


def test_a_competition_that_does_not_load_spoils_no_page(insects: Workspace, rows, harness):
    harness("reproduce", "--only", "3")
    (insects.competition("birds") / "recipes.py").write_text("1 / 0\n")
    done = harness("results")
    assert done.code == 0 and "birds is left off the page" in done.err and "ZeroDivisionError" in done.err
    assert "no such recipe" in lines(insects)["5"][5] and "%" in lines(insects)["3"][5]


def test_every_row_is_a_recipe_whose_docstring_tells_the_published_figures():
    workspace = Workspace(CHECKOUT)
    assert [row.number for row in ROWS] == list(range(1, 14))
    for row in ROWS:
        if row.competition not in loading.names(workspace):
            continue
        competition = loading.load(workspace, row.competition)
        recipes, _ = loading.recipes(competition)
        text = (competition.folder / "recipes.py").read_text()
        told = dict(re.findall(r'^def (\w+)\(\):\n    """(.*?)"""', text, re.DOTALL | re.MULTILINE))
        assert row.command in told[row.recipe]
        figures = " ".join(told[base(name)] for name in (row.recipe, *recipes[row.recipe].members))
        assert set(FIGURE.findall(row.published)) <= set(FIGURE.findall(figures)), row
