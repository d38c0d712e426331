"""A dict of named things for users: a wrong name is a mistake that is told with the names that there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeVar

from harness.utils.errors import UserError, short, some

Thing = TypeVar("Thing")


class Named(dict[str, Thing]):
    """A dict whose wrong names raise a UserError.

    Args:
        things: by name; pairs will do, for ``dataclasses.asdict`` gives these to a dict's class.
        kind: what is named, for messages.
    """

    def __init__(self, things: Mapping[str, Thing] | Iterable[tuple[str, Thing]] = (), kind: str = "name") -> None:
        super().__init__(things)
        self._kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise UserError(
            f"there is no {self._kind} {short(name)}. Known: {some([*self]) or 'none'}.", "give one of these names"
        )
