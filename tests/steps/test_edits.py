"""Our own code may be edited: keys do not depend on it, and what is noted of it depends on little."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.pipeline.graph import UP_TO_DATE, Pipeline
from harness.plugins import loading
from harness.utils.versions import STEPS
from harness.utils.workspace import Workspace
from tests.conftest import edit
from tests.steps import code

pytestmark = pytest.mark.slow


class _Renaming(ast.NodeTransformer):
    """Gives the local variables of functions other names."""

    def visit_FunctionDef(self, function: ast.FunctionDef) -> ast.FunctionDef:
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        local = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        for name in names:
            name.id += "_by_another_name" * (name.id in local)
        return function


def rename_local_variables(harness: Path) -> None:
    for name in ("recipes/logistic_regression.py", "data/folds.py"):
        tree = _Renaming().visit(ast.parse((harness / name).read_text()))
        (harness / name).write_text(ast.unparse(tree))


def move_modules(harness: Path) -> None:
    moved = {"data/cache/rows.py": "data/cache/forms/rows.py", "training/optimizers.py": "training/parts/optimizers.py"}
    for old, new in moved.items():
        (harness / new).parent.mkdir()
        (harness / new).with_name("__init__.py").write_text('"""A folder of its own."""\n')
        (harness / old).rename(harness / new)
        names = [f"harness.{name.removesuffix('.py').replace('/', '.')}" for name in (old, new)]
        for file in harness.rglob("*.py"):
            file.write_text(file.read_text().replace(*names))


def change_what_code_does(harness: Path) -> None:
    edit(harness / "data" / "cache" / "image_cache.py", "GREY = 128", "GREY = 127")


def add_a_setting(harness: Path) -> None:
    file = harness / "recipes" / "logistic_regression.py"
    file.write_text(re.sub(r"\n    iterations: int = \d+\n", r"\g<0>    balanced: bool = False\n", file.read_text()))
    assert "balanced" in file.read_text()


def raise_a_version(harness: Path) -> None:
    edit(harness / "utils" / "versions.py", '"logistic_regression": Step(1,', '"logistic_regression": Step(2,')


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of our code to edit."""
    shutil.copytree(code.HARNESS, tmp_path / "copy" / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "copy" / "harness"


STATES = """
import json, sys
from pathlib import Path
import harness
from harness.pipeline.graph import Pipeline
from harness.plugins import loading
from harness.utils.workspace import Workspace

workspace = Workspace(Path(sys.argv[1]))
made = Pipeline(workspace, loading.load(workspace, "insects"))
steps = made.steps(made.artifacts.choose([]), "blend")
print(json.dumps([harness.__file__, {step.name: step.state() for step in steps}]))
"""


def states(harness: Path, workspace: Workspace) -> dict[str, str]:
    """What another copy of our code says of a workspace."""
    told = subprocess.run(
        [sys.executable, "-c", STATES, workspace.root],
        cwd=workspace.root,
        env=os.environ | {"PYTHONPATH": str(harness.parent)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    file, found = json.loads(told.stdout)
    assert Path(file).parent == harness
    return found


@pytest.fixture
def finished(insects: Workspace) -> Workspace:
    made = Pipeline(insects, loading.load(insects, "insects"))
    made.perform(made.artifacts.choose([]), submit="blend")
    return insects


def test_no_edit_of_our_code_makes_anything_of_a_finished_run_stale(finished: Workspace, copy: Path):
    for change in (rename_local_variables, move_modules, change_what_code_does, add_a_setting):
        change(copy)
        found = states(copy, finished)
        assert set(found.values()) == {UP_TO_DATE} and len(found) == 8, change.__name__
    raise_a_version(copy)
    stale = {name for name, state in states(copy, finished).items() if state != UP_TO_DATE}
    assert stale == {"coarse", "fine", "blend", "submission"}


def test_the_noted_code_is_that_of_the_steps_that_are_edited_wherever_it_lies(copy: Path, monkeypatch):
    monkeypatch.setattr(code, "HARNESS", copy)
    before = {step: code.code(step) for step in STEPS}
    move_modules(copy)
    assert {step: code.code(step) for step in STEPS} == before
    for change in (rename_local_variables, change_what_code_does, add_a_setting):
        change(copy)
    changed = {step for step in STEPS if code.code(step) != before[step]}
    assert changed == {"logistic_regression", "folds", "image_cache"}
