"""Reading .7z archives front to back: py7zr reads the table of contents, Python's standard library decompresses.

py7zr's own decompression is not used. For small files in one block it takes several times as long and ends up holding
all packed bytes in memory, and some of its methods do not limit how much a few bytes expand to.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import IO, Any, NamedTuple

CHUNK = 1 << 16
SIGNATURE_SIZE = 32  # bytes; they say where the table of contents is
MAX_TABLE_HEADER = 4096  # bytes that describe how the table is packed, about 40 in practice
MAX_TABLE = 32 << 20  # bytes of the unpacked table; 300,000 files take about 15 MB
MAX_MEMBERS = 1 << 20  # each takes 200 bytes in py7zr, named or not
MIN_DICTIONARY = 4096  # bytes; the smallest dictionary of LZMA

STORED, BZIP2, X86, AES = b"\x00", b"\x04\x02\x02", b"\x03\x03\x01\x03", b"\x06\xf1\x07\x01"
LZMA = {b"\x03\x01\x01": lzma.FILTER_LZMA1, b"\x21": lzma.FILTER_LZMA2}
# What 7-Zip uses for images; the last one is py7zr's default.
METHODS = [[STORED], [BZIP2], *([method] for method in LZMA), [b"\x21", X86]]


class BrokenError(Exception):
    """The file is not a complete .7z archive."""


class RefusedError(Exception):
    """The archive is not accepted; the message says why."""


class Member(NamedTuple):
    """One file or folder of an archive.

    Args:
        name: the path in the archive, with forward slashes.
        size: the claimed size in bytes.
        read: returns up to the given number of bytes of the content, none at the end; None for a folder. Members must
            be read in order, each to its end.
    """

    name: str
    size: int
    read: Callable[[int], bytes] | None


def members(file: IO[bytes]) -> list[Member]:
    """The members of an archive, in the order in which they must be read.

    Raises:
        BrokenError: the archive is damaged or truncated.
        RefusedError: the archive is encrypted, uses an uncommon method, or holds a link or a device.
    """
    import py7zr

    try:
        _check_table(file)
        return list(_members(py7zr.SevenZipFile(file), file))
    except (BrokenError, RefusedError):
        raise
    except Exception as error:  # py7zr raises any exception on a damaged table, even OSError
        raise BrokenError(str(error) or type(error).__name__) from error


def _check_table(file: IO[bytes]) -> None:
    """Reject a table of contents that is packed with an unsupported method: py7zr would unpack it all in memory."""
    from py7zr import archiveinfo
    from py7zr.archiveinfo import HeaderStreamsInfo, SignatureHeader
    from py7zr.properties import PROPERTY

    archiveinfo.MAX_NUMFILES = MAX_MEMBERS  # py7zr's own limit is eight times as high
    signature = SignatureHeader.retrieve(file)
    file.seek(SIGNATURE_SIZE + signature.nextheaderofs)
    table = io.BytesIO(file.read(MAX_TABLE_HEADER))
    if table.read(1) == PROPERTY.ENCODED_HEADER:
        for block in HeaderStreamsInfo.retrieve(table).unpackinfo.folders:
            _methods(block)
            if block.get_unpack_size() > MAX_TABLE:
                raise RefusedError(f"its table of contents claims {block.get_unpack_size():,} bytes")
    file.seek(0)


def _methods(block: Any) -> list[bytes]:
    """The methods that unpack a block, first to last."""
    methods = [coder["method"] for coder in block.coders]
    if AES in methods:
        raise RefusedError("it is encrypted")
    if methods not in METHODS or any(coder["numinstreams"] * coder["numoutstreams"] != 1 for coder in block.coders):
        raise RefusedError("it is packed with an uncommon method; LZMA, LZMA2 and BZip2 are the usual ones")
    return methods


def _members(archive: Any, file: IO[bytes]) -> Iterator[Member]:
    blocks = _Blocks(file, {})
    if (streams := archive.header.main_streams) is not None:
        first_offset = archive.afterheader + streams.packinfo.packpos
        sizes, file_end = streams.packinfo.packsizes, file.seek(0, os.SEEK_END)
        # One packed stream per block, since no supported method has several inputs.
        for block, offset, size in zip(
            streams.unpackinfo.folders, accumulate([first_offset, *sizes[:-1]]), sizes, strict=True
        ):
            _methods(block)
            if offset + size > file_end:
                raise BrokenError("its data end early")
            blocks.where[id(block)] = offset, size
    for member in archive.files:
        if member.is_symlink or member.is_junction or not (member.is_file or member.is_directory):
            raise RefusedError(f"{member.filename!r} in it is a link or a device")
        if member.emptystream:
            yield Member(member.filename, 0, None if member.is_directory else io.BytesIO().read)
        elif member.is_directory:
            raise RefusedError(f"{member.filename!r} in it is a folder and a file at once")
        elif member.folder is None or member.uncompressed < 0:
            raise BrokenError("its table of contents contradicts itself")
        else:
            content = _Content(blocks, member.folder, member.uncompressed, member.crc32)
            yield Member(member.filename, member.uncompressed, content.read)


@dataclass
class _Blocks:
    """Unpacks one block at a time. A block holds the concatenated contents of some members.

    Args:
        file: the archive.
        where: the offset and the number of the packed bytes, by the ``id`` of the block.
    """

    file: IO[bytes]
    where: dict[int, tuple[int, int]]
    _block: Any = None  # the current block
    _place: int = 0  # the offset of its next packed bytes
    _left: int = 0  # how many packed bytes remain
    _decoder: lzma.LZMADecompressor | bz2.BZ2Decompressor | None = None

    def read(self, block: Any, max_bytes: int) -> bytes:
        """The next bytes of a block: at least one."""
        if block is not self._block:
            self._block, self._decoder = block, _decoder(block)
            self._place, self._left = self.where[id(block)]
        if self._decoder is None:
            return self._packed(max_bytes)
        while True:
            packed = self._packed(CHUNK) if self._decoder.needs_input else b""
            if content := self._decoder.decompress(packed, max_bytes):
                return content

    def _packed(self, max_bytes: int) -> bytes:
        self.file.seek(self._place)
        packed = self.file.read(min(max_bytes, self._left))
        if not packed:
            raise BrokenError("its data end early")
        self._place += len(packed)
        self._left -= len(packed)
        return packed


def _decoder(block: Any) -> lzma.LZMADecompressor | bz2.BZ2Decompressor | None:
    """The decompressor of a block; None if it is stored uncompressed."""
    method, *filters = _methods(block)
    if method == STORED:
        return None
    if method == BZIP2:
        return bz2.BZ2Decompressor()
    properties = block.coders[0]["properties"] or b""
    lzma_filter = lzma._decode_filter_properties(LZMA[method], properties)  # type: ignore[attr-defined]  # as zipfile does
    # The archive may claim a dictionary of gigabytes, which would be allocated; the size of the content is enough.
    lzma_filter["dict_size"] = min(lzma_filter["dict_size"], max(MIN_DICTIONARY, block.get_unpack_size()))
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[*({"id": lzma.FILTER_X86} for _ in filters), lzma_filter])


@dataclass
class _Content:
    """The content of a member.

    Args:
        blocks: unpacks the block.
        block: the block that the content is in.
        left: the number of remaining bytes.
        expected: the expected checksum; None if the archive has none.
        checksum: the checksum of the bytes read so far.
    """

    blocks: _Blocks
    block: Any
    left: int
    expected: int | None
    checksum: int = 0

    def read(self, max_bytes: int) -> bytes:
        """The next bytes; none at the end.

        Raises:
            BrokenError: the data is truncated, or the checksum is wrong.
        """
        content = self.blocks.read(self.block, min(max_bytes, self.left)) if self.left else b""
        self.left -= len(content)
        self.checksum = zlib.crc32(content, self.checksum)
        if not self.left and self.expected not in (None, self.checksum):
            raise BrokenError("a checksum is wrong")
        return content
