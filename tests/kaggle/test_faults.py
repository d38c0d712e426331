"""The table of faults: each is played to the real client, and then the same command again, without the fault.

Of each it is asked that nothing is silent, sent twice or lost, that there is no traceback, and that the exit code is
right. Kaggle's real client and our calls of it run in this process here, because a process a call would take an hour;
what only processes can do wrong (to be killed, to hang) is in ``test_kill`` and ``test_client``.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main
from harness.kaggle import client, process, worker
from harness.kaggle.client import Patience
from harness.kaggle.ledger import Ledger
from harness.utils.workspace import Workspace
from tests.conftest import CHECKOUT, RECIPES
from tests.kaggle.conftest import SECRET
from tests.kaggle.stub import Stub
from tests.kaggle.test_upload import REDUX, redux

METHODS = [
    "GetCompetition", "GetSubmissionLimits", "ListSubmissions", "StartSubmissionUpload", "PUT", "CreateSubmission",
    "GetSubmission",
]  # fmt: skip
AT_ONCE = {"Retry-After": "0"}
FAULTS: list[Any] = [
    400, 401, 403, 404, 408, 413, 418, 429, (429, AT_ONCE), 500, 502, 503, (503, AT_ONCE), "html", "drop", "empty", {},
    {"code": 500, "message": "no"},
]  # fmt: skip
ONCE, ALWAYS = 1, 1000
OLD = {"ref": 7, "description": "another file", "status": "COMPLETE", "publicScore": "0.9", "sha256": "", "polls": 0}


def cases() -> Iterator[tuple[str, Any, int]]:
    """A method, a fault, and how often it happens."""
    for method in METHODS:
        for fault in FAULTS:
            if method != "PUT" or not isinstance(fault, dict):
                yield method, fault, ONCE
                yield method, fault, ALWAYS
    for fault in ("lost", ("late", 0.05), ("late", 0.5), {"message": "Successfully submitted"}):
        yield "CreateSubmission", fault, ONCE
    for rows in (None, {}, "x", [None], [{}], [{"ref": 3, "status": "REHEATING", "publicScore": "NaN"}]):
        yield "ListSubmissions", {"submissions": rows}, ONCE
    yield "GetSubmission", {"ref": 1001, "status": "REHEATING"}, 3
    yield "GetSubmission", {"ref": 1001, "status": "COMPLETE", "publicScore": "None", "privateScore": "NaN"}, ONCE


CASES = [*cases()]


class Here:
    """What a worker sees of its parent, in one process."""

    def __init__(self, bytes_sent: Callable[[int], None], uploaded: Callable[[], None]) -> None:
        self.bytes_sent, self.uploaded, self.limit = bytes_sent, uploaded, None

    def watch(self, limit: float | None) -> None: ...

    def page(self) -> None: ...

    def tell(self, sent: int) -> None:
        self.bytes_sent(sent)

    def permission(self, limit: float) -> None:
        self.uploaded()


def ask_here(python, request, limit, *, alive=None, bytes_sent, uploaded) -> dict[str, Any]:
    request = {name: value for name, value in request.items() if name not in ("limit", "hold")}
    return json.loads(json.dumps(worker._answer(request, Here(bytes_sent, uploaded))))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the data of a competition, and a CSV for it."""
    root = tmp_path_factory.mktemp("faults")
    source = CHECKOUT / "competitions" / "dogs_vs_cats"
    folder = root / "competitions" / "dogs_vs_cats"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "recipes.py").write_text(RECIPES)
    raw = Workspace(root).raw("dogs_vs_cats")
    raw.mkdir(parents=True)
    (raw / f"{REDUX}.zip").write_bytes(redux())
    (root / "blend.csv").write_text("id,label\n" + "".join(f"{n},{n / 100}\n" for n in range(1, 31)))
    return root


def marked(number: int, case: tuple) -> Any:
    marks = [] if number % 20 == 0 else [pytest.mark.slow]
    return pytest.param(*case, marks=marks, id=f"{number}-{case[0]}-{case[1]}-{case[2]}")


@pytest.mark.parametrize(("method", "fault", "times"), [marked(number, case) for number, case in enumerate(CASES)])
def test_whatever_happens_it_is_told_and_the_same_command_mends_it(
    stub: Stub, root: Path, monkeypatch, capsys, table: Counter[str], method: str, fault: Any, times: int
):
    monkeypatch.chdir(root)
    monkeypatch.setattr(process, "ask", ask_here)
    monkeypatch.setattr(client, "PATIENCE", Patience(call=30, score=0.4, poll=0.02, retry=0.02, doubt=0.5))
    shutil.rmtree(root / "submissions", ignore_errors=True)
    stub.slug, stub.submissions = REDUX, [dict(OLD)]
    stub.faults[method] = [fault] * times
    table["played"] += 1

    def check(kind: str, holds: bool, why: object = None) -> None:
        table[kind] += not holds
        assert holds, (kind, why)

    def run() -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["upload", "dogs-vs-cats", str(root / "blend.csv")])
        return code, *capsys.readouterr()

    code, out, err = run()
    check("traceback", code != 1 and "Traceback" not in err, err)
    check("silent", code == 0 or ("error: " in err and "fix: " in err), err)
    told = re.findall(r"uploaded: reference (\d+)", out)
    mine = [str(one["ref"]) for one in stub.submissions if one["ref"] != OLD["ref"]]
    check("wrong exit code", (code == 0) == bool(told) and set(told) <= set(mine), (code, told, mine, err))
    assert SECRET not in out + err and "COMP" not in err

    stub.faults.clear()
    code, out, err = run()
    if isinstance(fault, tuple) and fault[0] == "late":
        time.sleep(fault[1])  # whatever Kaggle was asked for is filed by now
    own = [one for one in stub.submissions if one["ref"] != OLD["ref"]]
    check("twice", len(own) <= 1, err)
    check("lost", len(own) == 1, err)
    check("wrong exit code", code == 0, err)
    (last,) = Ledger(Workspace(root).submissions("dogs_vs_cats") / "ledger.csv").latest()
    check("lost", (last.status, last.reference) == ("complete", str(own[0]["ref"])), last)


def test_the_table_is_long_enough():
    assert len(CASES) >= 150
