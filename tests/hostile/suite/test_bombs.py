"""Files that claim or hold much more than they weigh: refused, or read, in less than 600 MB, measured in a child."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import CHECKOUT
from tests.hostile.suite.tally import Tally
from tests.hostile.test_memory import chunk, png

MOST = 600  # MB
SIDE = 9000
LONG = b"x" * (50 << 20)

UNPACK = "from harness.data.archives.archives import unpacked; unpacked([file], file.with_name('target'))"
LOOK = "from harness.data.images import Geometry, load; load(file.read_bytes(), Geometry(32, 32))"
SEEN = (
    "from contextlib import ExitStack; from harness.data.images import opened; "
    "ExitStack().enter_context(opened(file.read_bytes()))"
)
CROWD = (
    "from concurrent.futures import ThreadPoolExecutor as Pool; from harness.data.images import Geometry, load; "
    "list(Pool(8).map(lambda _: load(file.read_bytes(), Geometry(32, 32)), range(8)))"
)
BATCH = "from harness.data.readers import cifar_batches; cifar_batches._read(file)"
KEPT = "from harness.utils.files import read_json; read_json(file)"
BOARD = (
    "from harness.scoring.leaderboard import Leaderboard; from harness.scoring.metrics import METRICS; "
    "Leaderboard.load(file, METRICS['accuracy'])"
)
LINT = (
    "from harness.scoring.lint import lint; from harness.scoring.submission_format import SubmissionFormat; "
    "print(len(lint(SubmissionFormat(), file, ('1', '2'), ('a', 'b'), {})))"
)
CHILD = """
import sys
from pathlib import Path
from harness.utils.errors import UserError
from harness.data.images import UnreadableError
file, told = Path(sys.argv[1]), ""
try:
    {work}
