"""The folder where what is true of this user on this machine is kept, apart from any workspace."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """``harness`` in the folder that ``XDG_STATE_HOME`` names, else in ``~/.local/state``; it may not be there yet."""
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if os.path.isabs(state) else Path("~/.local/state").expanduser()  # noqa: PTH117
    return home / "harness"
