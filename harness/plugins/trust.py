"""Whose code may run: that of workspaces which the user made or trusts.

Loading a competition runs its Python files. A folder that came from elsewhere (a download, an archive, another user's
folder) holds code that nobody has looked at, so a command run in it asks once, as direnv and VS Code do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harness.utils.console import answer, printable
from harness.utils.errors import UserError, some
from harness.utils.files import lock, read_json, write_json
from harness.utils.state import state_folder
from harness.utils.workspace import Workspace, enclosing

# Folders in which all workspaces are trusted, separated as in PATH: for machines where nobody can be asked.
VARIABLE = "HARNESS_TRUSTED"


def require(workspace: Workspace) -> None:
    """Go on only in a workspace that is trusted; on a terminal, ask.

    Raises:
        UserError: it is not; the fix names the command that trusts it.
    """
    if is_trusted(workspace.root):
        return
    if enclosing(workspace.root) is None and _asked(workspace):
        add(workspace.root)
        return
    raise UserError(
        f"{workspace.root} is a workspace that you have not said you trust. {_held(workspace)}",
        f"look at that code; then: harness trust {_quoted(workspace.root)}",
    )


def is_trusted(root: Path) -> bool:
    """Whether the code of the workspace at this folder may run.

    That of the checkout that the harness itself runs from may. Nothing inside another workspace's folders of files
    may: these hold what was downloaded.
    """
    root = root.resolve()
    if enclosing(root) is not None:
        return False
    if root == Path(__file__).resolve().parents[2] or str(root) in _listed():
        return True
    above = [Path(folder).expanduser().resolve() for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return any(folder == root or folder in root.parents for folder in above)


def add(root: Path) -> None:
    """Remember that a workspace is trusted.

    Raises:
        UserError: it lies inside another workspace's folders of files, or the list cannot be written.
    """
    root = root.resolve()
    if (outer := enclosing(root)) is not None:
        raise UserError(
            f"{root} is among the files of the workspace {outer}: downloaded code is never run from there.",
            "move it to a folder of its own, if you have looked at it",
        )
    _change(root, trusted=True)


def remove(root: Path) -> None:
    """Forget that a workspace is trusted."""
    _change(root.resolve(), trusted=False)


def made_here(workspace: Workspace) -> None:
    """Trust a workspace that the user has just made the first competition of, if the folders are the user's own.

    In another user's folder, that user could add code later. Where the list cannot be written, the next command says
    how to go on.
    """
    own = getattr(os, "getuid", lambda: None)()
    folders = (workspace.root, workspace.competitions)
    if not is_trusted(workspace.root) and all(own is None or folder.stat().st_uid == own for folder in folders):
        try:
            add(workspace.root)
        except UserError as error:
            print(printable(f"{error.what} {error.fix}"), file=sys.stderr)


def _asked(workspace: Workspace) -> bool:
    """Whether the user, asked on a terminal, trusts a workspace."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(printable(f"{workspace.root} is a new workspace. {_held(workspace)}"), file=sys.stderr)
    print("Do you trust whoever wrote that code? [y/N] ", end="", file=sys.stderr, flush=True)
    return answer().lower() in ("y", "yes")


def _held(workspace: Workspace) -> str:
    found = sorted(file.parent.name for file in workspace.competitions.glob("*/competition.py"))
    return f"Its competitions are Python code that this command would run: {some(found)}."


def _quoted(root: Path) -> str:
    import shlex

    return shlex.quote(printable(str(root)))


def _file() -> Path:
    return state_folder() / "trusted.json"


def _listed() -> list[str]:
    try:
        about = read_json(_file()) or {}
    except OSError:
        return []
    return about.get("workspaces", [])


def _change(root: Path, trusted: bool) -> None:
    file = _file()
    try:
        with lock(file, "the list of trusted workspaces"):
            others = [name for name in _listed() if name != str(root)]
            write_json(file, {"workspaces": sorted([*others, str(root)] if trusted else others)})
    except OSError as error:
        raise UserError(
            f"the list of trusted workspaces cannot be written: {error}.",
            f"set {VARIABLE}={_quoted(root)}, or XDG_STATE_HOME to a folder that can be written",
        ) from error
