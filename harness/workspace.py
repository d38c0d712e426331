"""Where things are kept: the folders of a checkout, by competition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """The folders under one root; nothing is created until something is written.

    ``competitions/<name>/`` is the plug-in, ``data/<name>/`` holds the organiser's files and
    what is derived from them, ``runs/<name>/`` the trained recipes, ``submissions/<name>/`` the CSVs.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The nearest folder at or above ``start`` that has ``competitions/``, else the harness's own checkout."""
        start = (start or Path.cwd()).resolve()
        for folder in (start, *start.parents):
            if (folder / "competitions").is_dir():
                return cls(folder)
        return cls(Path(__file__).resolve().parent.parent)

    @property
    def competitions(self) -> Path:
        return self.root / "competitions"

    def competition(self, name: str) -> Path:
        return self.competitions / name

    def data(self, name: str) -> Path:
        return self.root / "data" / name

    def raw(self, name: str) -> Path:
        """Where the organiser's files are looked for when no other folder was given."""
        return self.data(name) / "raw"

    def cache(self, name: str) -> Path:
        return self.data(name) / "cache"

    def runs(self, name: str) -> Path:
        return self.root / "runs" / name

    def submissions(self, name: str) -> Path:
        return self.root / "submissions" / name

    def shown(self, path: Path) -> str:
        """A path as a person at the root would type it."""
        try:
            return str(path.relative_to(self.root))
        except ValueError:
            return str(path)
