"""Downloads from Kaggle: resumed after an interruption, verified, and moved into place only when complete."""

from __future__ import annotations

import csv
import io
import math
import shutil
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from harness.data.archives.archives import BROKEN
from harness.data.archives.entries import MOST_GROWTH
from harness.kaggle.client import Client
from harness.kaggle.credentials import SITE
from harness.kaggle.failures import KaggleError
from harness.scoring.leaderboard import COLUMNS, TEAMS
from harness.utils.console import progress, say
from harness.utils.csv_text import csv_text
from harness.utils.errors import UserError, nearest
from harness.utils.files import lock, own_folder, require_space, size, write_text

ATTEMPTS = 4
MOST_LEADERBOARD_BYTES = 64 << 20


def data(client: Client, folder: Path) -> Path:
    """Download the competition's archive to ``<slug>.zip`` in ``folder``, unless it is there and undamaged.

    When the connection breaks, the part that arrived is kept, and the next attempt resumes from it. A damaged download
    is removed and downloaded again.

    Returns:
        The archive's path.

    Raises:
        KaggleError: Kaggle refuses the download, or all attempts failed.
    """
    target = folder / f"{client.slug}.zip"
    with lock(target, "a download"):
        if target.is_file():
            if (damage := _damage(target)) is None:
                say(f"{target.name}: already downloaded ({size(target.stat().st_size)})")
                return target
            say(f"{target.name} is damaged ({damage}): downloading it again")
            target.unlink()
        total = sum(client.data_files().values())
        require_space(folder, 2 * total, f"downloading and unpacking {client.slug}")
        staging = own_folder(target)
        _fetch(client, staging, total)
        (staging / target.name).replace(target)
        shutil.rmtree(staging, ignore_errors=True)
    return target


def one_file(client: Client, folder: Path, name: str) -> Path:
    """Download one data file into ``folder``, unless it is there with the size that Kaggle tells.

    Raises:
        UserError: there is no such file.
        KaggleError: Kaggle refuses the download, or what arrives is not the file.
    """
    sizes = client.data_files()
    if name not in sizes:
        raise UserError(
            f"{client.slug} has no file {name}. {nearest(name, [*sizes])}", f"look at {SITE}/c/{client.slug}/data"
        )
    target = folder / Path(name).name
    with lock(target, "a download"):
        if target.is_file() and target.stat().st_size == sizes[name]:
            say(f"{target.name}: already downloaded ({size(sizes[name])})")
            return target
        require_space(folder, sizes[name], f"downloading {name}")
        staging = own_folder(target)
        with progress(f"downloading {name}", round(sizes[name] / 1e6), "MB") as bar:
            client.download(staging, lambda received: bar.update(round(received / 1e6) - bar.n), name)
        arrived = _unzipped(staging, target.name)
        if arrived is None or arrived.stat().st_size != sizes[name]:
            shutil.rmtree(staging, ignore_errors=True)
            raise KaggleError(
                f"what Kaggle sent for {name} is not the file of {size(sizes[name])} that it lists.",
                _by_hand(client),
            )
        arrived.replace(target)
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _by_hand(client: Client) -> str:
    return f"run the same command again, or download it by hand from {SITE}/c/{client.slug}/data"


def _unzipped(staging: Path, name: str) -> Path | None:
    """The file of this name in a folder; Kaggle also sends a file as a zip that holds nothing else.

    The client calls a file by the last part of its address, in which a blank is ``%20``. None if it is not there or
    damaged.
    """
    for called in dict.fromkeys((name, quote(name))):
        for archive in (staging / called, staging / f"{called}.zip"):
            if not name.endswith(".zip") and archive.is_file() and zipfile.is_zipfile(archive):
                try:
                    with zipfile.ZipFile(archive) as zipped:
                        if [Path(inside).name for inside in zipped.namelist()] == [name]:
                            with zipped.open(zipped.namelist()[0]) as source, (staging / "unzipped").open("wb") as out:
                                shutil.copyfileobj(source, out)
                            return staging / "unzipped"
                except (*BROKEN, EOFError, NotImplementedError, RuntimeError):
                    return None
        if (staging / called).is_file():
            return staging / called
    return None


