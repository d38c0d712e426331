"""Unpacking untrusted archives: nothing is written outside the target, and no partial result is kept."""

from __future__ import annotations

import contextlib
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, NamedTuple

from harness.data.archives import seven_zip
from harness.utils.console import progress
from harness.utils.errors import UserError, some
from harness.utils.files import lock, out_of_space, read_json, require_space, size, whole_folder, write_json

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip", ".7z")
INNER_SUFFIXES = (".zip", ".7z")
TABLE_SUFFIXES = (".csv", ".json")

# Images hardly compress, so an archive that grows this much is a bomb: a terabyte of zeros in a small file.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 1 << 30
MOST_FILES = 2_000_000
# A path has at most 4,096 bytes on Linux; attributes may take more.
MOST_HEADER_BYTES = 1 << 20
HEADER_TYPES = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip

BROKEN = (zipfile.BadZipFile, tarfile.TarError, seven_zip.BrokenError, zlib.error, lzma.LZMAError)
CHUNK = 1 << 20
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
    allowance = _Allowance(archive, parent, max_bytes, MOST_FILES)
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


class _Entry(NamedTuple):
    """One file or folder of an archive.

    Args:
        name: the path in the archive.
        read: returns up to the given number of bytes of the content, none at the end; None for a folder.
        position: the offset in the archive, in bytes.
    """

    name: str
    read: Callable[[int], bytes] | None
    position: int


@dataclass
class _Allowance:
    """How much an archive may still write, including the archives nested in it.

    Args:
        archive: the outer archive.
        into: the folder that it is unpacked to.
        bytes: the remaining bytes.
        files: the remaining files.
    """

    archive: Path
    into: Path
    bytes: int
    files: int

    def require(self, count: int) -> None:
        if count > self.bytes:
            raise _refused(self.archive, f"it grows over {MOST_GROWTH} times when unpacked, as images never do")
        require_space(self.into, count, f"unpacking {self.archive.name}")

    def take(self, count: int) -> None:
        self.require(count)
        self.bytes -= count

    def take_file(self) -> None:
        if self.files == 0:
            raise _refused(self.archive, f"it holds over {MOST_FILES:,} files")
        self.files -= 1


def _extract(archive: Path, folder: Path, allowance: _Allowance) -> None:
    """Write an archive's files to ``folder``; a single top folder of the same name is not nested in it."""
    folder.mkdir()
    entries = {".zip": _zip_entries, ".7z": _seven_zip_entries}.get(archive.suffix.lower(), _tar_entries)
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


def _write(path: Path, read: Callable[[int], bytes], allowance: _Allowance) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out:
        while chunk := read(CHUNK):
            # Count what is really written, whatever the archive claims.
            allowance.take(len(chunk))
            out.write(chunk)


def _zip_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    with zipfile.ZipFile(file) as archive_file:
        infos = archive_file.infolist()
        claimed_bytes = sum(info.file_size for info in infos)
        allowance.require(claimed_bytes)
        position = 0
        for info in infos:
            file_type = stat.S_IFMT(info.external_attr >> 16)
            if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, f"{_short(info.filename)} in it is a link or a device")
            if info.flag_bits & 1:
                raise _refused(archive, "it is encrypted")
            position += info.compress_size
            if info.is_dir():
                yield _Entry(info.filename, None, position)
            else:
                with archive_file.open(info) as content:
                    yield _Entry(info.filename, content.read, position)


def _tar_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    # The size of a compressed tar is known at its end only, so space is checked while it is written.
    if archive.suffix.lower() == ".tar":
        _require_end(file)
    # Not tarfile's own decompression, which accepts a truncated file and does not verify the checksum.
    with contextlib.ExitStack() as stack:
        stream = file if archive.suffix.lower() == ".tar" else stack.enter_context(gzip.GzipFile(fileobj=file))
        archive_file = stack.enter_context(tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header))
        while (member := archive_file.next()) is not None:
            archive_file.members = []  # type: ignore[attr-defined]  # or tarfile would keep every member
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise _refused(archive, f"{_short(member.name)} in it is a link or a device")
            allowance.require(member.size)
            content = archive_file.extractfile(member)
            yield _Entry(member.name, content.read if content else None, file.tell())
        while chunk := stream.read(CHUNK):  # read to the end, where gzip verifies its checksum
            allowance.take(len(chunk))


class _Header(tarfile.TarInfo):
    """A member's header. Those that hold a name or attributes are read into memory, so their size is limited."""

    def _proc_member(self, archive_file: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in HEADER_TYPES and self.size > MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a header in it claims {size(self.size)}")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("it holds a sparse file")
        return super()._proc_member(archive_file)  # type: ignore[misc]


def _require_end(file: IO[bytes]) -> None:
    """Reject a plain tar that was truncated between two files: a complete one ends in zeros."""
    file.seek(-min(512, file.seek(0, os.SEEK_END)), os.SEEK_END)
    if any(file.read(512)):
        raise tarfile.ReadError("its end is missing")
    file.seek(0)


def _seven_zip_entries(archive: Path, file: IO[bytes], allowance: _Allowance) -> Iterator[_Entry]:
    members = seven_zip.members(file)
    allowance.require(sum(member.size for member in members))
    for member in members:
        yield _Entry(member.name, member.read, file.tell())


def _safe_parts(archive: Path, name: str) -> tuple[str, ...]:
    """The parts of an entry's path; an error if on any system it would lead out of the target."""
    path = PureWindowsPath(name)  # treats both kinds of slashes as separators
    if path.drive or path.root or ".." in path.parts:
        raise _refused(archive, f"{_short(name)} in it leads out of the folder that it is unpacked to")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _refused(archive, f"the name {_short(name)} in it is not UTF-8") from None
    return path.parts


def _short(name: str) -> str:
    """A name from an archive, as a message can hold it."""
    return repr(name if len(name) <= 80 else name[:79] + "…")


@contextlib.contextmanager
def _as_user_errors(archive: Path) -> Iterator[None]:
    """Turn the exceptions of a broken archive or a full disk into a UserError."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refused(archive, f"the name {Path(error.filename).name!r} is used twice in it") from None
    except seven_zip.RefusedError as error:
        raise _refused(archive, str(error)) from None
    except (*BROKEN, ValueError, EOFError, NotImplementedError, RecursionError) as error:
        raise _broken(archive, error) from error
    except OSError as error:
        if error.errno is None:  # gzip's own: a bad header or checksum
            raise _broken(archive, error) from error
        if error.errno == errno.ENAMETOOLONG:
            raise _refused(archive, f"the name {_short(Path(error.filename or '').name)} in it is too long") from None
        fix = "free some room, then run the same command" if out_of_space(error) else None
        raise UserError(f"{archive.name} could not be unpacked: {error}.", fix) from error


def _broken(archive: Path, error: Exception) -> UserError:
    return UserError(
        f"{archive.name} is broken or cut off ({size(archive.stat().st_size)}): {error}.", "download it again"
    )


def _refused(archive: Path, reason: str) -> UserError:
    return UserError(f"{archive.name} is refused: {reason}.", "get the organiser's own archive, or unpack it by hand")
