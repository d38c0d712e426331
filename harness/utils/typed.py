"""Whether a value is of a setting's declared type, strictly: ``"no"`` is not a bool, 5.5 is not a whole number.

pydantic checks the values; what is told about a misfit is in the words that all errors about settings share.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from harness.utils.errors import short

NO = object()


class Misfit(NamedTuple):
    """A field whose value is not of its type.

    Args:
        owner: the dataclass instance that has the field.
        setting: the field's name.
        allowed: the allowed values, in words.
    """

    owner: Any
    setting: str
    allowed: str

    def __str__(self) -> str:
        value = getattr(self.owner, self.setting)
        hint = "a class, not one of its instances: add ()" if isinstance(value, type) else short(value)
        close = difflib.get_close_matches(str(value), self.allowed.removeprefix("one of ").split(", "), n=1)
        guess = f". Did you mean {close[0]!r}?" if close and isinstance(value, str) else ""
        name = type(self.owner).__name__
        return f"{name}: {self.setting} must be {self.allowed}. Received: {self.setting}={hint}{guess}"


def fitted(value: Any, hint: Any) -> Any:
    """``value`` as the type ``hint``, or ``NO``. Nothing is converted but a whole number to a float."""
    from pydantic import ValidationError

    try:
        return _adapter(hint).validate_python((value,))[0]
    except ValidationError:
        return NO


def misfits(instance: Any, names: Mapping[str, Any]) -> Iterator[Misfit]:
    """All fields of a dataclass instance, and of those inside it, whose values are not of their types.

    Args:
        instance: of a frozen dataclass.
        names: what its annotations may name beside what its module has: types imported for the checker alone.
    """
    hints = typing.get_type_hints(type(instance), localns=dict(names))
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if isinstance(value, type) or fitted(value, hints[field.name]) is NO:
            yield Misfit(instance, field.name, words(hints[field.name]))
            continue
        for inner in value if isinstance(value, tuple | list) else (value,):
            if isinstance(inner, type):
                yield Misfit(instance, field.name, words(hints[field.name]) + ", each with ()")
            elif dataclasses.is_dataclass(inner):
                yield from misfits(inner, names)


def words(hint: Any) -> str:
    """What a type allows, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(words(arg) for arg in args)
    if origin is Literal:
        return "one of " * (len(args) > 1) + ", ".join(map(str, args))
    if origin is tuple:
        return "values like " + ",".join(sample(arg) for arg in args if arg is not ...) + _of_one(args)
    named = {int: "a whole number", float: "a number", bool: "True or False", str: "a word", type(None): "None"}
    return named.get(hint) or f"a {getattr(hint, '__name__', hint)}"


def sample(hint: Any) -> str:
    """A value of a type, for an example."""
    return {int: "32", float: "0.1", str: "name", bool: "True"}.get(hint) or f"{getattr(hint, '__name__', '…')}(…)"


def _of_one(args: tuple[Any, ...]) -> str:
    return f" (only one: {sample(args[0])},)" if args[-1:] == (...,) else ""


@functools.cache
def _adapter(hint: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    one: Any = tuple[_instances(hint)]  # type: ignore[misc]  # pydantic takes no config for a class alone
    return TypeAdapter(one, config=config)


def _instances(hint: Any) -> Any:
    """The same type, in which classes are matched by ``isinstance`` alone: their fields are looked at one by one."""
    from pydantic import InstanceOf

    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(_instances(arg) for arg in args)]  # noqa: UP007  # built at run time
    if origin is tuple:
        return tuple[tuple(arg if arg is ... else _instances(arg) for arg in args)]  # type: ignore[misc]
    is_class = isinstance(hint, type) and origin is None and hint not in (int, float, bool, str, type(None))
    return InstanceOf.__class_getitem__(hint) if is_class else hint
