"""What ``harness list COMP`` expects of recipes is what the page of results says."""

from __future__ import annotations

from harness.reproduce.expected import expected
from tests.conftest import CHECKOUT

PAGE = """# Results

| row | what | competition | recipe | published | out of fold | hold-out | device | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 1 | A net | insects | `net` | 62 % | 64.05 % (56.19 to 71.23) | 55.73 % (49.57 to 61.72) | CPU | 18 min 19 s |
| 2 | Another | insects | `other` | 70 % | not yet run: `harness train insects other` |  |  |  |

## Beyond the published

| competition | recipe | out of fold | hold-out | device | time | Pareto |
| --- | --- | --- | --- | --- | --- | --- |
| insects | `short`, epochs=2 | 50.00 % (40.00 to 60.00) |  | EPYC, 2 cores | 2.0 s | yes |
| insects | `loss` |  | 98.50 % (96 to 99), each 98 to 99 %; log loss 0.0319 (0.01 to 0.05) | CPU | 9.0 s |  |
| insects | `number` |  | RMSE 1.5 (1 to 2) | CPU | over 9.0 s |  |
| birds | `net` | 50.00 % (40.00 to 60.00) |  | EPYC, 2 cores | 2.0 s |  |
"""


def test_rows_of_the_competition_that_were_run(tmp_path):
    (tmp_path / "results.md").write_text(PAGE)
    assert expected(tmp_path / "results.md", "insects") == {
        "net": "hold-out 55.73 % top-1 in 18 min 19 s (CPU)",
        "short": "out of fold 50.00 % top-1 in 2.0 s (EPYC, 2 cores), Pareto, with epochs=2",
        "loss": "hold-out 98.50 % top-1, log loss 0.0319 in 9.0 s (CPU)",
        "number": "hold-out RMSE 1.5 in over 9.0 s (CPU)",
    }
    assert expected(tmp_path / "none.md", "insects") == {}


def test_the_projects_own_page_is_read():
    assert "98.25 % top-1" in expected(CHECKOUT / "docs" / "results.md", "dogs_vs_cats")["lites"]
