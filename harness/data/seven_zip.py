"""Reading .7z archives front to back: py7zr reads the table of contents, Python's own modules unpack.

py7zr's own unpacking is not used: for small files in one block it takes several times as long and comes to hold all
its packed bytes in memory, and it knows methods that put no bound on what a few bytes become.
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
START = 32  # bytes, which say where the table of contents is
MOST_TOLD = 4096  # bytes on how that table is packed, some 40 in practice
LEAST_DICTIONARY = 4096  # bytes, for LZMA

STORED, BZIP2, X86, AES = b"\x00", b"\x04\x02\x02", b"\x03\x03\x01\x03", b"\x06\xf1\x07\x01"
LZMA = {b"\x03\x01\x01": lzma.FILTER_LZMA1, b"\x21": lzma.FILTER_LZMA2}
# What 7-Zip makes of images; py7zr's own choice is the last.
METHODS = [[STORED], [BZIP2], *([method] for method in LZMA), [b"\x21", X86]]


class BrokenError(Exception):
    """It is no whole .7z archive."""


class RefusedError(Exception):
    """It is one that is not read; why, in words that follow the archive's name."""


class Member(NamedTuple):
    """One file or folder of an archive.

    Args:
        name: as the archive has it, with forward slashes.
        size: in bytes, as claimed.
        read: gives up to so many bytes of its content, none at the end; None for a folder. Each is read before the
            next, to its end.
    """

    name: str
    size: int
    read: Callable[[int], bytes] | None


def members(file: IO[bytes]) -> list[Member]:
    """What an archive holds, in the order in which it is to be read.

    Raises:
        BrokenError: it is broken or cut off.
        RefusedError: it is encrypted, packed in an uncommon way, or holds a link or a device.
    """
    import py7zr

    try:
        _check_table(file)
        return list(_members(py7zr.SevenZipFile(file), file))
    except (BrokenError, RefusedError):
        raise
    except Exception as error:  # a broken table makes py7zr raise any kind, OSError too
        raise BrokenError(str(error) or type(error).__name__) from error


def _check_table(file: IO[bytes]) -> None:
    """Refuse a table of contents packed with what only py7zr unpacks: it would do so at once, and fill the memory."""
    from py7zr.archiveinfo import HeaderStreamsInfo, SignatureHeader
    from py7zr.properties import PROPERTY

    start = SignatureHeader.retrieve(file)
    file.seek(START + start.nextheaderofs)
    told = io.BytesIO(file.read(MOST_TOLD))
    if told.read(1) == PROPERTY.ENCODED_HEADER:
        for block in HeaderStreamsInfo.retrieve(told).unpackinfo.folders:
            _methods(block)
    file.seek(0)


def _methods(block: Any) -> list[bytes]:
    """How a block is packed: what the packed bytes go through, first to last."""
    methods = [coder["method"] for coder in block.coders]
    if AES in methods:
        raise RefusedError("it is encrypted")
    if methods not in METHODS or any(coder["numinstreams"] * coder["numoutstreams"] != 1 for coder in block.coders):
        raise RefusedError("it is packed with an uncommon method; LZMA, LZMA2 and BZip2 are the usual ones")
    return methods


def _members(opened: Any, file: IO[bytes]) -> Iterator[Member]:
    blocks = _Blocks(file, {})
    if (streams := opened.header.main_streams) is not None:
        start = opened.afterheader + streams.packinfo.packpos
        sizes, end = streams.packinfo.packsizes, file.seek(0, os.SEEK_END)
        # As many as blocks, since no method here has several inputs.
        for block, place, size in zip(streams.unpackinfo.folders, accumulate([start, *sizes[:-1]]), sizes, strict=True):
            _methods(block)
            if place + size > end:
                raise BrokenError("its data end early")
            blocks.where[id(block)] = place, size
    for member in opened.files:
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
    """Unpacks blocks, of which each holds the contents of some members as one; one block at a time.

    Args:
        file: the archive.
        where: by a block's identity, where in the archive its packed bytes are, and how many.
    """

    file: IO[bytes]
    where: dict[int, tuple[int, int]]
    _block: Any = None  # the current one
    _place: int = 0  # of what is next of it
    _left: int = 0
    _decoder: lzma.LZMADecompressor | bz2.BZ2Decompressor | None = None

    def read(self, block: Any, most: int) -> bytes:
        """What is next in a block: a byte at least."""
        if block is not self._block:
            self._block, self._decoder = block, _decoder(block)
            self._place, self._left = self.where[id(block)]
        if self._decoder is None:
            return self._packed(most)
        while True:
            packed = self._packed(CHUNK) if self._decoder.needs_input else b""
            if content := self._decoder.decompress(packed, most):
                return content

    def _packed(self, most: int) -> bytes:
        self.file.seek(self._place)
        packed = self.file.read(min(most, self._left))
        if not packed:
            raise BrokenError("its data end early")
        self._place += len(packed)
        self._left -= len(packed)
        return packed


def _decoder(block: Any) -> lzma.LZMADecompressor | bz2.BZ2Decompressor | None:
    """What unpacks a block; None where it is stored as it is."""
    method, *filters = _methods(block)
    if method == STORED:
        return None
    if method == BZIP2:
        return bz2.BZ2Decompressor()
    properties = block.coders[0]["properties"] or b""
    chain = lzma._decode_filter_properties(LZMA[method], properties)  # type: ignore[attr-defined]  # as zipfile does
    # The archive may claim a dictionary of gigabytes, which would be reserved; one like the content is all it takes.
    chain["dict_size"] = min(chain["dict_size"], max(LEAST_DICTIONARY, block.get_unpack_size()))
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[*({"id": lzma.FILTER_X86} for _ in filters), chain])


@dataclass
class _Content:
    """A member's bytes.

    Args:
        blocks: unpacks them.
        block: they are in.
        left: how many are to come.
        expected: their checksum; None where the archive has none.
        checksum: of those that came.
    """

    blocks: _Blocks
    block: Any
    left: int
    expected: int | None
    checksum: int = 0

    def read(self, most: int) -> bytes:
        """Some bytes; none at the end.

        Raises:
            BrokenError: the data end early, or the checksum is wrong.
        """
        content = self.blocks.read(self.block, min(most, self.left)) if self.left else b""
        self.left -= len(content)
        self.checksum = zlib.crc32(content, self.checksum)
        if not self.left and self.expected not in (None, self.checksum):
            raise BrokenError("a checksum is wrong")
        return content
