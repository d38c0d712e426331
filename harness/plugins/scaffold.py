"""``harness new``: a competition folder out of a folder of images, or an archive."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from string import Template

from harness.data.archives.archives import archives_in, is_archive, tables_beside, unpacked
from harness.data.image_table import labelled
from harness.data.readers.reader import Listing, is_image, left_out, walk
from harness.data.splits import HOLDOUT, TEST, TRAIN
from harness.plugins import loading, trust
from harness.plugins.guess import guess
from harness.plugins.guess_form import submission
from harness.plugins.guess_targets import USUAL
from harness.plugins.guessed import Choices, Guess
from harness.scoring.metrics import METRICS
from harness.scoring.submission_format import SubmissionFormat
from harness.utils.as_python import as_python
from harness.utils.errors import UserError, nearest, some
from harness.utils.files import lock, shown_path, whole_folder, write_json
from harness.utils.workspace import Workspace

TEMPLATES = Path(__file__).parent / "templates"
# Where the metric judges decisions, not probabilities.
DECIDED = '''
@recipe
def decided():
    """`lite0` with the thresholds that are best for the metric, fitted to out-of-fold rows.

    $submit
    """
    return Thresholded(of="lite0")

'''


def new_folder(workspace: Workspace, name: str) -> Path:
    """Where a new competition of this name will be; nothing is made.

    Raises:
        UserError: a name that is none or taken, or a workspace of others that is not trusted.
    """
    folder_name = loading.canonical(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", folder_name):
        raise UserError(
            f"a competition's name is made of small letters, digits and hyphens, a letter first. Received: {name!r}",
            f"harness new {_suggested(name)}, with the same options",
        )
    folder = workspace.competition(folder_name)
    if folder.exists():
        raise UserError(f"{shown_path(folder)} exists already.", "choose another name, or remove that folder")
    if loading.names(workspace):
        trust.require(workspace)
    return folder


def _suggested(name: str) -> str:
    """The nearest name that a competition may have: "My Fotos!" becomes "my-fotos"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).lstrip("-0123456789").rstrip("-")[:50] or "my-photos"


def create(
    workspace: Workspace, name: str, source: Path, choices: Choices | None = None, slug: str | None = None
) -> tuple[str, list[str]]:
    """Write ``competitions/<name>/`` and remember where the data is.

    Args:
        workspace: gets the folder.
        name: letters, digits, hyphens and underscores.
        source: a folder or an archive: folders of classes, or images with a CSV of labels.
        choices: what the files do not say.
        slug: its name on Kaggle, where it has one.

    Returns:
        The folder's name, and what was taken for what.

    Raises:
        UserError: a name that is none or taken, a workspace of others that is not trusted, or files that are no known
            layout or could be several.
    """
    folder = new_folder(workspace, name)
    folder_name = folder.name
    source = source.expanduser().resolve()
    if not source.is_dir() and not is_archive(source):
        what = f"{source} is neither a folder nor an archive" if source.exists() else f"there is no folder {source}"
        raise UserError(f"{what}.", "give a folder of images, a zip, tar, tar.gz or 7z after --from")
    choices = choices or Choices()
    if choices.metric is not None and choices.metric not in METRICS:
        raise UserError(
            f"there is no --metric {choices.metric!r}. {nearest(choices.metric, [*METRICS])}",
            f"give one of {', '.join(METRICS)} (docs/metrics.md)",
        )
    found = guess(_files(source, workspace.data(folder_name) / "unpacked"), choices)
    listing = found.reader.listing(found.folder)
    classes, _ = labelled(listing, found.targets)
    metric = choices.metric or USUAL.get(found.targets.name, "log_loss" if len(found.value_columns) > 1 else "accuracy")
    METRICS[metric].check(classes)
    form = submission(found, metric, classes)
    said = [*found.said, *_counts(listing, f"{found.targets.asked(classes)}: {some([*classes])}")]
    said.append(_said_of_metric(metric, choices))
    if missing := left_out(found.folder):
        said.append(missing)
    if form.value == "probability":
        said.append(f"CSV: the probability of the class {form.positive!r}")
    unlike = {*found.value_columns} ^ {*classes}
    if form.wide and len(found.value_columns) > 1 and unlike:
        said.append(
            f"CSV: a column for each of the {len(classes):,} names among the labels; the sample submission has others, "
            f"so the board may refuse it: {some(sorted(unlike))} in one of them only"
        )
    values = {
        "name": folder_name,
        "title": name.replace("_", " ").replace("-", " ").capitalize(),
        "slug": f"    slug={json.dumps(slug)},\n" if slug else "",
        # Only the checkout has a Makefile; other workspaces have the command alone.
        "submit": f"make submit COMP={folder_name}" if workspace.has_make else f"harness submit {folder_name}",
    }
    values |= _values(values["submit"], found, listing, classes, metric, form)
    source_file = workspace.data(folder_name) / "source.json"
    with lock(source_file, "that competition"), whole_folder(folder) as coming:
        for file in loading.FILES:
            template = Template((TEMPLATES / f"{file}.template").read_text(encoding="utf-8"))
            (coming / file).write_text(template.substitute(values), encoding="utf-8")
        write_json(source_file, {"folder": str(source)})
    trust.made_here(workspace)
    return folder_name, said


