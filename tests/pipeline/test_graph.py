"""From photographs to a scored CSV: what is made, what is skipped, and what a change makes again."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from harness.pipeline.graph import MISSING, STALE, UP_TO_DATE, Pipeline
from harness.pipeline.prepared import Options
from harness.plugins import loading
from harness.plugins.loading import Broken
from harness.plugins.scaffold import create
from harness.recipes import LogisticRegression
from harness.scoring import predictions as tables
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, RECIPES, edit, pipeline, stamps


def submit(workspace: Workspace, *assignments: str, **changes) -> Path:
    made = pipeline(workspace, *assignments, **changes)
    made.perform(made.artifacts.choose([]), submit=made.artifacts.default)
    return made.artifacts.submission_files(made.artifacts.default)["holdout"]


def states(workspace: Workspace, *assignments: str) -> dict[str, str]:
    made = pipeline(workspace, *assignments)
    return {step.name: step.state() for step in made.steps(made.artifacts.choose([]), made.artifacts.default)}


def test_a_submission_is_made_scored_and_beats_chance(insects: Workspace):
    file = submit(insects)
    lines = file.read_text().splitlines()
    assert lines[0] == "id,label" and len(lines) == 1 + 7
    metrics = pipeline(insects).artifacts.run_of("blend").metrics()
    assert metrics["out_of_fold"]["rows"] == 29 and metrics["holdout"]["rows"] == 7
    assert metrics["out_of_fold"]["score"] > 0.45
    assert metrics["holdout"]["low"] <= metrics["holdout"]["score"] <= metrics["holdout"]["high"]
    folder = pipeline(insects).artifacts.run_of("coarse").folder
    for name in ("run.json", "predictions.h5", "report-holdout.txt", "confusion-out_of_fold.csv"):
        assert (folder / name).is_file()


def test_a_second_run_touches_nothing(insects: Workspace):
    submit(insects)
    before = stamps(insects.root)
    again = pipeline(insects)
    again.perform(again.artifacts.choose([]), submit="blend")
    assert again.took == {}
    assert stamps(insects.root) == before
    assert set(states(insects).values()) == {UP_TO_DATE}


def test_a_changed_setting_makes_again_only_what_depends_on_it(insects: Workspace):
    submit(insects)
    change = "fine.c=0.5"
    assert states(insects, change) == {
        "data": UP_TO_DATE,
        "folds": UP_TO_DATE,
        "images 6x6": UP_TO_DATE,
        "images 12x12": UP_TO_DATE,
        "coarse": UP_TO_DATE,
        "fine": STALE,
        "blend": STALE,
        "submission": MISSING,
    }
    changed = pipeline(insects, change)
    changed.perform(changed.artifacts.choose([]), submit="blend")
    assert set(changed.took) == {"fine", "blend", "submission"}
    assert set(states(insects, change).values()) == set(states(insects).values()) == {UP_TO_DATE}


def test_a_changed_size_makes_its_cache_and_no_other(insects: Workspace):
    submit(insects)
    changed = pipeline(insects, "fine.size=10,10")
    changed.perform(changed.artifacts.choose([]), submit="blend")
    assert set(changed.took) == {"images 10x10", "fine", "blend", "submission"}


def test_touching_a_photograph_makes_nothing_again_and_changing_it_does(insects: Workspace, tmp_path: Path, save):
    submit(insects)
    photograph = tmp_path / "photos" / "ants" / "3.png"
    photograph.write_bytes(photograph.read_bytes())
    touched = pipeline(insects)
    touched.perform(touched.artifacts.choose([]), submit="blend")
    assert touched.took == {}
    save(photograph, np.zeros((24, 24, 3), np.uint8))
    changed = pipeline(insects)
    changed.perform(changed.artifacts.choose([]), submit="blend")
    assert {"images 6x6", "images 12x12", "coarse", "fine", "blend"} < set(changed.took)


def test_a_lost_csv_is_written_again_and_an_altered_one_too(insects: Workspace):
    file = submit(insects)
    content = file.read_bytes()
    file.unlink()
    lost = pipeline(insects)
    lost.perform(lost.artifacts.choose([]), submit="blend")
    assert set(lost.took) == {"submission"} and file.read_bytes() == content
    file.write_bytes(content.replace(b"ants", b"bees"))
    assert submit(insects).read_bytes() == content


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"not HDF5")])
def test_damaged_predictions_are_told_or_made_again_and_never_used(insects: Workspace, damage):
    file = submit(insects)
    content = file.read_bytes()
    damage(pipeline(insects).artifacts.run_of("coarse").folder / "predictions.h5")
    assert submit(insects).read_bytes() == content
    damage(pipeline(insects).artifacts.run_of("blend").folder / "predictions.h5")
    assert submit(insects).read_bytes() == content


def test_an_interrupted_run_goes_on_with_the_next_fold(insects: Workspace, monkeypatch: pytest.MonkeyPatch):
    undisturbed = submit(insects).read_bytes()
    shutil.rmtree(insects.runs("insects"))
    fitted, whole_fit = [], LogisticRegression.fit

    def fit(recipe, fold):
        fitted.append(fold.title)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return whole_fit(recipe, fold)

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        submit(insects)
    assert submit(insects).read_bytes() == undisturbed
    assert fitted == [
        "coarse, fold 1 of 2",
        "coarse, fold 2 of 2",
        "coarse, fold 2 of 2",
        "fine, fold 1 of 2",
        "fine, fold 2 of 2",
    ]


def test_two_workspaces_give_the_same_csv(insects: Workspace, tmp_path: Path):
    other = Workspace(tmp_path / "other")
    other.competitions.mkdir(parents=True)
    create(other, "insects", tmp_path / "photos")
    shutil.rmtree(other.competition("insects"))
    shutil.copytree(insects.competition("insects"), other.competition("insects"))
    one, two = submit(insects), submit(other)
    assert one.name == two.name and one.read_bytes() == two.read_bytes()


def test_images_without_labels_get_a_csv_of_their_own(insects: Workspace, tmp_path: Path, save):
    for number in range(4):
        save(tmp_path / "photos" / "test" / f"{number}.png", np.full((24, 24, 3), number * 60, np.uint8))
    submit(insects)
    files = pipeline(insects).artifacts.submission_files("blend")
    assert set(files) == {"test", "holdout"}
    assert [line.split(",")[0] for line in files["test"].read_text().splitlines()] == [
        "id",
        *(f"test/{number}.png" for number in range(4)),
    ]


def test_the_out_of_fold_rows_of_a_fold_come_from_a_model_that_has_not_seen_them(insects: Workspace):
    submit(insects)
    made = pipeline(insects)
    run = made.artifacts.run_of("coarse")
    whole = run.predictions()["out_of_fold"]
    seen: list[str] = []
    for number, (_, validation) in enumerate(made.artifacts.folds, 1):
        part = tables.read(run.folder / f"fold-{number}" / "predictions.h5", run.key)["out_of_fold 0"]
        assert set(part.ids) == {made.artifacts.folds.ids[row] for row in validation}
        assert np.array_equal(whole.of(part.ids), part.probabilities)
        seen += part.ids
    assert sorted(seen) == sorted(whole.ids) == sorted(made.artifacts.folds.ids)


def test_folds_that_somebody_shared_are_used(insects: Workspace, tmp_path: Path):
    submit(insects)
    made = pipeline(insects)
    shared = tmp_path / "theirs.csv"
    shared.write_text("id,fold\n" + "".join(f"{name},{row % 3}\n" for row, name in enumerate(made.artifacts.folds.ids)))
    theirs = pipeline(insects, folds=shared)
    theirs.perform(theirs.artifacts.choose([]), submit="blend")
    assert {"folds", "coarse", "fine", "blend"} <= set(theirs.took)
    assert len(theirs.artifacts.folds) == 3 and len(pipeline(insects).artifacts.folds) == 2


@pytest.mark.parametrize(
    ("assignments", "told"),
    [
        (["folds=9"], r"coarse has folds=9, more than the 2 of folds= in .*competition\.py"),
        (["coarse.folds=4", "fine.folds=4"], r"coarse has folds=4, more than the 3 of --folds .*theirs\.csv"),
    ],
)
def test_more_folds_than_there_are_are_refused_before_caches_are_built(
    insects: Workspace, tmp_path: Path, assignments: list[str], told: str
):
    made = pipeline(insects)
    made.perform(made.artifacts.choose([]), only=("folds",))
    shared = tmp_path / "theirs.csv"
    shared.write_text("id,fold\n" + "".join(f"{name},{row % 3}\n" for row, name in enumerate(made.artifacts.folds.ids)))
    asked = pipeline(insects, *assignments, folds=shared if "theirs" in told else None)
    with pytest.raises(UserError, match=told) as refused:
        asked.perform(asked.artifacts.choose([]))
    assert "or None for all" in str(refused.value.fix)
    assert not list(insects.cache("insects").glob("*.h5"))


def test_as_many_folds_as_there_are_are_all_of_them(insects: Workspace):
    asked = pipeline(insects, "folds=2")
    asked.perform(asked.artifacts.choose(["coarse"]))
    assert asked.artifacts.run_of("coarse").is_done()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("KFold(2)", "KFold(1)", r"competition\.py: folds=KFold\(k=1\): KFold needs k >= 2"),
        ("KFold(2)", "KFold(500)", r"competition\.py: folds=KFold\(k=500\): 500 folds need 500 different"),
        ("KFold(2)", "KFold(validation=500)", r"folds=KFold\(validation=500\): a part of 500 of 29 rows leaves"),
        (
            "HoldOut(0.2)",
            "HoldOut(500)",
            r"competition\.py: holdout=HoldOut\(part=500\): a part of 500 of 36 rows leaves",
        ),
    ],
)
def test_a_split_that_cannot_be_made_is_told_with_its_setting_and_file(
    insects: Workspace, old: str, new: str, told: str
):
    path = insects.competition("insects") / "competition.py"
    path.write_text(path.read_text().replace(old, new))
    asked = pipeline(insects)
    with pytest.raises(UserError, match=told):
        asked.perform(asked.artifacts.choose(["coarse"]))


def test_a_smoke_run_is_kept_apart_from_the_real_one(insects: Workspace):
    real = submit(insects)
    smoke = submit(insects, smoke=True)
    assert "-smoke-" in smoke.name and smoke != real
    assert set(states(insects).values()) == {UP_TO_DATE}


def test_a_competition_with_a_mistake_in_it_is_named_with_its_line_and_the_others_work(insects: Workspace):
    for name, text in (("typo", "x = 1\nboom = undefined_name\n"), ("syntax", "def (:\n"), ("empty", "")):
        folder = insects.competition(name)
        folder.mkdir()
        (folder / "competition.py").write_text(text)
    found = {one.name: one for one in loading.load_all(insects)}
    assert not isinstance(found["insects"], Broken)
    assert "line 2: NameError" in found["typo"].reason
    assert "line 1: SyntaxError" in found["syntax"].reason
    assert "must assign a Competition" in found["empty"].reason


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("default = blend", "default = blnd", "NameError"),
        ("default = blend", "", "must end in `default"),
        ('("coarse", "fine")', '("coarse", "fin")', "names a member 'fin'"),
        ("iterations=20", "iteration=20", "iteration"),
    ],
)
def test_a_mistake_in_recipes_is_told_with_the_file(insects: Workspace, old: str, new: str, told: str):
    file = insects.competition("insects") / "recipes.py"
    file.write_text(RECIPES.replace(old, new))
    with pytest.raises(UserError, match=r"recipes\.py") as refused:
        pipeline(insects)
    assert told in refused.value.what


def test_another_metric_scores_again_and_trains_nothing(insects: Workspace):
    submit(insects)
    file = insects.competition("insects") / "competition.py"
    edit(file, 'metric="accuracy"', 'metric="error"')
    changed = pipeline(insects)
    fitted = stamps(changed.artifacts.run_of("fine").folder)
    changed.perform(changed.artifacts.choose([]), submit="blend")
    # A blend's weights and report are of one metric: it is made anew, of predictions that are kept.
    assert set(changed.took) == {"coarse", "fine", "blend", "submission"}
    run = changed.artifacts.run_of("fine")
    assert run.metrics()["holdout"]["metric"] == "error"
    now = stamps(run.folder)
    for kept in ("predictions.h5", "run.json", "fold-1/predictions.h5", "fold-2/fold.json"):
        assert now[kept] == fitted[kept]


def test_files_for_a_competition_that_reads_none_are_refused(workspace: Workspace, tmp_path: Path):
    shutil.copytree(CHECKOUT / "competitions" / "digits", workspace.competition("digits"))
    competition = loading.load(workspace, "digits")
    with pytest.raises(UserError, match=r"digits reads no files\. They come inside scikit-learn"):
        _ = Pipeline(workspace, competition, Options(data=tmp_path)).artifacts.source
    assert Pipeline(workspace, competition, Options()).artifacts.source
