"""Downloads from Kaggle: gone on with where they broke off, verified, and in place only when whole."""

from __future__ import annotations

import csv
import io
import math
import shutil
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from harness.console import progress, say
from harness.data.archives import BROKEN, MOST_GROWTH
from harness.files import lock, require_space, size, write_text
from harness.kaggle.client import SITE, Client, KaggleError
from harness.scoring.leaderboard import COLUMNS, TEAMS

ATTEMPTS = 4
MOST_LEADERBOARD_BYTES = 64 << 20


def data(client: Client, folder: Path) -> Path:
    """The competition's archive ``<slug>.zip`` in ``folder``, downloaded where it is not there whole already.

    What has arrived is kept beside it when the connection breaks, and gone on with; what turns out broken is removed
    and fetched anew.

    Raises:
        KaggleError: Kaggle refuses, or it did not work after some attempts.
    """
    target, staging = folder / f"{client.slug}.zip", folder / ".download"
    with lock(target, "a download"):
        if target.is_file():
            if (wrong := _wrong(target)) is None:
                say(f"{target.name}: here and whole ({size(target.stat().st_size)})")
                return target
            say(f"{target.name} is broken ({wrong}): downloading it again")
            target.unlink()
        total = client.data_bytes()
        require_space(folder, 2 * total, f"downloading and unpacking {client.slug}")
        _fetch(client, staging, total)
        (staging / target.name).replace(target)
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _fetch(client: Client, staging: Path, total: int) -> None:
    """Get a whole archive into ``staging``, whatever was there before."""
    archive = staging / f"{client.slug}.zip"
    failure: KaggleError | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            say(f"{failure.what if failure else ''} Trying again ({attempt + 1} of {ATTEMPTS}).")
            time.sleep(client.patience.retry * attempt)
        staging.mkdir(parents=True, exist_ok=True)
        # An error page in place of the beginning would otherwise be gone on with.
        if archive.is_file() and archive.stat().st_size and archive.open("rb").read(2) != b"PK":
            _clear(staging)
        try:
            with progress(f"downloading {client.slug}", round(total / 1e6), "MB") as bar:
                client.download(staging, lambda there: bar.update(round(there / 1e6) - bar.n))
        except KaggleError as error:
            if not error.passing:
                raise
            failure = error
            continue
        wrong = _wrong(archive) if archive.is_file() else "it is not a zip"
        if wrong is None:
            return
        _clear(staging)
        failure = KaggleError(
            f"what Kaggle sent for {client.slug} is broken: {wrong}.",
            f"run the same command again, or download it by hand from {SITE}/c/{client.slug}/data",
        )
    assert failure is not None
    kept = _there(archive)
    raise KaggleError(
        f"{failure.what} {ATTEMPTS} attempts were made"
        + (f"; the {size(kept)} that arrived are kept, and the same command goes on from there." if kept else "."),
        failure.mend or "run the same command again",
    )


def _there(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _clear(folder: Path) -> None:
    """Empty a folder: file and resume marker go together."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)


def _wrong(archive: Path) -> str | None:
    """What is wrong with a zip; None for nothing: every checksum in it was compared."""
    try:
        with zipfile.ZipFile(archive) as opened:
            if sum(info.file_size for info in opened.infolist()) > MOST_GROWTH * max(archive.stat().st_size, 1 << 20):
                return None  # a bomb takes forever to verify; unpacking refuses it
            damaged = opened.testzip()
            return None if damaged is None else f"{damaged} in it is damaged"
    except (*BROKEN, ValueError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        return str(error) or type(error).__name__


def leaderboard(client: Client, file: Path) -> int:
    """Download Kaggle's leaderboard into a board of the usual form; names of teams are not kept.

    Args:
        client: of the competition.
        file: where the board goes, whole or not at all.

    Returns:
        The number of teams.

    Raises:
        KaggleError: Kaggle refuses, or what it sent is no leaderboard.
    """
    staging = file.with_name(".leaderboard")  # never the data's folder: the archive would have the data's name
    with lock(staging, "a leaderboard's download"):
        try:
            _clear(staging)
            client.leaderboard(staging)
            scores = _scores(staging / f"{client.slug}.zip")
        except (*BROKEN, ValueError, KeyError, OSError, EOFError, RuntimeError) as error:
            raise KaggleError(
                f"what Kaggle sent is not a leaderboard: {error}.",
                f"run the same command again, or look at {SITE}/c/{client.slug}/leaderboard",
            ) from None
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        source = f"Kaggle {client.slug} on {datetime.now(UTC):%Y-%m-%d}"
        table.writerow(COLUMNS)
        table.writerow([len(scores), "", TEAMS, source])
        table.writerows([place, score, "any", source] for place, score in enumerate(scores, 1))
        write_text(file, text.getvalue())
    return len(scores)


def _scores(archive: Path) -> list[float]:
    """The scores of a leaderboard's archive, in its order."""
    with zipfile.ZipFile(archive) as opened:
        (inside,) = [info for info in opened.infolist() if info.filename.endswith(".csv")]
        if inside.file_size > MOST_LEADERBOARD_BYTES:
            raise ValueError(f"{size(inside.file_size)} are too much for one")
        text = opened.read(inside).decode("utf-8-sig")
    scores = [float(line["Score"]) for line in csv.DictReader(io.StringIO(text, newline="")) if line["Score"]]
    if not scores or not all(map(math.isfinite, scores)):
        raise ValueError("it has no scores")
    return scores
