"""Checking what a competition's files declare: each setting against its type, with the line where it is wrong."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from harness.recipes import space
from harness.recipes.recipe import Recipe
from harness.utils.errors import UserError, short
from harness.utils.typed import Misfit, misfits


def check(path: Path, declared: Any, function: str | None = None) -> None:
    """Refuse settings whose values are not of their types.

    Args:
        path: the file.
        declared: a Competition or a Recipe.
        function: the function that made it; None for the file itself.

    Raises:
        UserError: names file, line, setting, what is allowed and what was received.
    """
    wrong = list(misfits(declared, _names()))
    if wrong:
        told = [f"{path}, line {_line(path, misfit, function)}: {misfit}" for misfit in wrong]
        raise UserError("\n".join(told), f"correct {path}")


def check_recipe(path: Path, name: str, made: object) -> Recipe:
    """What a function marked ``@recipe`` gave, if it is a recipe whose settings are of their types.

    Raises:
        UserError: it is none, or ``check`` refuses it.
    """
    if not isinstance(made, Recipe):
        line = _function_line(path, name)
        forgotten = " Is its `return` missing?" if made is None else ""
        raise UserError(
            f"{path}, line {line}: the recipe {name!r} must return a recipe. Received: {made!r}.{forgotten}",
            f"correct the recipe {name!r} in {path}",
        )
    check(path, made, name)
    return made


def check_space(path: Path, name: str, made: Recipe, text: object) -> None:
    """Refuse a declared space of searches that is not of the form, or that the recipe's settings do not take.

    Raises:
        UserError: names file, line, axis, what is allowed and what was received.
    """
    if text == "":
        return
    where = f"{path}, line {_function_line(path, name)}: the space of {name!r}"
    if not isinstance(text, str):
        raise UserError(f"{where} must be a text. Received: {short(text)}", f'write space="{space.EXAMPLE}"')
    space.declared(text, name, made, where)


def _names() -> dict[str, Any]:
    """The types that declarations' annotations name without importing them at run time."""
    from harness.data.folds import HoldOut, KFold
    from harness.data.readers.reader import Reader
    from harness.data.targets import Targets
    from harness.scoring.submission_format import SubmissionFormat

    return {type.__name__: type for type in (HoldOut, KFold, Reader, SubmissionFormat, Targets)}


def _line(path: Path, misfit: Misfit, function: str | None) -> int | str:
    """Where a setting is given: the last place where it is, in the function or in the file; else the function's."""
    tree = _tree(path)
    within: ast.AST = _function(tree, function) or tree
    calls = [node for node in ast.walk(within) if isinstance(node, ast.Call)]
    own = [call for call in calls if ast.unparse(call.func).rpartition(".")[2] == type(misfit.owner).__name__]
    lines = [
        keyword.value.lineno for call in own or calls for keyword in call.keywords if keyword.arg == misfit.setting
    ]
    return max(lines, default=own[-1].lineno if own else getattr(within, "lineno", "?"))


def _function_line(path: Path, name: str) -> int | str:
    return getattr(_function(_tree(path), name), "lineno", "?")


def _function(tree: ast.Module, name: str | None) -> ast.FunctionDef | None:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name]
    return functions[-1] if functions else None


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
