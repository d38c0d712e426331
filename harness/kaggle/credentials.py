"""Kaggle's credentials: where its client finds them, and what is wrong with them. They are never read out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from harness.utils.errors import UserError

SITE = "https://www.kaggle.com"

NO_CREDENTIALS = (
    "there are no Kaggle credentials, neither in the environment (KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY) "
    "nor in ~/.kaggle.",
    f"create a token at {SITE}/settings (API, Create New Token), and save it where that page says",
)


def credentials() -> str | None:
    """Where Kaggle's client will find its credentials, following its order of search; None if there are none."""
    home = Path("~/.kaggle").expanduser()
    if os.environ.get("KAGGLE_API_TOKEN"):
        return "KAGGLE_API_TOKEN"
    for name in ("access_token", "access_token.txt"):
        if (home / name).is_file():
            return str(home / name)
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return "KAGGLE_USERNAME and KAGGLE_KEY"
    key = key_file()
    files = (*([key] if key else []), home / "credentials.json")
    return next((str(file) for file in files if file.is_file()), None)


def key_file() -> Path | None:
    """The ``kaggle.json`` that Kaggle's client reads: one folder is chosen, and no other one is looked into."""
    home = Path("~/.kaggle").expanduser()
    if chosen := os.environ.get("KAGGLE_CONFIG_DIR"):
        folder = Path(chosen)
    elif home.is_dir() or not sys.platform.startswith("linux"):
        folder = home
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()) / "kaggle"
    file = folder / "kaggle.json"
    return file if file.is_file() else None


def require_credentials() -> str:
    """Where the credentials are.

    Raises:
        UserError: there are none, or those there are cannot be used; Kaggle's client would not say so.
    """
    found = credentials()
    again = f"create a new one at {SITE}/settings"
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY"):
        other = "KAGGLE_KEY" if name == "KAGGLE_USERNAME" else "KAGGLE_USERNAME"
        if os.environ.get(name, "x") == "":
            raise UserError(f"{name} is set, but empty.", f"set it, or unset it; if you have no key: {again}")
        if found is None and os.environ.get(name) and not os.environ.get(other):
            raise UserError(f"{name} is set, but {other} is not.", f"set both; if you have no key: {again}")
    if found is None:
        raise UserError(*NO_CREDENTIALS)
    if found.endswith("kaggle.json"):
        _require_whole(Path(found))
    return found


def readable_by_others(file: Path) -> bool:
    """Whether other users of this machine can read a file."""
    return os.name != "nt" and bool(file.stat().st_mode & 0o044)


def _require_whole(file: Path) -> None:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} cannot be read: {type(error).__name__}.", f"download it again at {SITE}/settings (API)"
        ) from None
    for name in ("username", "key"):
        value = content.get(name) if isinstance(content, dict) else None
        # A variable of the environment stands above the file.
        if not os.environ.get(f"KAGGLE_{name.upper()}") and not (isinstance(value, str) and value.strip()):
            raise UserError(f'{file} has no "{name}".', f"download it again at {SITE}/settings (API)")
