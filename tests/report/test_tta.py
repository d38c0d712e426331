"""The table of a run's views: what each set of them is worth."""

from __future__ import annotations

import io

from rich.console import Console

from harness.report import tta
from harness.tta import worth
from tests.tta.test_worth import IMAGES, keep, told


def test_a_run_of_one_view_has_no_table(tmp_path):
    worth.write(tmp_path, IMAGES, "log_loss")
    assert not (tmp_path / "views.json").exists()
    out = io.StringIO()
    tta.show("net", tmp_path, Console(file=out))
    assert out.getvalue() == ""


def test_the_table_has_plain_and_the_sets_their_cost_and_the_average(tmp_path):
    keep(tmp_path, "hflip+shifts", "logits")
    recommended = told(tmp_path)["recommended"]
    out = io.StringIO()
    tta.show("net", tmp_path, Console(file=out, width=160))
    lines = out.getvalue().splitlines()
    assert lines[0] == "net: views on 900 out-of-fold rows, averages of logits"
    assert [line.split()[0] for line in lines[2:6]] == ["centre", "hflip", "shifts", "hflip+shifts"]
    assert lines[5].rstrip().endswith("6×") and "better" in lines[5]
    assert lines[-1] == f"recommended, the cheapest with a gain close to the best: {recommended}"
