"""Which run stands for a recipe on the page of results, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hypothesis.strategies as st
import pytest
from hypothesis import given

from harness.reproduce.page import Declared, counted, page
from harness.reproduce.published import Row
from harness.runs.records import Record, read, records
from harness.scoring.metrics import wilson
from harness.utils.files import write_json

NETWORK = {
    "kind": "Network",
    "seed": 42,
    "folds": None,
    "max_samples": None,
    "epochs": 40,
    "milestones": [],
    "learning_rate": 0.1,
}
BLEND = {"kind": "Blend", "seed": 42, "of": ["net", "net@2"]}
DECLARED = {"net": Declared(NETWORK, {"milestones": []}), "both": Declared(BLEND, {})}
ROW = Row(7, "bugs", "both", "two networks", "84 %")


def write(runs: Path, recipe: str, key: str, settings: dict[str, Any], top1: float = 0.75, **about: Any) -> Record:
    """A run's folder as the harness leaves it, as far as records go."""
    folder = runs / recipe / key
    (folder / "fold-1").mkdir(parents=True)
    scores = {"metric": "log_loss", "score": 0.5, "low": 0.4, "high": 0.6, "rows": 200, "top1": top1, "top5": 1.0}
    record = {
        "made_from": key,
        "settings": settings,
        "smoke": False,
        "parent": None,
        "training": [{"epochs": settings["epochs"]}] if "epochs" in settings else [],
        "sequence": 1 + len([*runs.glob("*/*/run.json")]),
        "finished": "2026-01-01T00:00:00+00:00",
        "seconds": 100.0,
        "machine": {"device": "Fast 3000", "cores": 2, "python": "3.11.7"},
        "backend": "tensorflow",
        "libraries": {"keras": "3.15.1"},
    }
    write_json(folder / "run.json", record | about)
    write_json(folder / "metrics.json", {"splits": {"out_of_fold": scores}})
    (folder / "confusion-out_of_fold.csv").write_text("true \\ predicted,a,b\na,1,0\nb,0,1\n")
    if "epochs" in settings:
        write_json(folder / "fold-1" / "fold.json", {"trained_on": 4000})
    found = read(folder)
    return found or Record(folder, record | about, {})


def chosen(runs: Path, name: str = "net") -> str | None:
    found = counted(records(runs), name, DECLARED, runs / "caches")
    return found.record.key if found else None


def text_of(runs: Path) -> str:
    return page([ROW], {"bugs": DECLARED}, lambda _: records(runs), lambda _: runs / "caches")


@pytest.mark.parametrize(
    "about",
    [
        {"smoke": True},
        {"made_from": "another"},
        {"parent": {"run": "x", "epoch": 3, "settings": NETWORK}},
    ],
)
def test_runs_of_smoke_those_of_others_and_those_going_on_do_not_count(tmp_path, about):
    write(tmp_path, "net", "a", NETWORK, **about)
    assert chosen(tmp_path) is None
    write(tmp_path, "net", "b", NETWORK)
    assert chosen(tmp_path) == "b"


def test_an_unfinished_run_does_not_count(tmp_path):
    (write(tmp_path, "net", "a", NETWORK).folder / "metrics.json").unlink()
    (write(tmp_path, "net", "b", NETWORK).folder / "run.json").unlink()
    assert chosen(tmp_path) is None


CHANGES = [{}, {"folds": 1}, {"max_samples": 20000, "epochs": 8}, {"learning_rate": 1.0}]


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.dates()), max_size=6), st.permutations(range(1, 7)))
def test_the_newest_whole_run_counts_else_the_newest_of_those_cut_short(tmp_path_factory, runs, order):
    """The newest is the one that finished last by its number, whatever a clock said."""
    folder = tmp_path_factory.mktemp("runs")
    numbered = [(changes, number) for (changes, _), number in zip(runs, order, strict=False)]
    for (changes, day), number in zip(runs, order, strict=False):
        write(folder, "net", str(number), NETWORK | changes, finished=f"{day}T00:00:00+00:00", sequence=number)
    found = counted(records(folder), "net", DECLARED, folder / "caches")
    fitting = [(not changes, number) for changes, number in numbered if "learning_rate" not in changes]
    if not fitting:
        assert found is None
    else:
        number = int(found.record.key)
        (changes,) = (changes for changes, other in numbered if other == number)
        assert (not changes, number) == max(fitting) and found.changed == changes


