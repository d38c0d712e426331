"""The code of each step, found by following imports from its modules; and the file that it is compared with."""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path

from harness.utils.versions import STEPS
from tests.conftest import CHECKOUT

HARNESS = CHECKOUT / "harness"
KEPT = Path(__file__).with_name("code.json")
# What is said and shown, and where files go, decides no result; nor does the table of versions itself.
PASSIVE = ("utils", "report", "training.curves", "training.diagnosis", "training.image_grid", "competition")


def file_of(module: str) -> Path | None:
    """The file of a module below ``harness``; None where there is none of that name."""
    path = HARNESS.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports(module: str) -> set[str]:
    """The modules of the harness that a module imports, inside functions too, but not for types alone."""
    file = file_of(module)
    assert file is not None, module
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "harness":
            package = node.module.partition(".")[2]
            for alias in node.names:
                below = f"{package}.{alias.name}".strip(".")
                found.add(below if file_of(below) else package)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(file.read_text(encoding="utf-8")))
    return found - {""}


def passive(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in PASSIVE)


OWNER = {module: name for name, step in STEPS.items() for module in step.modules}


def reach(step: str) -> tuple[set[str], set[str]]:
    """The modules of a step, up to those of other steps; and these other steps."""
    own, others, coming = set(STEPS[step].modules), set(), [*STEPS[step].modules]
    while coming:
        for module in imports(coming.pop()):
            if OWNER.get(module, step) != step:
                others.add(OWNER[module])
            elif module not in own and not passive(module):
                own.add(module)
                coming.append(module)
    return own, others


def reach_all(step: str) -> set[str]:
    """All steps that a step leads to, itself too."""
    found, coming = {step}, [step]
    while coming:
        new = reach(coming.pop())[1] - found
        found |= new
        coming += new
    return found


def meaning(tree: ast.Module) -> str:
    """The source of a module without what says nothing about results: docstrings, imports, blocks for types alone."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                setattr(node, name, [part for part in block if not _says_nothing(part)] or _empty(node, name))
    return ast.unparse(tree)


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _empty(node: ast.AST, name: str) -> list[ast.stmt]:
    return [ast.Pass()] if name == "body" and not isinstance(node, ast.Module) else []


def code(step: str) -> str:
    """A hash of a step's code. Where its modules lie, and what they are called, does not count."""
    texts = []
    for module in reach(step)[0]:
        file = file_of(module)
        assert file is not None, module
        texts.append(meaning(ast.parse(file.read_text(encoding="utf-8"))))
    return hashlib.blake2b("\0".join(sorted(texts)).encode(), digest_size=8).hexdigest()


def kept() -> dict[str, dict]:
    """What the committed file says of each step: its version and the hash of its code."""
    return json.loads(KEPT.read_text(encoding="utf-8"))
