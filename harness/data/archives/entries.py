"""What untrusted archives hold, entry by entry, within limits."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from harness.data.archives import seven_zip
from harness.utils.errors import UserError
from harness.utils.files import require_space, size

# Images hardly compress, so an archive that grows this much is a bomb: a terabyte of zeros in a small file.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 1 << 30
MOST_FILES = 2_000_000
# A path has at most 4,096 bytes on Linux; attributes may take more.
MOST_HEADER_BYTES = 1 << 20
HEADER_TYPES = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
CHUNK = 1 << 20


class Entry(NamedTuple):
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
class Allowance:
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
            raise refused(self.archive, f"it grows over {MOST_GROWTH} times when unpacked, as images never do")
        require_space(self.into, count, f"unpacking {self.archive.name}")

    def take(self, count: int) -> None:
        self.require(count)
        self.bytes -= count

    def take_file(self) -> None:
        if self.files == 0:
            raise refused(self.archive, f"it holds over {MOST_FILES:,} files")
        self.files -= 1


def entries(archive: Path, file: IO[bytes], allowance: Allowance) -> Iterator[Entry]:
    """The entries of an opened archive in their order, each to be read before the next is asked for.

    Raises:
        UserError: an entry is a link or a device, is encrypted, or is more than the allowance.
    """
    of_format = {".zip": _zip_entries, ".7z": _seven_zip_entries}.get(archive.suffix.lower(), _tar_entries)
    return of_format(archive, file, allowance)


def _zip_entries(archive: Path, file: IO[bytes], allowance: Allowance) -> Iterator[Entry]:
    with zipfile.ZipFile(file) as archive_file:
        infos = archive_file.infolist()
        claimed_bytes = sum(info.file_size for info in infos)
        allowance.require(claimed_bytes)
        position = 0
        for info in infos:
            file_type = stat.S_IFMT(info.external_attr >> 16)
            if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise refused(archive, f"{short(info.filename)} in it is a link or a device")
            if info.flag_bits & 1:
                raise refused(archive, "it is encrypted")
            position += info.compress_size
            if info.is_dir():
                yield Entry(info.filename, None, position)
            else:
                with archive_file.open(info) as content:
                    yield Entry(info.filename, content.read, position)


def _tar_entries(archive: Path, file: IO[bytes], allowance: Allowance) -> Iterator[Entry]:
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
                raise refused(archive, f"{short(member.name)} in it is a link or a device")
            allowance.require(member.size)
            content = archive_file.extractfile(member)
            yield Entry(member.name, content.read if content else None, file.tell())
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


def _seven_zip_entries(archive: Path, file: IO[bytes], allowance: Allowance) -> Iterator[Entry]:
    members = seven_zip.members(file)
    allowance.require(sum(member.size for member in members))
    for member in members:
        yield Entry(member.name, member.read, file.tell())


def short(name: str) -> str:
    """A name from an archive, as a message can hold it."""
    return repr(name if len(name) <= 80 else name[:79] + "…")


def refused(archive: Path, reason: str) -> UserError:
    """The error of an archive that could do harm."""
    return UserError(f"{archive.name} is refused: {reason}.", "get the organiser's own archive, or unpack it by hand")