def _fetch(client: Client, staging: Path, total: int) -> None:
    """Download the complete archive into ``staging``, resuming a partial download there."""
    archive = staging / f"{client.slug}.zip"
    failure: KaggleError | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            say(f"{failure.what if failure else ''} Trying again ({attempt + 1} of {ATTEMPTS}).")
            time.sleep(client.patience.retry * attempt)
        # Do not resume from an error page that was saved as the start of the archive.
        if archive.is_file() and archive.stat().st_size and archive.open("rb").read(2) != b"PK":
            _clear(staging)
        try:
            with progress(f"downloading {client.slug}", round(total / 1e6), "MB") as bar:
                client.download(staging, lambda received: bar.update(round(received / 1e6) - bar.n))
        except KaggleError as error:
            if not error.passing:
                raise
            failure = error
            continue
        damage = _damage(archive) if archive.is_file() else "it is not a zip"
        if damage is None:
            return
        _clear(staging)
        failure = KaggleError(
            f"the archive from Kaggle for {client.slug} is damaged: {damage}.",
            _by_hand(client),
        )
    assert failure is not None
    received = _size(archive)
    raise KaggleError(
        f"{failure.what} {ATTEMPTS} attempts were made"
        + (
            f"; the {size(received)} received so far are kept, and the same command resumes from there."
            if received
            else "."
        ),
        failure.fix or "run the same command again",
    )


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _clear(folder: Path) -> None:
    """Empty a folder, so that a file and its resume marker are removed together."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


def _damage(archive: Path) -> str | None:
    """What is wrong with a zip; None if all its checksums match."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            if sum(info.file_size for info in zipped.infolist()) > MOST_GROWTH * max(archive.stat().st_size, 1 << 20):
                return None  # verifying a zip bomb takes forever; unpacking refuses it
            damaged = zipped.testzip()
            return None if damaged is None else f"{damaged} in it is damaged"
    except (*BROKEN, ValueError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        return str(error) or type(error).__name__


def leaderboard(client: Client, file: Path) -> int:
    """Download Kaggle's leaderboard and write it as a ``leaderboard.csv``, without the names of teams.

    Args:
        client: the competition's client.
        file: the CSV, written atomically.

    Returns:
        The number of teams.

    Raises:
        KaggleError: Kaggle refuses the download, or its answer is not a leaderboard.
    """
    with lock(file, "a leaderboard's download"):
        try:
            # Not the data's folder, because both archives have the same name.
            with tempfile.TemporaryDirectory(prefix=".leaderboard-", dir=file.parent) as staging:
                client.leaderboard(Path(staging))
                scores = _scores(Path(staging) / f"{client.slug}.zip")
        except (*BROKEN, ValueError, KeyError, OSError, EOFError, RuntimeError) as error:
            raise KaggleError(
                f"the download from Kaggle is not a leaderboard: {error}.",
                f"run the same command again, or look at {SITE}/c/{client.slug}/leaderboard",
            ) from None
        _write(file, scores, f"Kaggle {client.slug}, public, on {datetime.now(UTC):%Y-%m-%d}")
    return len(scores)


def private_leaderboard(client: Client, file: Path) -> int:
    """Fetch Kaggle's private leaderboard and write it as ``leaderboard`` does.

    Raises:
        KaggleError: Kaggle refuses it, or has none yet, or it has no valid scores.
    """
    cells = client.private_leaderboard()
    page = f"{SITE}/c/{client.slug}/leaderboard"
    if cells is None:
        raise KaggleError(
            f"Kaggle gives no private leaderboard of {client.slug} (or it is the same as the public one).",
            f"it is shown after the deadline, at {page}; the public one: --download",
        )
    try:
        scores = [float(cell) for cell in cells if cell]
    except ValueError:
        scores = []
    if not scores or not all(map(math.isfinite, scores)):
        raise KaggleError(f"the private leaderboard of {client.slug} has no valid scores.", f"look at {page}")
    _write(file, scores, f"Kaggle {client.slug}, private, on {datetime.now(UTC):%Y-%m-%d}")
    return len(scores)


def _write(file: Path, scores: list[float], source: str) -> None:
    ranked = ([rank, score, "any", source] for rank, score in enumerate(scores, 1))
    write_text(file, csv_text(COLUMNS, [[len(scores), "", TEAMS, source], *ranked]), private=True)


def _scores(archive: Path) -> list[float]:
    """The scores in a leaderboard's archive, in its order."""
    with zipfile.ZipFile(archive) as zipped:
        (csv_info,) = [info for info in zipped.infolist() if info.filename.endswith(".csv")]
        if csv_info.file_size > MOST_LEADERBOARD_BYTES:
            raise ValueError(f"a CSV of {size(csv_info.file_size)} is too large")
        text = zipped.read(csv_info).decode("utf-8-sig")
    scores = [float(row["Score"]) for row in csv.DictReader(io.StringIO(text, newline="")) if row["Score"]]
    if not scores or not all(map(math.isfinite, scores)):
        raise ValueError("it has no valid scores")
    return scores