def _values(
    submit: str, found: Guess, listing: Listing, classes: tuple[str, ...], metric: str, form: SubmissionFormat
) -> dict[str, str]:
    """What the templates are filled with."""
    kind, columns = type(found.targets).__name__, form.columns(classes)
    is_decided = kind in ("Multilabel", "Ordinal") and METRICS[metric].judges == "classes"
    return {
        "asked": found.targets.asked(classes),
        "targets_import": "" if kind == "Multiclass" else f"from harness.data.targets import {kind}\n",
        "targets": "" if kind == "Multiclass" else f"    targets={as_python(found.targets)},\n",
        "decided": DECIDED.replace("$submit", submit) if is_decided else "",
        "thresholded": ", Thresholded" if is_decided else "",
        "default": "decided" if is_decided else "lite0",
        "metric": metric,
        "metric_title": METRICS[metric].title,
        "reader_name": type(found.reader).__name__,
        "reader": as_python(found.reader),
        "submission": as_python(form) if form != type(form)() else 'SubmissionFormat(value="class")',
        "header": ",".join(columns[:3]) + (",…" if len(columns) > 3 else ""),
        "layout": found.reader.looks_for.replace("`", "'"),
        "holdout": _said_of_holdout(listing),
    }


def _files(source: Path, unpack_to: Path) -> Path:
    """The folder of the files: the source itself, or what its archives hold."""
    if source.is_file():
        return unpacked([source], unpack_to)
    archives = archives_in(source)
    if archives and not any(is_image(path) for path, _ in walk(source)):
        return unpacked(archives, unpack_to, tables_beside(archives))
    return source


def _counts(listing: Listing, asked: str) -> list[str]:
    """The numbers of rows, what is asked of them, and three examples."""
    splits = [row.split for row in listing.rows]
    counts = ", ".join(f"{splits.count(split):,} {split}" for split in (TRAIN, HOLDOUT, TEST) if split in splits)
    step = max(1, splits.count(TRAIN) // 3)
    examples = [row for row in listing.rows if row.split == TRAIN][::step][:3]
    shown = "; ".join(f"{row.source} is {row.label!r}" for row in examples)
    return [f"rows: {counts}; {asked}", f"for example: {shown}"]


def _said_of_metric(metric: str, choices: Choices) -> str:
    why = "as you said" if choices.metric else "since no file says which: --metric NAME, see docs/metrics.md"
    if choices.called:
        why = f"for Kaggle calls it {choices.called!r}"
        if not choices.metric:
            why = f"though Kaggle says {choices.called!r}, which is none of ours for sure: --metric NAME"
    return f"metric: {METRICS[metric].title}, {why}"


def _said_of_holdout(listing: Listing) -> str:
    if any(row.split == HOLDOUT for row in listing.rows):
        return "the folder that has labels of its own"
    return "20 % of the labelled rows, stratified, seed 42"
