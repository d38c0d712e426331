"""A search on the page of its best trial's run, as everybody can read it."""

from __future__ import annotations

import pytest

from harness.api import LoadedCompetition
from harness.utils.workspace import Workspace
from tests.report.test_page import browser, look, needs_chromium
from tests.tuning.test_search import searched

__all__ = ["browser"]  # a fixture


@pytest.mark.slow
@needs_chromium
def test_the_page_of_a_run_has_the_search_that_it_belongs_to(guesses: Workspace, harness, browser):
    space = "skill=0.4..0.6,luck=[0.1,0.2,0.3],broken=[False,True]"
    assert harness("tune", "insects", "guess", "--space", space, "--trials", "20").code == 0
    competition, found = LoadedCompetition(guesses, "insects"), searched(guesses)
    best = found["trials"][found["best"] - 1]
    file = competition.report(f"guess/{best['run']}")
    look(file, browser, [("light", 390), ("dark", 1280)])
    text = file.read_text()
    assert "<h2>The search</h2>" in text and f"This run is its trial {found['best']}." in text
    assert "which the search saw: flattering" in text and "which it did not see: honest" in text
    for words in ("best so far", "explains", "The score by skill", "The score by luck", "The score by broken"):
        assert f"{words}" in text
    assert text.count("broken as asked") == len([one for one in found["trials"] if one["state"] == "failed"]) > 0
    assert file.read_bytes() == competition.report(f"guess/{best['run']}").read_bytes()
    competition.train("pixels")
    assert "<h2>The search</h2>" not in competition.report("pixels").read_text()


def test_a_search_by_an_own_metric_that_was_changed_since_has_no_figures():
    from harness.report import search_figures

    assert search_figures.drawn({"metric": "pets.cost-0123", "trials": [{"state": "complete", "value": 1.0}]}) == {}