def test_a_setting_that_is_younger_than_the_run_had_its_usual_value(tmp_path):
    before = {name: value for name, value in NETWORK.items() if name != "milestones"}
    write(tmp_path, "net", "a", before)
    assert chosen(tmp_path) == "a"
    declared = {"net": Declared(NETWORK | {"milestones": [[1, 0.1]]}, {"milestones": []})}
    assert counted(records(tmp_path), "net", declared, tmp_path / "caches") is None


def test_what_differs_and_what_it_ran_on_is_told(tmp_path):
    write(tmp_path, "net", "0123456789", NETWORK | {"max_samples": 2000, "epochs": 8})
    text = text_of(tmp_path)
    interval = wilson(150, 200)
    (line,) = (line for line in text.splitlines() if line.startswith("| bugs"))
    assert "`net`, epochs=8, max_samples=2000" in line and "| 2,000 (1 fold) |" in line
    top1 = f"75.00 % ({100 * interval.low:.2f} to {100 * interval.high:.2f})"
    assert f"| {top1}; log loss 0.5000 (0.4000 to 0.6000) |" in line
    assert "Fast 3000" in line and "1 min 40 s" in line
    assert "`01234567`, 2026-01-01" in line
    assert "1. tensorflow backend: python 3.11.7, keras 3.15.1" in text
    assert "not yet run: `harness train bugs both`" in text


@pytest.mark.parametrize(
    ("metric", "also", "told"),
    [("accuracy", {"top1": 0.75, "top5": 1.0}, "75.00 %"), ("rmse", {}, "RMSE 0.5000 (0.4000 to 0.6000)")],
)
def test_what_says_as_much_as_top_1_accuracy_is_left_out_and_a_number_has_no_such_thing(tmp_path, metric, also, told):
    record = write(tmp_path, "net", "a", NETWORK)
    scores = {"metric": metric, "score": 0.5, "low": 0.4, "high": 0.6, "rows": 200} | also
    write_json(record.folder / "metrics.json", {"splits": {"out_of_fold": scores}})
    if not also:
        (record.folder / "confusion-out_of_fold.csv").unlink()
    (line,) = (line for line in text_of(tmp_path).splitlines() if line.startswith("| bugs"))
    (cell,) = (cell for cell in line.split(" | ") if cell.startswith(told))
    assert ";" not in cell


def test_without_its_confusion_matrix_a_run_is_told_of_all_the_same(tmp_path):
    (write(tmp_path, "net", "a", NETWORK).folder / "confusion-out_of_fold.csv").unlink()
    assert "75.00 %" in columns(tmp_path, "net")["out of fold"] and columns(tmp_path, "net")["top-5"] == ""


def test_an_ensemble_tells_of_its_members(tmp_path):
    write(tmp_path, "net", "a", NETWORK | {"epochs": 8}, 0.7)
    write(tmp_path, "net@2", "b", NETWORK | {"seed": 1042, "epochs": 8}, 0.8)
    write(tmp_path, "both", "c", BLEND, 0.85, members={"net": "a", "net@2": "b"}, seconds=1.0)
    (line,) = (line for line in text_of(tmp_path).splitlines() if line.startswith("| 7 "))
    assert "`both`, epochs=8" in line and "each 70.00 to 80.00 %" in line
    assert "| 42, 1042 | 8 |" in line and "| 3 min 21 s |" in line


def test_an_ensemble_whose_members_are_another_experiment_does_not_count(tmp_path):
    write(tmp_path, "net", "a", NETWORK | {"learning_rate": 9.0})
    write(tmp_path, "net@2", "b", NETWORK | {"seed": 1042})
    write(tmp_path, "both", "c", BLEND, members={"net": "a", "net@2": "b"})
    assert chosen(tmp_path, "both") is None


