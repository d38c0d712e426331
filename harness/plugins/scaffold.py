"""``harness new``: a competition folder out of any ``<class>/<image>`` folder."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from string import Template

from harness.data.readers import ClassFolders
from harness.data.readers.reader import find
from harness.plugins import loading
from harness.utils.errors import UserError
from harness.utils.files import write_json
from harness.utils.workspace import Workspace

TEMPLATES = Path(__file__).parent / "templates"


def create(workspace: Workspace, name: str, source: Path) -> str:
    """Write ``competitions/<name>/`` and remember where the data is.

    Args:
        workspace: gets the folder.
        name: letters, digits, hyphens and underscores.
        source: holds ``<class>/<image>``, and perhaps an unlabelled ``test/``.

    Returns:
        The folder's name.

    Raises:
        UserError: a name that is none or taken, or a folder that holds no classes.
    """
    folder_name = loading.canonical(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder_name):
        raise UserError(
            f"a competition's name is made of small letters, digits and hyphens, a letter first. Received: {name!r}",
            f"harness new my-photos --from {source}",
        )
    folder = workspace.competition(folder_name)
    if folder.exists():
        raise UserError(f"{workspace.shown(folder)} exists already.", "choose another name, or remove that folder")
    source = source.expanduser().resolve()
    if not source.is_dir():
        raise UserError(f"there is no folder {source}.", "check the path after --from")
    reader, root = find((ClassFolders(test="test"),), source)
    classes = reader.listing(root).classes
    values = {
        "name": folder_name,
        "title": name.replace("_", " ").replace("-", " ").capitalize(),
        "count": len(classes),
    }
    temporary = folder.with_name(f".{folder_name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for file in loading.FILES:
        template = Template((TEMPLATES / f"{file}.template").read_text(encoding="utf-8"))
        (temporary / file).write_text(template.substitute(values), encoding="utf-8")
    write_json(workspace.data(folder_name) / "source.json", {"folder": str(source)})
    temporary.rename(folder)
    return folder_name
