"""Where files are stored: the folders of a checkout, by competition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.utils.errors import UserError


@dataclass(frozen=True)
class Workspace:
    """The folders under one root. They are created when something is first written to them.

    ``competitions/<name>/`` is the plug-in, ``data/<name>/`` holds the organiser's files and the caches made from
    them, ``runs/<name>/`` the trained recipes, and ``submissions/<name>/`` the CSVs.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The nearest folder at or above ``start`` that has ``competitions/``.

        A workspace among another one's files, such as in an unpacked archive, is passed over for that other one.

        Args:
            start: None looks from the current folder upwards, and then takes the harness's own checkout.

        Raises:
            UserError: neither the given folder nor one above it is a workspace.
        """
        given, start = start, (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "competitions").is_dir():
                return cls(enclosing(folder) or folder)
        if given is not None:
            raise UserError(f"neither {given} nor a folder above it has competitions/.", "give the folder that has it")
        return cls(Path(__file__).resolve().parents[2])

    @property
    def competitions(self) -> Path:
        return self.root / "competitions"

    def competition(self, name: str) -> Path:
        return self.competitions / name

    def data(self, name: str) -> Path:
        return self.root / "data" / name

    def raw(self, name: str) -> Path:
        """The folder searched for the organiser's files when no other one is given."""
        return self.data(name) / "raw"

    def cache(self, name: str) -> Path:
        return self.data(name) / "cache"

    def runs(self, name: str) -> Path:
        return self.root / "runs" / name

    def submissions(self, name: str) -> Path:
        return self.root / "submissions" / name

    @property
    def has_make(self) -> bool:
        """Whether ``make submit`` works here: in a checkout."""
        return (self.root / "Makefile").is_file()


def enclosing(root: Path) -> Path | None:
    """The outermost workspace among whose files a folder lies (below its data, runs or submissions); None if none."""
    root = root.resolve()
    for outer in reversed(root.parents):
        first = root.relative_to(outer).parts[0]
        if first in ("data", "runs", "submissions") and any(outer.glob("competitions/*/competition.py")):
            return outer
    return None
