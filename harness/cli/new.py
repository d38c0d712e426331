"""``harness new``: a competition out of a folder, an archive or a download."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.arguments import Commands
from harness.utils.console import answer, console, printable
from harness.utils.files import shown_path
from harness.utils.workspace import Workspace

if TYPE_CHECKING:
    from harness.plugins.guessed import AmbiguousError


def add_commands(commands: Commands) -> None:
    command = commands.add(
        "new", run_new, "make a competition out of a folder or archive of images", "harness new pets --from ~/pets"
    )
    command.add_argument("name", metavar="NAME", help="the new competition's name: letters, digits and hyphens")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--kaggle", metavar="SLUG", help="a competition on Kaggle, whose files are downloaded first")
    source.add_argument(
        "--from",
        type=Path,
        metavar="DIR",
        dest="source",
        help="folder or archive: <class>/<image>, train/ beside test/, or a CSV of labels beside the images",
    )
    command.add_argument("--metric", metavar="NAME", help="the competition's metric (docs/metrics.md)")
    command.add_argument("--label", metavar="COLUMN", help="the CSV's column of labels")
    command.add_argument("--targets", metavar="KIND", help="what is asked: multiclass, ordinal, multilabel, regression")
    command.add_argument("--path", metavar="PATTERN", help="where training images are, such as 'train/{id}.jpg'")
    command.add_argument("--group", metavar="COLUMN", help="the CSV's column that no fold separates, such as patients")
    command.add_argument("--holdout", metavar="FOLDER", help="the folder of labelled images that is never trained on")


def run_new(workspace: Workspace, options: Namespace) -> None:
    """Make a competition folder out of a folder or archive of images, and say what was taken for what."""
    from harness.plugins import loading
    from harness.plugins.guessed import AmbiguousError, Choices
    from harness.plugins.scaffold import create, new_folder

    source = options.source
    if options.kaggle:
        from harness.kaggle import download
        from harness.kaggle.client import Client
        from harness.kaggle.failures import KaggleError
        from harness.kaggle.metric_names import metric_named

        # A wrong name is told before gigabytes arrive.
        source = workspace.raw(new_folder(workspace, options.name).name)
        download.data(Client(options.kaggle), source)
    choices = Choices(options.metric, options.label, options.path, options.group, options.holdout, options.targets)
    if options.kaggle and options.metric is None:
        called = ""
        with contextlib.suppress(KaggleError):  # the files are there, and say enough
            called = Client(options.kaggle).about()["metric"]
        choices = dataclasses.replace(choices, metric=metric_named(called), called=called or None)
    while True:
        try:
            name, said = create(workspace, options.name, source, choices, options.kaggle)
            break
        except AmbiguousError as ambiguous:
            if getattr(choices, ambiguous.choice) is not None or not (chosen := _asked(ambiguous)):
                raise
            choices = dataclasses.replace(choices, **{ambiguous.choice: chosen})
    for line in said:
        console().print(line, markup=False)
    folder, root = shown_path(workspace.competition(name)), shown_path(workspace.root)
    console().print(f"made {folder}/ ({', '.join(loading.FILES)})")
    if workspace.has_make:
        console().print(f"next: make{'' if root == '.' else f' -C {root}'} submit COMP={name}")
    else:
        console().print(f"next: harness submit {name}")


def _asked(ambiguous: AmbiguousError) -> str | None:
    """Which of its options a person chooses; None where nobody can be asked, or chooses none."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()) or not ambiguous.options:
        return None
    shown = "\n".join(f"  {number}  {option}" for number, option in enumerate(ambiguous.options, 1))
    print(printable(f"{ambiguous.what}\n{shown}"), file=sys.stderr)
    print("Which one? Its number, or nothing to stop: ", end="", file=sys.stderr, flush=True)
    typed = answer()
    is_number = typed.isdecimal() and 1 <= int(typed) <= len(ambiguous.options)
    return ambiguous.options[int(typed) - 1] if is_number else None
