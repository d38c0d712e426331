"""The page of a run, opened in a real browser: offline, light and dark, on a desk and on a phone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.api import LoadedCompetition
from harness.models.adversarial import Likeness
from harness.models.backbones import probe
from harness.recipes import Blend, FeatureRegression
from harness.report import advice, figures
from harness.report.competition_page import with_pages
from harness.scoring import examination
from harness.scoring.metrics import Interval
from harness.utils.console import console
from harness.utils.workspace import Workspace
from tests.conftest import edit

CHROMIUM = Path("/usr/bin/chromium")
MOST_BYTES = 5_000_000

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"there is no {CHROMIUM}: apt-get install chromium")


@pytest.fixture
def page_of(insects: Workspace) -> Callable[[str], Path]:
    """Train a recipe and write its page."""
    board = "rank,score,kind,source\n1,0.99,pretrained,x\n10,0.5,pretrained,x\n90,0.1,pretrained,x\n100,,teams,x\n"
    (insects.competition("insects") / "leaderboard.csv").write_text(board)
    competition = LoadedCompetition(insects, "insects")

    def write(recipe: str) -> Path:
        competition.train(recipe)
        return competition.report(recipe)

    return write


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield running
        running.close()


@needs_chromium
@pytest.mark.parametrize(
    ("recipe", "looks"), [("coarse", [("dark", 390)]), ("blend", [("light", 390), ("dark", 1280)])]
)
def test_a_page_asks_for_nothing_runs_nothing_and_can_be_read_by_everybody(page_of, browser, recipe: str, looks):
    look(page_of(recipe), browser, looks)


@needs_chromium
def test_so_does_the_page_of_all_runs(page_of, browser, insects: Workspace):
    page_of("blend")
    competition = LoadedCompetition(insects, "insects")
    competition.train("coarse", c=0.5)
    file = competition.report()
    look(file, browser, [("light", 390), ("dark", 1280)])
    assert file.read_bytes() == competition.report().read_bytes()
    text = file.read_text()
    (linked,) = re.findall('<a href="([^"]*)"', text)[:1]
    assert (file.parent / linked).is_file() and "harness report insects coarse/" in text
    assert "c: 0.01 → 0.5" in text and "4 finished runs" in text


def look(file: Path, browser, looks: list[tuple[str, int]]) -> None:
    """Open a page in light or dark and in some width, and see that nothing is wrong with it."""
    from axe_playwright_python.sync_playwright import Axe

    for scheme, width in looks:
        context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
        page, asked, faults = context.new_page(), [], []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, faults=faults: faults.append(message.text))
        page.goto(file.as_uri())
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == [] and faults == []
        assert page.locator("script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing sticks out"
        broken = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
        assert page.evaluate(broken) == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
        assert len(ids) == len(set(ids))
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        context.close()


def test_the_same_run_gives_the_same_bytes_and_not_too_many(page_of):
    file = page_of("blend")
    first = file.read_bytes()
    file.unlink()
    assert page_of("blend").read_bytes() == first
    assert len(first) < MOST_BYTES
    assert b"http://" not in first.replace(b"http://www.w3.org/", b"") and b"https://" not in first


def test_what_the_page_says_is_what_the_run_left(page_of, insects: Workspace):
    competition = LoadedCompetition(insects, "insects")
    run = competition.train("blend")
    text = page_of("blend").read_text()
    for split in ("out_of_fold", "holdout"):
        score = run.scores.loc[split]
        assert f"{score['score']:.4f} ({score['low']:.4f} to {score['high']:.4f})" in text
    assert "Rank on the known leaderboard: not known from" in text and "of 100" in text and 'id="standing-' in text
    for heading in ("Members", "What is confused", "The worst mistakes", "Likely label errors", "How it was made"):
        assert f"<h2>{heading}</h2>" in text
    assert run.key in text and "coarse" in text and "fine" in text
    assert "top-1" in text and "top-5" not in text  # of three classes


@pytest.mark.parametrize("name", ["$5_$10", "a$_$b", "US$ or CA$", "猫", r"\frac"])
def test_any_name_of_a_class_can_be_drawn(name: str, recwarn):
    labels, probabilities = np.array([0, 1, 0, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    assert figures.thresholds(examination.thresholds(labels == 1, probabilities), name).startswith("<svg")
    assert not recwarn.list


def test_the_page_of_a_snapshot_is_linked_by_its_address(tmp_path: Path):
    page = tmp_path / "net#2" / "key" / "report.html"
    page.parent.mkdir(parents=True)
    page.touch()
    rows = [{"run": "key", "recipe": "net#2"}, {"run": "other", "recipe": "net"}]
    assert [row["page"] for row in with_pages(rows, tmp_path)] == ["net%232/key/report.html", ""]


def test_early_layers_are_advised_of_networks_that_have_them(capsys):
    recipes = {
        "lite0": FeatureRegression(backbone="efficientnet-lite0"),
        "vgg16": FeatureRegression(backbone="vgg16"),
        "lites": Blend(of=("lite0", "lite0")),
        "mixed": Blend(of=("lite0", "vgg16")),
    }
    unlike = probe.Similarity(images=500, classes=5, middle=0.5, last=0.9, sure=1.0, confidence=0.1, seconds=1.0)
    advice.show("pets", 100.0, unlike, recipes, console())
    told = capsys.readouterr().out
    assert "harness train pets lite0 --set layers=block5c_add" in told and "train pets lites --set" in told
    assert "vgg16 --set" not in told and "mixed --set" not in told


def test_what_all_folds_share_is_one_line_of_a_figure():
    fold = {
        "number": 1,
        "kept": 2,
        "history": {"learning_rate": [0.1, 0.01], "loss": [2.0, 0.01], "val_loss": [3.0, 0.02]},
    }
    other = fold | {"number": 2}
    assert figures.curves([fold, other], "learning_rate") == figures.curves([fold], "learning_rate")
    assert figures.curves([fold, other], "loss") != figures.curves([fold], "loss")


def test_the_page_says_how_like_the_test_is(page_of, insects: Workspace, monkeypatch: pytest.MonkeyPatch):
    page_of("coarse")
    competition = LoadedCompetition(insects, "insects")
    assert competition.likeness() is None  # no features are kept
    dataset = competition.pipeline.artifacts.dataset
    is_other = dataset.splits == "holdout"
    odds = np.where(is_other, 3.0, 0.5)
    unlike = Likeness("holdout", dataset.ids, is_other, odds, Interval(0.81, 0.7, 0.9), "some features")
    monkeypatch.setattr(LoadedCompetition, "likeness", lambda self: unlike)
    text = competition.report("coarse").read_text()
    assert "Very unlike: by some features" in text and "AUC of 0.810 (0.700 to 0.900)" in text and "Warning" in text
    assert "On the hold-out itself: " in text and "not known: the two hardly overlap" in text  # of 27 images
    of_all = competition.report().read_text()
    assert "Are the hold-out images like the labelled ones?" in of_all and "AUC of 0.810" in of_all
    for page in (text, of_all):
        assert all(f'alt="{name}"' in page for name in np.array(dataset.ids)[is_other])
    monkeypatch.setattr(
        LoadedCompetition, "likeness", lambda self: dataclasses.replace(unlike, auc=Interval(0.5, 0.4, 0.6))
    )
    text = competition.report("coarse").read_text()
    assert "Alike: by some features" in text and "Warning" not in text and "least like" not in text


def test_a_page_is_written_by_its_command_and_names_are_escaped(page_of, insects: Workspace, harness):
    page_of("coarse")
    declaration = insects.competition("insects") / "competition.py"
    edit(declaration, 'title="Insects"', 'title="<b>Insects</b>"')
    told = harness("report", "insects", "coarse")
    file = insects.root / told.out.strip().removeprefix("page: ")
    assert told.code == 0 and file.is_file()
    assert "&lt;b&gt;Insects" in file.read_text() and "<b>Insects" not in file.read_text()
    unknown = harness("report", "insects", "coarze")
    assert unknown.code == 2 and "Did you mean coarse" in unknown.err


def test_a_run_of_images_that_are_not_there_any_more_says_so(page_of, insects: Workspace, harness, tmp_path: Path):
    page_of("coarse")
    next((tmp_path / "photos" / "ants").iterdir()).unlink()
    told = harness("report", "insects", "coarse")
    assert told.code == 2 and "was made of other images or classes than there are now" in told.err
