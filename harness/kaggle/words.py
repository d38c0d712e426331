"""What is said about a file on its way to Kaggle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.kaggle.failures import printable
from harness.kaggle.ledger import ERROR, Entry
from harness.kaggle.reconcile import tag
from harness.scoring.lint import Defect
from harness.utils.console import progress
from harness.utils.errors import UserError

if TYPE_CHECKING:
    from tqdm import tqdm

LONGEST_MESSAGE = 400  # characters


def message(text: str, sha256: str) -> str:
    """A submission's message, with the tag that identifies its file."""
    return f"{' '.join(text.split())[:LONGEST_MESSAGE]} {tag(sha256)}"


@dataclass(frozen=True)
class Wording:
    """What is said of one kind of files. In commands, ``{name}`` stands for the competition's name.

    Args:
        result: what is waited for once it is sent.
        rejected: what to do about one that Kaggle rejected.
        again: the command that sends it even if it may be there.
        page: where Kaggle shows it; ``{slug}`` stands for the destination.
        wait: a command, besides the one that sends, that waits for the result.
        look: one that looks whether it arrived.
    """

    result: str
    rejected: str
    again: str
    page: str
    wait: str = ""
    look: str = ""


CSV = Wording(
    result="the score",
    rejected="compare the file with the organiser's sample submission; it may be sent again",
    again="harness upload {name} FILE --again",
    page="c/{slug}/submissions",
    wait="harness submissions {name} --wait",
    look="harness submissions {name}",
)


def accepted(entry: Entry, why: str, wording: Wording) -> Entry:
    """An entry, unless Kaggle rejected the file.

    Raises:
        UserError: it did; ``why`` is its reason.
    """
    if entry.status == ERROR:
        raise UserError(
            f"Kaggle rejected {entry.file} (reference {entry.reference}): {printable(why) or 'it gives no reason'}.",
            wording.rejected,
        )
    return entry


def did_not_arrive(entry: Entry, wording: Wording) -> UserError:
    """The error for a file that is not at Kaggle, although it was to be."""
    if entry.status == ERROR:
        return UserError(f"Kaggle rejected {entry.file} (reference {entry.reference}).", wording.rejected)
    return UserError(f"{entry.file} did not arrive: Kaggle does not list it.", "run the same command again")


def upload_bar(file: Path, entry: Entry) -> tqdm:
    """A progress bar of the bytes of a file, or of a folder's files."""
    files = [file] if file.is_file() else [path for path in file.iterdir() if path.is_file()]
    return progress(f"uploading {entry.file}", sum(path.stat().st_size for path in files), "B")


def require_clean(file: Path, defects: list[Defect]) -> None:
    """Raise an error for a file that must not be sent."""
    errors = [defect.text for defect in defects if defect.severity != "warning"]
    if errors:
        raise UserError(
            f"{file} is not sent:\n" + "\n".join(f"  - {text}" for text in errors),
            "fix these errors, then submit again",
        )


def verdict(entry: Entry) -> str | None:
    """How accurate the forecast was, in words; None without a rank or without a forecast."""
    if entry.rank is None or entry.forecast_best is None or entry.forecast_worst is None:
        return None
    inside = entry.forecast_best <= entry.rank and (entry.forecast_worst == 0 or entry.rank <= entry.forecast_worst)
    forecast = "" if entry.forecast is None else f" about rank {entry.forecast:,},"
    worst = f"{entry.forecast_worst:,}" if entry.forecast_worst else "the last"
    return (
        f"forecast from the hold-out:{forecast} between {entry.forecast_best:,} and {worst}; "
        f"by Kaggle's score rank {entry.rank:,}: {'inside' if inside else 'outside'}"
    )
