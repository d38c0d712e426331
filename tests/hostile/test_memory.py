"""Files that claim much and hold little: refused before memory is taken, with a short message."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import threading
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness.data.archives.archives import unpacked
from harness.data.image_sizes import MOST_BYTES
from harness.data.images import Geometry, UnreadableError
from harness.data.readers import cifar_batches
from harness.data.readers.reader import walk
from harness.utils.errors import UserError
from harness.utils.files import write_text
from tests.conftest import decoded

MOST = 50 << 20  # bytes


@pytest.fixture(autouse=True)
def little_memory():
    """No test may take much memory through Python's allocators."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST


def header(kind: bytes, claimed: int, name: str = "././@LongLink") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, claimed
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_tar_header_of_two_hundred_megabytes_is_refused(tmp_path: Path, kind: bytes):
    archive = tmp_path / "bomb.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as stream:
        stream.write(header(kind, 200 << 20))
        for _ in range(200):
            stream.write(b"a" * (1 << 20))
    with pytest.raises(UserError, match=r"a header in it claims 209\.7 MB") as refused:
        unpacked([archive], tmp_path / "unpacked")
    assert len(refused.value.what) < 300


def test_names_in_messages_are_short(tmp_path: Path):
    archive = tmp_path / "long.tar"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as made:
        made.addfile(tarfile.TarInfo("../" + "a" * 100_000), io.BytesIO())
    with pytest.raises(UserError, match="leads out") as refused:
        unpacked([archive], tmp_path / "unpacked")
    assert len(refused.value.what) < 300


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int) -> bytes:
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


BOMBS = {
    "png": png(30_000, 30_000),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 60_000, 60_000, 0, 0, 0) + b";",
    "bmp": b"BM"
    + struct.pack("<IHHI", 100, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 40_000, 40_000, 1, 24, *[0] * 6),
    "jpeg": b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 60_000, 60_000, 3) + bytes(9) + b"\xff\xd9",
}


@pytest.mark.parametrize("geometry", [None, Geometry(32, 32)])
@pytest.mark.parametrize("kind", [*BOMBS])
def test_an_image_that_claims_too_many_pixels_is_refused(kind: str, geometry: Geometry | None):
    with pytest.raises(UnreadableError, match=r"claims .*pixels"):
        decoded(BOMBS[kind], geometry)


def test_a_tiff_that_pillow_does_not_know_is_refused_by_its_directory():
    """Three samples of 32 bits of floating point."""
    tags = {256: 30_000, 257: 30_000, 258: 32, 259: 8, 262: 2, 277: 3, 278: 30_000, 339: 3}
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    with pytest.raises(UnreadableError, match=r"claims 30000×30000 pixels"):
        decoded(b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + directory + bytes(4))


@pytest.mark.parametrize(
    "content", [b"#?RADIANCE\n\n-Y 30000 +X 30000\n", b"\x59\xa6\x6a\x95" + b"\xff" * 28, b"II*\x00abcd"]
)
def test_what_has_no_header_that_can_be_read_is_not_decoded(content: bytes, monkeypatch):
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableError, match=r"known format|no directory"):
        decoded(content)


def test_several_large_images_at_once_wait_for_each_other(monkeypatch):
    """Each takes four tenths of what all may."""
    side = int((0.4 * MOST_BYTES / 6) ** 0.5)
    now, most, change = [0], [0], threading.Lock()

    def count(content, flag):
        with change:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with change:
            now[0] -= 1
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr("cv2.imdecode", count)
    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(decoded, [png(side, side)] * 8)]) == 8
    assert most[0] == 2


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # numbers an object two thousand millions
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",
        b"\x80\x02X\xff\xff\xff\x7f.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
    ],
)
def test_a_pickle_that_claims_more_than_it_holds_is_refused(tmp_path: Path, pickled: bytes):
    file = tmp_path / "data_batch_1"
    file.write_bytes(pickled)
    with pytest.raises(UserError, match="is not a batch file"):
        cifar_batches._read(file)


def test_a_pipe_and_a_device_are_refused_and_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(UserError, match="no file but a pipe"):
        list(walk(tmp_path))
    (tmp_path / "a.jpg").unlink()
    (tmp_path / "b.jpg").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="no file but a pipe, a socket or a device"):
        list(walk(tmp_path))


def test_writing_follows_no_link_and_leaves_nothing_behind(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in (".out.csv.tmp.csv", "out.csv"):
        (tmp_path / name).symlink_to(victim)
    old = tmp_path / ".out.csv.0123abcd.tmp.csv"
    old.write_text("left by a killed process")
    os.utime(old, (0, 0))
    write_text(tmp_path / "out.csv", "new")
    assert victim.read_text() == "mine" and (tmp_path / "out.csv").read_text() == "new"
    assert not old.exists() and len(list(tmp_path.iterdir())) == 3
