"""Archives, good, damaged and evil: what was packed comes out, or a word, and nothing outside the target."""

from __future__ import annotations

import gzip
import io
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import py7zr

from harness.data.archives.archives import unpacked
from harness.utils.errors import UserError
from tests.hostile.suite.tally import Tally

COUNT = 400
ABSOLUTE = Path("/tmp/hostile-out.jpg")
EVIL = [
    "../out.jpg", "a/../../out.jpg", str(ABSOLUTE), "C:\\out.jpg", "..\\out.jpg", "a\\..\\..\\out.jpg",
    "\\\\server\\out.jpg", "a/b/../../../out.jpg", "~/../../out.jpg", "x" * 300 + ".jpg", "a" * 3000, "\x1b[2Jred.jpg",
    "a\nb.jpg", "CON", "a/", "./a.jpg", "", ".", "..", "a/./b", "nul\0byte",
]  # fmt: skip


def packed(draw: random.Random, folder: Path) -> tuple[Path, dict[str, bytes], bool]:
    """An archive, what is in it by name, and whether something in it is evil."""
    files = {f"{draw.choice('abc')}/{number}.jpg": draw.randbytes(draw.randint(0, 400)) for number in range(4)}
    kind = draw.choice(["zip", "tar", "tar.gz", "7z"])
    evil = draw.random() < 0.4 and kind != "7z"
    path = folder / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
            if evil:
                _evil_zip(draw, archive)
    elif kind == "7z":
        with py7zr.SevenZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writef(io.BytesIO(content), name)
    else:
        stream = io.BytesIO()
        form = draw.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
        with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            if evil:
                _evil_tar(draw, archive)
        content = stream.getvalue()
        path.write_bytes(gzip.compress(content, 1) if kind == "tar.gz" else content)
    return path, files, evil


def _evil_zip(draw: random.Random, archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo(draw.choice(EVIL) or "x")
    if draw.random() < 0.3:
        info.external_attr = draw.choice([stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO]) << 16
    archive.writestr(info, "../../out.jpg")


def _evil_tar(draw: random.Random, archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo(draw.choice(EVIL).replace("\0", ""))
    kinds = ("REGTYPE", "SYMTYPE", "LNKTYPE", "CHRTYPE", "FIFOTYPE", "GNUTYPE_SPARSE")
    member.type = getattr(tarfile, draw.choice(kinds))
    member.linkname = draw.choice(["../../out.jpg", "/etc/passwd", "a/0.jpg"])
    try:
        archive.addfile(member)
    except ValueError:  # too long for the form
        archive.addfile(tarfile.TarInfo("../out.jpg"))


def outside(folder: Path) -> dict[str, object]:
    """All that is beside the target and the archive."""
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if "target" not in path.relative_to(folder).parts[0] and path.name[:2] != "x."
    }


def test_archives(draw: random.Random, tmp_path: Path, record_property):
    ABSOLUTE.unlink(missing_ok=True)  # what an earlier run was wrong to write
    tally = Tally("archives: good, damaged, evil")
    for number in range(COUNT):
        folder = tmp_path / str(number)
        (folder / "in").mkdir(parents=True)
        (folder / "bystander").write_text("mine")
        path, files, evil = packed(draw, folder)
        kind = path.name[2:]
        damaged = draw.random() < 0.5
        if damaged:
            content = bytearray(path.read_bytes())
            if draw.random() < 0.4:
                content = content[: draw.randrange(len(content))]
            else:
                for _ in range(draw.choice([1, 1, 3, 30])):
                    content[draw.randrange(len(content))] = draw.randrange(256)
            path.write_bytes(content)
        before, what = outside(folder), f"{number}: {kind}, evil={evil}, damaged={damaged}"
        with tally.case(what):
            try:
                target = unpacked([path], folder / "target")
            except UserError as error:
                tally.expect(evil or damaged, f"{what} was refused: {error.what}")
                tally.expect(len(error.what) < 1000, f"{what}: a message of {len(error.what)} letters")
                tally.expect(not (folder / "target").exists(), f"{what} left something")
            else:
                found = {file.relative_to(target).as_posix(): file for file in target.rglob("*") if file.is_file()}
                links = [file for file in target.rglob("*") if file.is_symlink()]
                tally.expect(not links, f"{what} made links: {links}")
                known = {*files.values(), b"../../out.jpg", b""}
                for name, file in found.items():
                    # A plain tar has no checksums of contents.
                    ours = name.startswith(".") or kind == "tar" or file.read_bytes() in known
                    tally.expect(ours, f"{what}: {name} holds what nobody packed")
                if not damaged:
                    missing = {f"x/{name}" for name in files} - found.keys()
                    tally.expect(not missing, f"{what}: without {missing}")
        tally.expect(outside(folder) == before, f"{what} changed something outside the target")
    tally.expect(not ABSOLUTE.exists(), "an absolute path was written")
    tally.close(record_property)