@pytest.mark.parametrize("about", [{}, {"members": {"net": "gone"}}])
def test_an_ensemble_whose_members_are_not_known_does_not_count(tmp_path, about):
    write(tmp_path, "both", "c", BLEND, **about)
    assert chosen(tmp_path, "both") is None


def test_a_run_made_before_devices_were_recorded(tmp_path):
    write(tmp_path, "net", "a", NETWORK, machine={"cores": 2, "python": "3.11.7"})
    assert "| CPU, 2 cores |" in text_of(tmp_path)


def columns(runs: Path, recipe: str) -> dict[str, str]:
    """A recipe's cells on the page, by column."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text_of(runs).splitlines() if "|" in line]
    (row,) = (line for line in lines if any(cell.startswith(f"`{recipe}`") for cell in line))
    head = next(line for line in lines if "recipe" in line and len(line) == len(row))
    return dict(zip(head, row, strict=True))


def cache(runs: Path, name: str, **took: float) -> None:
    (runs / "caches").mkdir(exist_ok=True)
    with h5py.File(runs / "caches" / name, "w") as h5:
        h5.attrs.update(took)


def test_the_time_is_that_of_all_a_run_is_made_of(tmp_path):
    inputs = {"images-8x8.h5": "k"}
    write(tmp_path, "net", "a", NETWORK, inputs=inputs, seconds=100.0, cpu_seconds=190.0)
    assert columns(tmp_path, "net")["time"] == "over 1 min 40 s" and columns(tmp_path, "net")["Pareto"] == ""
    cache(tmp_path, "images-8x8.h5", seconds=20.0)
    found = columns(tmp_path, "net")
    assert (found["time"], found["CPU time"], found["Pareto"]) == ("2 min 00 s", "", "yes")
    cache(tmp_path, "images-8x8.h5", seconds=20.0, cpu_seconds=50.0)
    assert columns(tmp_path, "net")["CPU time"] == "4 min 00 s"
    # What two members share counts once.
    write(tmp_path, "net@2", "b", NETWORK | {"seed": 1042}, inputs=inputs, seconds=10.0, cpu_seconds=10.0)
    members = {"net": "a", "net@2": "b"}
    write(tmp_path, "both", "c", BLEND, members=members, seconds=1.0, cpu_seconds=1.0)
    assert (columns(tmp_path, "both")["time"], columns(tmp_path, "both")["CPU time"]) == ("2 min 11 s", "4 min 11 s")


@pytest.mark.parametrize(
    ("loss", "seconds", "device", "front"),
    [
        (0.4, 200.0, "Fast 3000", {"net", "both"}),  # better for its time
        (0.6, 201.0, "Fast 3000", {"net"}),  # worse, and later
        (0.6, 201.0, "Slow 1", {"net", "both"}),  # nothing else ran there
        (0.4, 50.0, "Fast 3000", {"both"}),
    ],
)
def test_the_front_is_of_those_that_none_beats_in_less_time_on_their_device(tmp_path, loss, seconds, device, front):
    declared = {"net": Declared(NETWORK, {}), "both": Declared(NETWORK, {})}
    write(tmp_path, "net", "a", NETWORK)
    machine = {"device": device, "cores": 2, "python": "3.11.7"}
    record = write(tmp_path, "both", "b", NETWORK, seconds=seconds, machine=machine)
    scores = {"metric": "log_loss", "score": loss, "low": 0.1, "high": 0.9, "rows": 200, "top1": 0.75, "top5": 1.0}
    write_json(record.folder / "metrics.json", {"splits": {"out_of_fold": scores}})
    text = page([], {"bugs": declared}, lambda _: records(tmp_path), lambda _: tmp_path)
    assert {line.split("`")[1] for line in text.splitlines() if "| yes |" in line} == front


def test_scores_that_were_copied_from_another_run_do_not_count(tmp_path):
    folder = write(tmp_path, "net", "a", NETWORK).folder
    scores = (read(folder) or pytest.fail("it is whole")).scores
    for run, counts in (("a", True), ("b", False)):
        write_json(folder / "metrics.json", {"run": run, "splits": scores})
        assert (read(folder) is not None) == counts
