"""Unpacking untrusted archives: nothing is written outside the target, and no partial result is kept."""

from __future__ import annotations

import contextlib
import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PureWindowsPath

from harness.data.archives import seven_zip
from harness.data.archives.entries import (
    ALWAYS_ALLOWED,
    CHUNK,
    MOST_FILES,
    MOST_GROWTH,
    Allowance,
    entries,
    refused,
    short,
)
from harness.utils.console import progress
from harness.utils.errors import UserError, some
from harness.utils.files import lock, out_of_space, read_json, size, whole_folder, write_json

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip", ".7z")
INNER_SUFFIXES = (".zip", ".7z")
TABLE_SUFFIXES = (".csv", ".json")

BROKEN = (zipfile.BadZipFile, tarfile.TarError, seven_zip.BrokenError, zlib.error, lzma.LZMAError)
# Says what a folder was unpacked from; hidden, so that no reader lists it.
MARKER = ".unpacked.json"


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def archives_in(folder: Path) -> list[Path]:
    """The archives directly in a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if is_archive(path) and not path.name.startswith("."))


def tables_beside(archives: list[Path]) -> list[Path]:
    """The CSV and JSON files beside archives, sorted by name."""
    folders = {path.parent for path in archives}
    return sorted(
        path
        for folder in folders
        for path in folder.iterdir()
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def unpacked(archives: list[Path], target: Path, beside: Sequence[Path] = ()) -> Path:
    """The folder ``target``, with each archive's content in a folder named after the archive. It is unpacked once.

    ``train.csv.zip`` becomes ``train.csv``. The files ``beside`` the archives are copied to the folder.

    ``target`` belongs to this function: when the archives change, it is replaced. It is renamed into place when it is
    complete, so a killed run leaves no partial folder behind. A zip or 7z inside an archive is unpacked next to it; one
    nested deeper is not unpacked.

    Raises:
        UserError: an archive is broken, unsupported, too large, or could do harm.
    """
    unsupported = [path.name for path in archives if not is_archive(path)]
    if unsupported:
        raise UserError(
            f"the harness cannot unpack {some(unsupported)} (supported: {', '.join(SUFFIXES)}).",
            "unpack it, and give the folder with --data DIR",
        )
    marker = {"archives": [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in (*archives, *beside)]}
    with lock(target, "the unpacked data"):
        if read_json(target / MARKER) != marker:
            with whole_folder(target) as coming:
                for archive in archives:
                    _unpack(archive, coming)
                for file in beside:
                    if not (coming / file.name).exists():
                        shutil.copyfile(file, coming / file.name)
                write_json(coming / MARKER, marker)
    return target


def _unpack(archive: Path, parent: Path) -> None:
    """Unpack one archive, and the zip and 7z files in it, to a folder of its own in ``parent``."""
    max_bytes = max(ALWAYS_ALLOWED, MOST_GROWTH * archive.stat().st_size)
    allowance = Allowance(archive, parent, max_bytes, MOST_FILES)
    folder = _folder_for(archive, parent)
    if folder.exists():
        raise UserError(f"two archives would both become {folder.name}/: one is {archive}.", "move one of them away")
    _extract(archive, folder, allowance)
    for inner in sorted(
        path
        for path in folder.rglob("*")
        # A Mac puts a file of attributes beside each: ``__MACOSX/._train.zip`` is no zip.
        if path.name.lower().endswith(INNER_SUFFIXES) and not path.name.startswith(".") and path.is_file()
    ):
        inner_folder = _folder_for(inner, inner.parent)
        if not inner_folder.exists():
            _extract(inner, inner_folder, allowance)
            inner.unlink()


def _folder_for(archive: Path, parent: Path) -> Path:
    suffix = next(suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix))
    return parent / archive.name[: -len(suffix)]


def _extract(archive: Path, folder: Path, allowance: Allowance) -> None:
    """Write an archive's files to ``folder``; a single top folder of the same name is not nested in it."""
    folder.mkdir()
    bar = progress(f"unpacking {archive.name}", round(archive.stat().st_size / 1e6), "MB")
    with _as_user_errors(archive), bar, archive.open("rb") as file:
        for entry in entries(archive, file, allowance):
            allowance.take_file()
            path = folder.joinpath(*_safe_parts(archive, entry.name))
            if entry.read is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                _write(path, entry.read, allowance)
            bar.update(round(entry.position / 1e6) - bar.n)
    inner = folder / folder.name
    if [path.name for path in folder.iterdir() if path.name != "__MACOSX"] == [folder.name] and (
        inner.is_dir() or inner.suffix.lower() in TABLE_SUFFIXES
    ):
        renamed = folder.with_name(f".{folder.name}.lifted")
        inner.replace(renamed)
        shutil.rmtree(folder)
        renamed.replace(folder)


def _write(path: Path, read: Callable[[int], bytes], allowance: Allowance) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        while chunk := read(CHUNK):
            # Count what is really written, whatever the archive claims.
            allowance.take(len(chunk))
            out.write(chunk)


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    """The parts of an entry's path; an error if on any system it would lead out of the target."""
    path = PureWindowsPath(name)  # treats both kinds of slashes as separators
    if path.drive or path.root or ".." in path.parts:
        raise refused(archive, f"{short(name)} in it leads out of the folder that it is unpacked to")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise refused(archive, f"the name {short(name)} in it is not UTF-8") from None
    return path.parts


@contextlib.contextmanager
def _as_user_errors(archive: Path) -> Iterator[None]:
    """Turn the exceptions of a broken archive or a full disk into a UserError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise refused(archive, f"the name {Path(error.filename).name!r} is used twice in it") from None
    except seven_zip.RefusedError as error:
        raise refused(archive, str(error)) from None
    except (*BROKEN, ValueError, EOFError, NotImplementedError, RecursionError) as error:
        raise _broken(archive, error) from error
    except OSError as error:
        if error.errno is None:  # gzip's own: a bad header or checksum
            raise _broken(archive, error) from error
        if error.errno == errno.ENAMETOOLONG:
            raise refused(archive, f"the name {short(Path(error.filename or '').name)} in it is too long") from None
        fix = "free some room, then run the same command" if out_of_space(error) else None
        raise UserError(f"{archive.name} could not be unpacked: {error}.", fix) from error


def _broken(archive: Path, error: Exception) -> UserError:
    return UserError(
        f"{archive.name} is broken or cut off ({size(archive.stat().st_size)}): {error}.", "download it again"
    )
