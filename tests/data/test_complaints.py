"""What the decoders complain of names its file, once, whichever thread it was in; nothing else is caught."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.data import complaints
from harness.data.cache.image_cache import decoded, in_threads
from harness.data.images import Geometry, UnreadableError, load
from tests.conftest import Pictures, draw, table

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads share their descriptors")


def hears() -> bool:
    """Whether a thread may have descriptors of its own: many containers forbid it, and then nothing is caught."""
    with ThreadPoolExecutor(1, initializer=complaints._listen) as pool:
        return pool.submit(lambda: complaints._thread.memory is not None).result()


hearing = pytest.mark.skipif(not hears(), reason="this container forbids unshare(CLONE_FILES)")

PNG_WORDS = "libpng warning: tEXt: CRC error"


def encoded(suffix: str, number: int) -> bytes:
    return cv2.imencode(suffix, draw(number % 3, number))[1].tobytes()


def odd_png(number: int) -> bytes:
    """With a text whose checksum is wrong."""
    whole = encoded(".png", number)
    return whole[:33] + struct.pack(">I", 5) + b"tEXta\0bcd\1\2\3\4" + whole[33:]


def odd_jpeg(number: int) -> bytes:
    whole = encoded(".jpg", number)
    return whole[:-2] + 99 * b"\x11" + whole[-2:]


@hearing
def test_each_file_is_named_once_and_what_other_threads_write_is_left_alone(capfd):
    kinds = (lambda number: encoded(".png", number), odd_png, odd_jpeg)
    images = Pictures({f"image {number}": kinds[number % 3](number) for number in range(60)})
    dataset = table(images, np.arange(60) % 3)
    for _ in range(2):
        blocks = [np.arange(start, start + 5) for start in range(0, 60, 5)]
        for number, part in enumerate(in_threads(lambda rows: decoded(dataset, rows, Geometry(8, 8)), blocks)):
            assert not part.unreadable
            os.write(2, f"block {number}\n".encode())  # as the progress line does, meanwhile
    told = capfd.readouterr().err
    assert [told.count(f"block {number}\n") for number in range(12)] == [2] * 12
    for kind, words in ((1, PNG_WORDS), (2, "Corrupt JPEG data: … extraneous bytes before marker …")):
        named = sorted(f"image {number}" for number in range(60) if number % 3 == kind)
        assert told.count(f"20 images are read in spite of '{words}': {', '.join(named[:5])} and 15 more.") == 1
    assert told.count("libpng") == told.count("Corrupt") == 1


@hearing
def test_one_image_by_itself_is_named_and_why_it_cannot_be_read_is_said(capfd):
    with complaints.of("mine.jpg"):
        load(odd_jpeg(1), Geometry(8, 8))
    assert re.search(r"an image is read in spite of 'Corrupt JPEG data: \d+ .*': mine.jpg\.", capfd.readouterr().err)
    load(odd_png(1), Geometry(8, 8))
    assert capfd.readouterr().err == f"{PNG_WORDS}\n"
    whole = encoded(".png", 0)
    with pytest.raises(UnreadableError, match=r"OpenCV can decode \(libpng error: IDAT"):
        load(whole[:60] + bytes([whole[60] ^ 0x55]) + whole[61:], Geometry(8, 8))
    assert capfd.readouterr().err == ""


def test_a_decoding_thread_holds_no_lock_and_no_pipe_that_others_close(tmp_path: Path):
    with (tmp_path / "locked").open("w") as ours, (tmp_path / "locked").open("w") as theirs:
        fcntl.flock(ours, fcntl.LOCK_EX)
        with complaints.decoders(2) as pool:
            pool.submit(len, "").result()
            ours.close()  # without unlocking, as HDF5 does
            fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert pool.submit((tmp_path / "locked").read_bytes).result() == b""


def test_readers_use_the_files_that_they_hold_open(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("0.jpg", odd_jpeg(0))
    with zipfile.ZipFile(tmp_path / "photos.zip") as archive, complaints.decoders(2) as pool:
        pages = list(pool.map(lambda _: load(archive.read("0.jpg"), Geometry(8, 8)), range(20)))
        assert len(pages) == 20 and all(np.array_equal(page, pages[0]) for page in pages)


def test_where_the_system_forbids_it_the_words_come_as_they_are(capfd, monkeypatch):
    monkeypatch.setattr(complaints.sys, "platform", "other")
    with complaints.of("mine.png"):
        assert load(odd_png(1), Geometry(8, 8)).shape == (8, 8, 3)
    assert capfd.readouterr().err == f"{PNG_WORDS}\n"
