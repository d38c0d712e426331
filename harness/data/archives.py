"""Unpacking archives that may come from anywhere: nothing leaves the target, nothing half-done is kept."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, NamedTuple

from harness.console import progress
from harness.data import seven_zip
from harness.errors import UserError, some
from harness.files import lock, out_of_space, read_json, require_space, size, write_json

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip", ".7z")
INNER_SUFFIXES = (".zip", ".7z")

# Images hardly shrink, so an archive that grows like this is a bomb: a terabyte of zeros in a small file.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 1 << 30
MOST_FILES = 2_000_000

BROKEN = (zipfile.BadZipFile, tarfile.TarError, seven_zip.BrokenError, zlib.error, lzma.LZMAError)
CHUNK = 1 << 20
# Hidden, so that no reader lists it; says what a folder was unpacked from.
MARKER = ".unpacked.json"


def is_archive(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def archives_in(folder: Path) -> list[Path]:
    """The archives directly in a folder, by name."""
    return sorted(path for path in folder.iterdir() if is_archive(path) and not path.name.startswith("."))


def unpacked(archives: list[Path], target: Path) -> Path:
    """The folder ``target`` with each archive's content in a folder named after it; unpacked once.

    ``target`` belongs to this function: when the archives change, it is replaced. It appears when everything is in
    it, so a kill leaves nothing that a later run could mistake for the whole. A zip or 7z inside an archive is
    unpacked beside where it lies; one inside that one is left alone.

    Raises:
        UserError: an archive is broken, of an unknown kind, too large, or holds what could do harm.
    """
    unknown = [path.name for path in archives if not is_archive(path)]
    if unknown:
        raise UserError(
            f"{some(unknown)} is a file of a kind that the harness does not unpack (it does {', '.join(SUFFIXES)}).",
            "unpack it, and give the folder with --data DIR",
        )
    about = {"archives": [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in archives]}
    with lock(target, "the unpacked data"):
        if read_json(target / MARKER) != about:
            temporary, old = (target.with_name(f".{target.name}.{kind}") for kind in ("tmp", "old"))
            _remove(temporary, old)  # what a killed process left
            try:
                temporary.mkdir()
                for archive in archives:
                    _unpack(archive, temporary)
                write_json(temporary / MARKER, about)
                if target.exists():
                    target.replace(old)  # not removed in place: half a folder would still have its marker
                temporary.replace(target)
            finally:
                _remove(temporary, old)
    return target


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: Path, into: Path) -> None:
    """One archive, and the zips and 7zs in it, into a folder of its own in ``into``."""
    most = max(ALWAYS_ALLOWED, MOST_GROWTH * archive.stat().st_size)
    allowance = _Allowance(archive, into, most, MOST_FILES)
    folder = _folder_for(archive, into)
    if folder.exists():
        raise UserError(f"two archives would both become {folder.name}/: one is {archive}.", "move one of them away")
    _extract(archive, folder, allowance)
    for inner in sorted(
        path for path in folder.rglob("*") if path.name.lower().endswith(INNER_SUFFIXES) and path.is_file()
    ):
        inside = _folder_for(inner, inner.parent)
        if not inside.exists():
            _extract(inner, inside, allowance)
            inner.unlink()


def _folder_for(archive: Path, into: Path) -> Path:
    suffix = next(suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix))
    return into / archive.name[: -len(suffix)]


class _Entry(NamedTuple):
    """One file or folder of an archive.

    Args:
        name: as the archive has it.
        read: gives up to so many bytes of its content, none at the end; None for a folder.
        position: how far into the archive this is, in bytes.
    """

    name: str
    read: Callable[[int], bytes] | None
    position: int


@dataclass
class _Allowance:
    """How much an archive may still write, over all that is nested in it.

    Args:
        archive: the outer one.
        into: where it is unpacked.
        bytes: left.
        files: left.
    """

    archive: Path
    into: Path
    bytes: int
    files: int

    def require(self, count: int) -> None:
        if count > self.bytes:
            raise _refusal(self.archive, f"it grows over {MOST_GROWTH} times in unpacking, as images never do")
        require_space(self.into, count, f"unpacking {self.archive.name}")

    def take(self, count: int) -> None:
        self.require(count)
        self.bytes -= count

    def take_file(self) -> None:
        if self.files == 0:
            raise _refusal(self.archive, f"it holds over {MOST_FILES:,} files")
        self.files -= 1


def _extract(archive: Path, folder: Path, allowance: _Allowance) -> None:
    """Write an archive's files under ``folder``; a single top folder of the same name is not doubled."""
    folder.mkdir()
    entries = {".zip": _zip_entries, ".7z": _seven_zip_entries}.get(archive.suffix.lower(), _tar_entries)
    bar = progress(f"unpacking {archive.name}", round(archive.stat().st_size / 1e6), "MB")
    with _in_words(archive), bar, archive.open("rb") as file:
        for entry in entries(archive, file, allowance):
            allowance.take_file()
            path = folder.joinpath(*_parts(archive, entry.name))
            if entry.read is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                _write(path, entry.read, allowance)
            bar.update(round(entry.position / 1e6) - bar.n)
    inner = folder / folder.name
    if [path.name for path in folder.iterdir() if path.name != "__MACOSX"] == [folder.name] and inner.is_dir():
        lifted = folder.with_name(f".{folder.name}.lifted")
        inner.replace(lifted)
        shutil.rmtree(folder)
        lifted.replace(folder)


