"""Overriding recipes' settings from the command line: ``--set key=value``, checked by name and type."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import typing
from typing import Any, Literal, get_args, get_origin

from harness.recipes.recipe import Recipe
from harness.training.settings import AUTO
from harness.utils.docstrings import named_like, of_setting, of_settings
from harness.utils.errors import UserError, nearest
from harness.utils.fingerprint import left_out
from harness.utils.typed import NO, fitted, sample, words


def override(recipes: dict[str, Recipe], assignments: list[str], option: str = "--set") -> dict[str, Recipe]:
    """Apply ``key=value`` to every recipe that has the key, or ``recipe.key=value`` to one.

    Args:
        recipes: the recipes in question, by name.
        assignments: as typed.
        option: how errors call what was typed.

    Raises:
        UserError: not of that form, no recipe has the key, or the value is of the wrong type.
    """
    changed = dict(recipes)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key:
            raise UserError(f"{option} takes key=value. Received: {assignment!r}", "for example: --set epochs=20")
        target, _, name = key.rpartition(".")
        if target and target not in recipes:
            raise UserError(
                f"{option} {key}: no recipe {target!r} here. {nearest(target, list(recipes))}", "harness list"
            )
        having = [r for r in ([target] if target else recipes) if name in _settings(changed[r])]
        if not having:
            known = sorted({s for r in ([target] if target else recipes) for s in _settings(changed[r])})
            kinds = {type(changed[r]) for r in ([target] if target else recipes)}
            raise UserError(
                f"{option} {key}: no such setting. {_meant(name, known, kinds)}", "settings: " + ", ".join(known)
            )
        for recipe_name in having:
            old = changed[recipe_name]
            value = _parse(key, text, _settings(old)[name], of_setting(old, name), option)
            # Of another key though equal: 10 and 10.0.
            value = getattr(old, name) if value == getattr(old, name) else value
            changed[recipe_name] = dataclasses.replace(old, **{name: value})
    return changed


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe's settings for a JSON file."""
    return {"kind": type(recipe).__name__} | {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)}


def restored(settings: dict[str, Any], kinds: dict[str, type[Recipe]]) -> Recipe:
    """The recipe whose settings ``plain`` has put into a JSON file.

    Args:
        settings: "kind" and the recipe's settings; one that is missing has the value that keys leave out.
        kinds: the classes by name.

    Raises:
        UserError: there is no such class, or it has no such setting.
    """
    kind = kinds.get(settings["kind"])
    if kind is None:
        raise UserError(
            f"the run was made by a recipe of the class {settings['kind']}, which there is not any more. "
            + nearest(settings["kind"], list(kinds)),
            "restore the class in the competition's recipes.py",
        )
    hints: dict[str, Any] = _hints(kind)
    usual = {field.name: left_out(field) for field in dataclasses.fields(kind)}
    values = {name: value for name, value in usual.items() if value is not dataclasses.MISSING}
    for name, value in settings.items():
        if name != "kind":
            given = _tuples(value)
            found = fitted(given, hints[name]) if name in hints else NO
            values[name] = given if found == given else found  # a number of 10 and one of 10.0 make other keys
            if found is NO:
                raise UserError(
                    f"the run was made with {name}={value!r}, which {kind.__name__} does not take any more.",
                    "restore the setting, or train the recipe again",
                )
    return kind(**values)


def may_be(name: str, declared: Any, found: Any) -> bool:
    """Whether a run's value of a setting is what its recipe declares; "auto" is decided when it is trained."""
    return declared == found or (name == "mixed_precision" and declared == AUTO)


def _settings(recipe: Recipe) -> dict[str, Any]:
    return _hints(type(recipe))


def _hints(kind: type[Recipe]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _meant(name: str, known: list[str], kinds: set[type]) -> str:
    """The setting that was meant: one of a name like it, or one whose description has the word."""
    described = named_like(name, kinds)
    if described and not difflib.get_close_matches(name, known, n=1, cutoff=0.7):
        words = {one: text for kind in kinds for one, text in of_settings(kind).items()}
        return f"Did you mean {' or '.join(f'{one} ({words[one]})' for one in described[:2])}?"
    return nearest(name, known)


def _parse(key: str, text: str, hint: Any, about: str | None, option: str) -> Any:
    value = _tuples(_literal(text))
    if value == text and "," in text:  # words without quotes
        value = tuple(_literal(part.strip()) for part in text.split(","))
    for candidate in (value, text, (value,)):  # a tuple of one may be typed without its comma
        found = fitted(candidate, hint)
        if found is not NO:
            return found
    told = f"{key.rpartition('.')[2]}: {about}; " if about else ""
    raise UserError(
        f"{option} {key}: {words(hint)} is wanted. Received: {text!r}", f"{told}for example: {_example(key, hint)}"
    )


def _literal(text: str) -> Any:
    if text in ("true", "false"):  # as in JSON
        return text == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value


def _example(key: str, hint: Any) -> str:
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        return f"--set {key}=" + ",".join(sample(arg) for arg in args if arg is not ...)
    if origin is Literal:
        return f"--set {key}={args[0]}"
    return f"--set {key}={sample(args[0] if args else hint)}"
