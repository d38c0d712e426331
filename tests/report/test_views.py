"""The ledger of a run: which sets of views pay their way, out of what its folds kept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness.data.views import views as named
from harness.ensembles.combine import equal
from harness.ensembles.ledger import Kept
from harness.metrics import METRICS
from harness.report import views
from tests.ensembles.cases import probabilities

LOG_LOSS = METRICS["log_loss"]
LABELS = np.random.default_rng(0).integers(0, 3, 900)
FOLDS = np.split(np.random.default_rng(1).permutation(900), [400])


def keep(folder: Path, name: str, average: str = "probabilities", variants: int = 1) -> list[Kept]:
    """Two folds; each view is as good as any, with noise of its own."""
    random, found = np.random.default_rng(2), []
    names = tuple(view.name for view in named(name, mirror=True))
    for number, rows in enumerate(FOLDS, 1):
        of_views = [[probabilities(random, LABELS[rows], 3, 1.5) for _ in names] for _ in range(variants)]
        (folder / f"fold-{number}").mkdir(parents=True)
        found.append(Kept(name, names, average, rows, np.array(of_views, np.float32)))
        found[-1].write(folder / f"fold-{number}")
    return found


def told(folder: Path) -> dict:
    views.write(folder, LABELS, "log_loss")
    return json.loads((folder / "views.json").read_text())


def test_what_is_kept_is_read_back(tmp_path):
    for number, kept in enumerate(keep(tmp_path, "ten_crop+scales", "logits", variants=2), 1):
        found = Kept.read(tmp_path / f"fold-{number}" / "views.npz")
        assert (found.name, found.views, found.average) == (kept.name, kept.views, kept.average)
        assert np.array_equal(found.rows, kept.rows) and np.array_equal(found.probabilities, kept.probabilities)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_each_view_and_each_set_within_is_told_against_plain_on_the_same_rows(tmp_path, average):
    kept = keep(tmp_path, "mirror+scales", average)
    found = told(tmp_path)
    assert (found["rows"], found["average"], found["metric"]) == (900, average, "log_loss")
    entries = {entry["name"]: entry for entry in found["entries"]}
    sets = ["mirror", "scales", "mirror+scales"]
    assert [*entries] == [*kept[0].views, *sets]
    assert [entries[name]["cost"] for name in sets] == [2, 3, 4]
    all_views = np.concatenate([fold.probabilities[0] for fold in kept], axis=1)
    labels = LABELS[np.concatenate(FOLDS)]
    score = LOG_LOSS.score(labels, equal(all_views, average))
    assert entries["mirror+scales"]["score"] == pytest.approx(score)
    plain = LOG_LOSS.score(labels, all_views[0])
    assert entries["centre"]["score"] == pytest.approx(plain) and entries["centre"]["gain"] == 0
    assert entries["mirror+scales"]["gain"] == pytest.approx(plain - score, abs=1e-5)
    assert found["recommended"] in sets


def test_of_several_variants_the_one_taken_is_told(tmp_path):
    kept = keep(tmp_path, "mirror", variants=2)
    (tmp_path / "run.json").write_text(json.dumps({"variants": [{"c": 1, "log_loss": 0.9}, {"c": 2, "log_loss": 0.1}]}))
    plain = np.concatenate([fold.probabilities[1, 0] for fold in kept])
    assert told(tmp_path)["entries"][0]["score"] == pytest.approx(
        LOG_LOSS.score(LABELS[np.concatenate(FOLDS)], plain), abs=1e-6
    )


def test_only_what_can_be_asked_for_is_recommended(tmp_path):
    """A single mirrored view that beats the centre is luck, or cannot be had by itself."""
    keep(tmp_path, "mirror")
    random = np.random.default_rng(3)
    for number, rows in enumerate(FOLDS, 1):
        good, bad = (probabilities(random, LABELS[rows], 3, skill) for skill in (4.0, 0.5))
        of_views = np.array([[bad, good]], np.float32)
        Kept("mirror", ("centre", "centre, mirrored"), "probabilities", rows, of_views).write(
            tmp_path / f"fold-{number}"
        )
    assert told(tmp_path)["recommended"] == "mirror"


def test_a_run_of_one_view_has_no_ledger(tmp_path):
    views.write(tmp_path, LABELS, "log_loss")
    assert not (tmp_path / "views.json").exists()
    out = io.StringIO()
    views.show("net", tmp_path, Console(file=out))
    assert out.getvalue() == ""


def test_the_table_has_plain_and_the_sets_their_cost_and_the_average(tmp_path):
    keep(tmp_path, "mirror+shifts", "logits")
    recommended = told(tmp_path)["recommended"]
    out = io.StringIO()
    views.show("net", tmp_path, Console(file=out, width=160))
    lines = out.getvalue().splitlines()
    assert lines[0] == "net: views on 900 out-of-fold rows, averages of logits"
    assert [line.split()[0] for line in lines[2:6]] == ["centre", "mirror", "shifts", "mirror+shifts"]
    assert lines[5].rstrip().endswith("6×") and "better" in lines[5]
    assert lines[-1] == f"the cheapest views that pay their way: {recommended}"