def _write(path: Path, read: Callable[[int], bytes], allowance: _Allowance) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        while chunk := read(CHUNK):
            # What is really written counts, whatever the archive claimed.
            allowance.take(len(chunk))
            out.write(chunk)


def _zip_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    with zipfile.ZipFile(file) as opened:
        infos = opened.infolist()
        claimed = sum(info.file_size for info in infos)
        allowance.require(claimed)
        position = 0
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(archive, f"{info.filename!r} in it is a link or a device")
            if info.flag_bits & 1:
                raise _refusal(archive, "it is encrypted")
            position += info.compress_size
            if info.is_dir():
                yield _Entry(info.filename, None, position)
            else:
                with opened.open(info) as content:
                    yield _Entry(info.filename, content.read, position)


def _tar_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    # How much a compressed tar holds is known at its end only, so room is asked for as it is written.
    if archive.suffix.lower() == ".tar":
        _require_end(file)
    # Not tarfile's own decompression, which takes a cut-off file for a whole one and compares no checksum.
    with contextlib.ExitStack() as stack:
        stream = file if archive.suffix.lower() == ".tar" else stack.enter_context(gzip.GzipFile(fileobj=file))
        opened = stack.enter_context(tarfile.open(fileobj=stream, mode="r|"))
        while (member := opened.next()) is not None:
            opened.members = []  # type: ignore[attr-defined]  # else it keeps every one
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _refusal(archive, f"{member.name!r} in it is a link or a device")
            allowance.require(member.size)
            content = opened.extractfile(member)
            yield _Entry(member.name, content.read if content else None, file.tell())
        while chunk := stream.read(CHUNK):  # to the end, where gzip's checksum is
            allowance.take(len(chunk))


def _require_end(file: IO[bytes]) -> None:
    """Refuse a plain tar that was cut off between two files: a whole one ends in zeros."""
    file.seek(-min(512, file.seek(0, os.SEEK_END)), os.SEEK_END)
    if any(file.read(512)):
        raise tarfile.ReadError("its end is missing")
    file.seek(0)


def _seven_zip_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    members = seven_zip.members(file)
    allowance.require(sum(member.size for member in members))
    for member in members:
        yield _Entry(member.name, member.read, file.tell())


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    """An entry's path in parts, none of which leads elsewhere on any system."""
    windows = PureWindowsPath(name)  # takes both kinds of slashes for separators
    if windows.drive or windows.root or ".." in windows.parts:
        raise _refusal(archive, f"{name!r} in it leads out of the folder it is unpacked to")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _refusal(archive, f"{name!r} in it is a name that is not UTF-8") from None
    return windows.parts


@contextlib.contextmanager
def _in_words(archive: Path) -> Iterator[None]:
    """Turn what a broken archive or a full disk raises into a UserError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refusal(archive, f"the name {Path(error.filename).name!r} stands for two things in it") from None
    except seven_zip.RefusedError as error:
        raise _refusal(archive, str(error)) from None
    except (*BROKEN, ValueError, EOFError, NotImplementedError) as error:
        raise _broken(archive, error) from error
    except OSError as error:
        if error.errno is None:  # gzip's own: a bad header or checksum
            raise _broken(archive, error) from error
        mend = "free some room, then run the same command" if out_of_space(error) else None
        raise UserError(f"{archive.name} could not be unpacked: {error}.", mend) from error


def _broken(archive: Path, error: Exception) -> UserError:
    return UserError(
        f"{archive.name} is broken or cut off ({size(archive.stat().st_size)}): {error}.", "download it again"
    )


def _refusal(archive: Path, why: str) -> UserError:
    return UserError(f"{archive.name} is refused: {why}.", "get the organiser's own archive, or unpack it by hand")
