"""A dict of named things for users: a wrong name is a mistake that is told with the names that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

from harness.utils.errors import UserError, short, some

Thing = TypeVar("Thing")


class Named(dict[str, Thing]):
    """A dict whose wrong names raise a UserError.

    Args:
        kind: what is named, for messages.
        things: by name.
    """

    def __init__(self, kind: str, things: Mapping[str, Thing]) -> None:
        super().__init__(things)
        self._kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise UserError(
            f"there is no {self._kind} {short(name)}. Known: {some([*self]) or 'none'}.", "give one of these names"
        )