except (UserError, UnreadableError) as error:
    told = str(error)
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(int(peak) // 1024, len(told))
"""


def tar_header(kind: bytes, compressed: bool = True) -> bytes:
    stream = io.BytesIO()
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = kind, 1 << 30
    stream.write(member.tobuf(tarfile.GNU_FORMAT))
    for _ in range(1 << 10):
        stream.write(b"a" * (1 << 20))
    return gzip.compress(stream.getvalue(), 1) if compressed else stream.getvalue()


def zipped(size: int) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.jpg", "w", force_zip64=True) as member,
    ):
        for _ in range(size >> 20):
            member.write(bytes(1 << 20))
    return stream.getvalue()


def seven_zip_table(claimed: int) -> bytes:
    """A .7z whose packed table of contents unpacks to so many bytes."""
    table = b"\x01\x05" + b"\xe0" + struct.pack("<I", 1 << 22)[:3] + bytes(claimed - 6)
    settings = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}
    packed = lzma.compress(table, lzma.FORMAT_RAW, filters=[settings])
    number = b"\xff" + struct.pack("<Q", claimed)
    coder = b"\x23\x03\x01\x01\x05\x5d" + struct.pack("<I", 1 << 16)
    header = b"\x17\x06\x00\x01\x09\xff" + struct.pack("<Q", len(packed)) + b"\x00"
    header += b"\x07\x0b\x01\x00\x01" + coder + b"\x0c" + number + b"\x00\x00"
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\x00\x04" + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def image(kind: str, side: int, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, kind, **options)
    return stream.getvalue()


def with_text(size: int) -> bytes:
    """A small PNG with a packed text of so many bytes."""
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(size), 1))
    return image("PNG", 8)[:33] + text + image("PNG", 8)[33:]


BOMBS: dict[str, tuple[str, str, Callable[[], bytes]]] = {
    "a GNU long name of 1 GB": (UNPACK, "x.tar.gz", lambda: tar_header(tarfile.GNUTYPE_LONGNAME)),
    "a PAX header of 1 GB": (UNPACK, "x.tar.gz", lambda: tar_header(tarfile.XHDTYPE)),
    "3 GB of zeros in a zip": (UNPACK, "x.zip", lambda: zipped(3 << 30)),
    "a 7z table of 200 MB": (UNPACK, "x.7z", lambda: seven_zip_table(200 << 20)),
    "a 7z table of 30 MB": (UNPACK, "x.7z", lambda: seven_zip_table(30 << 20)),
    "a PNG of 900 million pixels": (LOOK, "x.png", lambda: png(30_000, 30_000)),
    "a PNG of 81 million pixels": (SEEN, "x.png", lambda: image("PNG", SIDE)),
    "eight PNGs of 81 million pixels at once": (CROWD, "x.png", lambda: image("PNG", SIDE)),
    "a GIF of 62 million pixels": (SEEN, "x.gif", lambda: image("GIF", 7800, "L")),
    "a TIFF of 81 million pixels": (SEEN, "x.tif", lambda: image("TIFF", SIDE, "L", compression="tiff_deflate")),
    "a TIFF of floats": (SEEN, "x.tif", lambda: image("TIFF", SIDE, "F", compression="tiff_deflate")),
    "a WebP of 81 million pixels": (SEEN, "x.webp", lambda: image("WEBP", SIDE, method=0)),
    "a JPEG of 81 million pixels": (SEEN, "x.jpg", lambda: image("JPEG", SIDE)),
    "a progressive JPEG of 81 million pixels": (LOOK, "x.jpg", lambda: image("JPEG", SIDE, progressive=True)),
    "a JPEG 2000 of 31 million pixels": (SEEN, "x.jp2", lambda: image("JPEG2000", 5550)),
    "an AVIF of 31 million pixels": (SEEN, "x.avif", lambda: image("AVIF", 5550, speed=10)),
    "a PNG with a text of 1 GB": (SEEN, "x.png", lambda: with_text(1 << 30)),
    "a pickle that numbers two thousand millions": (BATCH, "data_batch_1", lambda: b"\x80\x02}r\xff\xff\xff\x7f."),
    "a pickle of a terabyte": (BATCH, "data_batch_1", lambda: b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"."),
    "JSON a million deep": (KEPT, "x.json", lambda: b"[" * 1_000_000),
    "JSON of a number of a million digits": (KEPT, "x.json", lambda: b'{"a": ' + b"9" * 10**6 + b"}"),
    "a leaderboard's cell of 50 MB": (BOARD, "l.csv", lambda: b"rank,score,kind,source\n1,0.5,any," + LONG),
    "a CSV that is one line of 50 MB": (LINT, "x.csv", lambda: b"id,label\n" + LONG),
    "a CSV with a quote of 60 MB": (LINT, "x.csv", lambda: b'id,label\n1,"' + b"a\n" * (30 << 20)),
    "a CSV of 30 million empty lines": (LINT, "x.csv", lambda: b"id,label\n1,a\n2,b" + b"\n" * (30 << 20)),
    "a CSV of 15 million lines too narrow": (LINT, "x.csv", lambda: b"id,label\n" + b"a\n" * (15 << 20)),
    "a CSV of ten million cells in a line": (LINT, "x.csv", lambda: b"id,label\n" + b"," * 10_000_000),
}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_bombs(tmp_path: Path, record_property):
    tally = Tally(f"bombs, each below {MOST} MB")
    for number, (name, (work, file, make)) in enumerate(BOMBS.items()):
        path = tmp_path / str(number) / file
        path.parent.mkdir()
        path.write_bytes(make())
        command = [sys.executable, "-c", CHILD.format(work=work), str(path)]
        with tally.case(name):
            ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
            tally.expect(ended.returncode == 0, f"{name}: {ended.returncode} {ended.stderr[-500:]}")
            if ended.returncode == 0:
                peak, letters = map(int, ended.stdout.splitlines()[-1].split())
                record_property("peak", (name, peak))
                tally.expect(peak < MOST, f"{name}: {peak} MB")
                tally.expect(letters < 2000, f"{name}: a message of {letters} letters")
        path.unlink()
    tally.close(record_property)
