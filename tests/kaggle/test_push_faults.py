"""The table of faults of code competitions: each is played to the real client, and then the same command again.

Of each it is asked that nothing is silent, sent twice or lost, that there is no traceback, and that the exit code is
right; as in ``test_faults``, and in one process for the same reason.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.api import LoadedCompetition
from harness.cli.main import main
from harness.kaggle import client, process
from harness.kaggle.client import Patience
from harness.kaggle.ledger import Ledger
from harness.utils.workspace import Workspace
from tests.conftest import RECIPES
from tests.kaggle.code_stub import CodeStub
from tests.kaggle.conftest import SECRET
from tests.kaggle.kernels import pets, pets_competition
from tests.kaggle.test_faults import ALWAYS, FAULTS, OLD, ONCE, ask_here

KERNEL, MODELS = "ann/harness-pets-coarse", "ann/harness-pets-coarse-models"
METHODS = [
    "StartBlobUpload", "PUT", "GetDataset", "GetDatasetStatus", "CreateDataset", "CreateDatasetVersion", "GetKernel",
    "GetKernelSessionStatus", "SaveKernel", "ListKernelSessionOutput", "ListSubmissions", "CreateCodeSubmission",
    "GetSubmission",
]  # fmt: skip
ASKED = ("CreateDataset", "CreateDatasetVersion", "SaveKernel", "CreateCodeSubmission")


def cases() -> Iterator[tuple[str, Any, int]]:
    """A method, a fault, and how often it happens."""
    for method in METHODS:
        for fault in FAULTS:
            if method != "PUT" or not isinstance(fault, dict):
                yield method, fault, ONCE
                yield method, fault, ALWAYS
    for method in ASKED:
        for fault in ("lost", ("late", 0.05), ("late", 0.5)):
            yield method, fault, ONCE
    for answer in ({"error": "No more of them."}, {"versionNumber": 0}, {"versionNumber": 0, "error": "Not now."}):
        yield "SaveKernel", answer, ONCE
    yield "CreateDataset", {"status": "error", "error": "The title is in use."}, ONCE
    yield "GetDataset", {"currentVersionNumber": "x"}, ONCE
    yield "GetKernel", {"metadata": {}}, ONCE
    for method in ("GetDatasetStatus", "GetKernelSessionStatus"):
        for status in ("REHEATING", None, 7):
            yield method, {"status": status}, 2


CASES = [*cases()]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a code competition and a finished run."""
    root = tmp_path_factory.mktemp("push")
    (root / "competitions").mkdir()
    workspace = pets_competition(Workspace(root), pets(root / "organiser"), RECIPES)
    LoadedCompetition(workspace, "pets").train("coarse")
    return root


def marked(number: int, case: tuple) -> Any:
    marks = [] if number % 300 == 299 else [pytest.mark.slow]
    return pytest.param(*case, marks=marks, id=f"{number}-{case[0]}-{case[1]}-{case[2]}")


@pytest.mark.parametrize(("method", "fault", "times"), [marked(number, case) for number, case in enumerate(CASES)])
def test_whatever_happens_it_is_told_and_the_same_command_mends_it(
    code_stub: CodeStub,
    root: Path,
    monkeypatch,
    capsys,
    table: Counter[str],
    method: str,
    fault: Any,
    times: int,
):
    monkeypatch.chdir(root)
    monkeypatch.setattr(process, "ask", ask_here)
    monkeypatch.setattr(client, "PATIENCE", Patience(call=30, score=3, run=3, poll=0.02, retry=0.02, doubt=0.5))
    (root / "submissions" / "pets" / "ledger.csv").unlink(missing_ok=True)
    code_stub.submissions = [dict(OLD)]
    if method == "CreateDatasetVersion":
        code_stub.datasets[MODELS].append({"files": {}, "description": "", "notes": "[other]", "polls": 0})
    if method == "ListKernelSessionOutput":
        code_stub.run = lambda version: (
            ("ERROR", "it broke") if version is code_stub.kernels[KERNEL][0] else ("COMPLETE", "")
        )
    code_stub.faults[method] = [fault] * times
    table["played"] += 1

    def check(kind: str, holds: bool, why: object = None) -> None:
        table[kind] += not holds
        assert holds, (kind, why)

    def run() -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["kernel", "pets", "coarse", "--push"])
        return code, *capsys.readouterr()

    code, out, err = run()
    check("traceback", code != 1 and "Traceback" not in err, err)
    check("silent", code == 0 or ("error: " in err and "fix: " in err), err)
    told = re.findall(r"uploaded: reference (\d+)", out)
    mine = [str(one["ref"]) for one in code_stub.submissions if one["ref"] != OLD["ref"]]
    check("wrong exit code", (code == 0) == bool(told) and set(told) <= set(mine), (code, told, mine, err))
    assert SECRET not in out + err and "COMP" not in err.replace("COMPLETE", "")

    code_stub.faults.clear()
    code, out, err = run()
    if isinstance(fault, tuple) and fault[0] == "late":
        time.sleep(fault[1])  # whatever Kaggle was asked for is filed by now
    check("wrong exit code", code == 0, err)
    own = [one for one in code_stub.submissions if one["ref"] != OLD["ref"]]
    datasets = [one for one in code_stub.datasets[MODELS] if one["files"]]
    kernels = [one for one in code_stub.kernels[KERNEL] if one.get("status") != "ERROR"]
    check("twice", max(len(own), len(datasets), len(kernels)) <= 1, err)
    check("lost", min(len(own), len(datasets), len(kernels)) == 1, err)
    ledger = Ledger(root / "submissions" / "pets" / "ledger.csv").latest()
    stands = {one.slug: (one.status, one.reference) for one in ledger}
    check("lost", stands["pets"] == ("complete", str(own[0]["ref"])), ledger)
    check("lost", stands[KERNEL][1] == str(len(code_stub.kernels[KERNEL])), ledger)


def test_the_table_is_long_enough():
    assert len(CASES) >= 400
