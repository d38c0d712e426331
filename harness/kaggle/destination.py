"""What a sender needs of a place at Kaggle that files are sent to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from harness.kaggle.client import Patience


class Destination(Protocol):
    """A competition, or a dataset or a kernel whose versions are sent one by one. ``Client`` is the first."""

    @property
    def slug(self) -> str:
        """What it is called on Kaggle; the ledger's lines about its files have it."""

    @property
    def patience(self) -> Patience: ...

    def about(self) -> dict[str, Any]:
        """At least the number of files it has in "total"."""

    def submissions(self) -> list[dict[str, Any]]:
        """All files it has, as ``Client.submissions`` gives them."""

    def submission(self, reference: str) -> dict[str, Any]:
        """One of them."""

    def submit(
        self, file: Path, message: str, hold: Path, uploaded: Callable[[], None], bytes_sent: Callable[[int], None]
    ) -> str:
        """Send a file, as ``Client.submit`` does."""
