"""A board's own metric decides: the scores of its runs, what its ensembles optimise, and what its CSV must hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.plugins.scaffold import create
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES

PROBABILITY = 'value="probability", positive="bees", decimals=15'
OWN = '''from harness.scoring.metrics import own_metric


def hits(labels, probabilities):
    """Right ones in a hundred."""
    return 100 * (probabilities.argmax(axis=1) == labels).mean()


competition = Competition('''


def board(workspace: Workspace, folder: Path, metric: str, value: str = PROBABILITY) -> Workspace:
    create(workspace, "board", folder)
    (workspace.competition("board") / "recipes.py").write_text(RECIPES)
    declare(workspace, ('metric="accuracy"', f"metric={metric}"), ('value="class"', value), ("KFold(5)", "KFold(2)"))
    return workspace


def declare(workspace: Workspace, *changes: tuple[str, str]) -> None:
    file = workspace.competition("board") / "competition.py"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def pipeline(workspace: Workspace) -> Pipeline:
    return Pipeline(workspace, loading.load(workspace, "board"))


def test_a_board_of_auc_scores_its_csv_as_the_organiser_would(workspace: Workspace, class_folders):
    made = pipeline(board(workspace, class_folders(("ants", "bees"), each=16), '"auc"'))
    made.perform(made.artifacts.choose(["coarse"]), submit="coarse")
    scores = made.artifacts.run_of("coarse").metrics()
    assert {part["metric"] for part in scores.values()} == {"auc"}
    assert all(part["low"] <= part["score"] <= part["high"] for part in scores.values())
    with made.artifacts.submission_files("coarse")["holdout"].open() as file:
        rows = list(csv.DictReader(file))
    truth = ["bees" in row["id"] for row in rows]
    wanted = roc_auc_score(truth, [float(row["label"]) for row in rows])
    assert scores["holdout"]["score"] == pytest.approx(wanted, abs=1e-9)


def test_three_classes_have_no_auc_which_is_said_before_anything_is_trained(workspace: Workspace, class_folders):
    made = pipeline(board(workspace, class_folders(), '"auc"'))
    with pytest.raises(UserError, match="AUC needs 2 classes, and the data has 3"):
        _ = made.artifacts.dataset


def test_a_csv_of_the_class_that_is_not_judged_is_refused(workspace: Workspace, class_folders):
    value = 'value="probability", positive="ants"'
    board(workspace, class_folders(("ants", "bees")), '"probabilistic_f1"', value)
    with pytest.raises(UserError, match=r"judges the probabilities of 'bees', and the CSV holds those of 'ants'"):
        _ = pipeline(workspace).artifacts.dataset
    declare(workspace, ('positive="ants"', 'positive="bees"'))
    assert pipeline(workspace).artifacts.dataset.classes == ("ants", "bees")


@pytest.mark.parametrize(("metric", "title"), [('"auc"', "AUC"), ('"log_loss"', "log loss")])
def test_a_csv_of_classes_is_refused_where_more_is_judged(workspace: Workspace, class_folders, metric, title):
    board(workspace, class_folders(), metric, value='value="class"')
    with pytest.raises(UserError, match=f"{title} judges more than classes"):
        loading.load(workspace, "board")


def test_a_function_in_the_declaration_is_the_metric_and_its_code_is_in_the_keys(workspace: Workspace, class_folders):
    own = 'own_metric(hits, title="hits in a hundred", higher_is_better=True, judges="classes")'
    board(workspace, class_folders(each=8), own)
    declare(workspace, ("competition = Competition(", OWN))
    made = pipeline(workspace)
    made.perform(made.artifacts.choose(["coarse"]))
    key = made.artifacts.run_of("coarse").key
    found = made.artifacts.run_of("coarse").metrics()["out_of_fold"]
    assert found["metric"].startswith("board.hits-") and found["score"] == pytest.approx(100 * found["top1"])
    declare(workspace, ("100 *", "50 *"))
    again = pipeline(workspace)
    again.perform(again.artifacts.choose(["coarse"]))
    assert again.artifacts.run_of("coarse").key == key  # nothing is trained again
    assert again.artifacts.run_of("coarse").metrics()["out_of_fold"]["score"] == pytest.approx(found["score"] / 2)
