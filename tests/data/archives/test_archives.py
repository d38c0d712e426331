"""Archives: whole ones are unpacked once, those that could do harm are refused, and nothing half-done is kept."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import py7zr
import pytest

from harness.data.archives import archives, entries, seven_zip
from harness.data.archives.archives import unpacked
from harness.data.readers import ClassInName
from harness.plugins.loading import load
from harness.utils import files
from harness.utils.errors import UserError
from harness.utils.workspace import Workspace
from tests.conftest import declared, draw, located

NAMES = ("plain.jpg", "with space.jpg", 'it\'s "quoted".jpg', "größe ñ 猫.jpg", "deep/er/x.jpg")


def zipped(file: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file


def tarred(file: Path, content: dict[str, bytes], *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w" if file.suffix == ".tar" else "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return file


def seven_zipped(file: Path, content: dict[str, bytes], filters: Any = None, **options: Any) -> Path:
    """A .7z with its members in one block; a name that ends in a slash is a folder's."""
    with py7zr.SevenZipFile(file, "w", filters=filters or QUICK, **options) as archive:
        for name, data in content.items():
            archive.writestr(data, "harmless")  # since py7zr writes no name that leads out
            about = archive.header.files_info.files[-1]
            about["filename"] = name.rstrip("/") or name
            if name.endswith("/"):
                about["attributes"] = stat.FILE_ATTRIBUTE_DIRECTORY
                about["emptystream"] = not data
    return file


def by_hand(
    file: Path,
    members: list[tuple[str, bytes | None]],
    *,
    blocks: list[int] | None = None,
    sizes: list[int] | None = None,
    method: bytes = b"\0",
    attributes: int | None = None,
) -> Path:
    """A .7z that stores its members as they are, and may lie about them; the format is in 7-Zip's 7zFormat.txt.

    Args:
        file: to write.
        members: (name, content); None for a folder.
        blocks: how many members with content are in each.
        sizes: the claimed ones of all blocks, then of each member but a block's last; None for the true ones.
        method: the claimed one.
        attributes: of every member.
    """
    full = [data for _, data in members if data]
    parts, rest = [], list(full)
    for count in blocks or [len(full)]:
        parts.append(rest[:count])
        rest = rest[count:]
    lengths = [sum(map(len, part)) for part in parts]
    claimed = sizes or lengths + [len(data) for part in parts for data in part[:-1]]
    names = "".join(f"{name}\0" for name, _ in members).encode("utf-16-le")
    empty = "".join("01"[not data] for _, data in members).ljust(-(-len(members) // 8) * 8, "0")
    kinds = [stat.FILE_ATTRIBUTE_DIRECTORY if data is None else 0 for _, data in members]
    properties = {
        0x0E: int(empty, 2).to_bytes(len(empty) // 8),
        0x11: b"\0" + names,
        0x15: b"\1\0" + struct.pack(f"<{len(kinds)}I", *(kinds if attributes is None else [attributes] * len(kinds))),
    }
    header = b"".join(
        [
            b"\x01\x04\x06" + numbers(0, len(parts)) + b"\x09" + numbers(*lengths) + b"\x00",
            b"\x07\x0b" + numbers(len(parts)) + b"\0" + (bytes([1, len(method)]) + method) * len(parts),
            b"\x0c" + numbers(*claimed[: len(parts)]) + b"\x00",
            b"\x08\x0d" + numbers(*map(len, parts)) + b"\x09" + numbers(*claimed[len(parts) :]),
            b"\x0a\x01" + b"".join(struct.pack("<I", zlib.crc32(data)) for data in full) + b"\x00\x00",
            b"\x05" + numbers(len(members)),
            *(bytes([kind]) + numbers(len(data)) + data for kind, data in properties.items()),
            b"\x00\x00",
        ]
    )
    return with_table(file, b"".join(full), header)


def numbers(*values: int) -> bytes:
    return b"".join(b"\xff" + struct.pack("<Q", value) for value in values)


def with_table(file: Path, content: bytes, table: bytes) -> Path:
    """A .7z: where its table of contents is, packed content, and the table."""
    where = struct.pack("<QQI", len(content), len(table), zlib.crc32(table))
    file.write_bytes(b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(where)) + where + content + table)
    return file


QUICK = [{"id": py7zr.FILTER_LZMA2, "preset": 1}]

PACK: dict[str, Callable[..., Path]] = {
    "x.zip": zipped,
    "x.tar": tarred,
    "x.tar.gz": tarred,
    "x.tgz": tarred,
    "x.7z": seven_zipped,
}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder but the marker and the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != archives.MARKER and path.suffix != ".lock"
    }


def refused(tmp_path: Path, *given: Path) -> UserError:
    """Unpacking fails in words and leaves nothing behind, in the target or beside it."""
    before = contents(tmp_path)
    with pytest.raises(UserError) as error:
        unpacked([*given], tmp_path / "target")
    assert contents(tmp_path) == before
    assert not (tmp_path / "target").exists()
    return error.value


# What is unpacked.


@pytest.mark.parametrize("name", PACK)
def test_every_kind_with_every_name(tmp_path: Path, name: str) -> None:
    content = {inside: inside.encode() for inside in NAMES}
    target = unpacked([PACK[name](tmp_path / name, content)], tmp_path / "target")
    assert contents(target) == {f"x/{inside}": data for inside, data in content.items()}


def test_a_top_folder_of_the_same_name_is_not_doubled(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "train.zip", {"train/": b"", "train/1.jpg": b"1", "__MACOSX/train/._1.jpg": b"?"})
    assert contents(unpacked([archive], tmp_path / "target")) == {"train/1.jpg": b"1"}


@pytest.mark.parametrize("kind", ["x.zip", "x.7z"])
def test_backslashes_are_separators(tmp_path: Path, kind: str) -> None:
    archive = PACK[kind](tmp_path / kind, {"train\\cat.0.jpg": b"1"})
    assert contents(unpacked([archive], tmp_path / "target")) == {"x/train/cat.0.jpg": b"1"}


@pytest.mark.parametrize("outer", ["x.zip", "x.tgz", "x.7z"])
@pytest.mark.parametrize("inner", ["zip", "7z"])
def test_archives_in_an_archive_are_unpacked_one_level_deep(tmp_path: Path, outer: str, inner: str) -> None:
    pack = PACK[f"x.{inner}"]
    deepest = pack(tmp_path / f"c.{inner}", {"3.jpg": b"3"}).read_bytes()
    with_folder = pack(tmp_path / f"b.{inner}", {"train/1.jpg": b"1", f"train/more.{inner}": deepest}).read_bytes()
    flat = pack(tmp_path / f"a.{inner}", {"2.jpg": b"2"}).read_bytes()
    inside = {f"train.{inner}": with_folder, f"test1.{inner}": flat, "sample.csv": b"id,label\n"}
    assert contents(unpacked([PACK[outer](tmp_path / outer, inside)], tmp_path / "target")) == {
        "x/train/1.jpg": b"1",
        f"x/train/more.{inner}": deepest,
        "x/test1/2.jpg": b"2",
        "x/sample.csv": b"id,label\n",
    }


METHODS = {
    "stored": [{"id": py7zr.FILTER_COPY}],
    "LZMA": [{"id": py7zr.FILTER_LZMA, "preset": 1}],
    "LZMA2": QUICK,
    "LZMA2 as py7zr has it": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "BZip2": [{"id": py7zr.FILTER_BZIP2}],
}


def test_a_macs_file_of_attributes_is_no_archive(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "train.zip", {"1.png": b"one"}).read_bytes()
    outer = zipped(tmp_path / "x.zip", {"train.zip": inner, "__MACOSX/._train.zip": b"\0\5\x16\7 attributes"})
    found = contents(unpacked([outer], tmp_path / "there"))
    assert b"one" in found.values()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_a_7z_and_every_size(tmp_path: Path, method: str) -> None:
    """Sizes around those of the pieces it is read in; E8 is what the filter for programs changes."""
    noise = np.random.default_rng(0).bytes(3 << 20)
    sizes = (1, 2, 0, 5, 1000, (1 << 16) - 1, 1 << 16, (1 << 20) + 1, 7, 0)
    content = {f"{number}.jpg": noise[:size] for number, size in enumerate(sizes)}
    content |= {"zeros.jpg": bytes(3 << 20), "calls.jpg": b"\xe8\0\0\0\0" * 999, "last.jpg": b"\xe8\1\2\0\0"}
    file = seven_zipped(tmp_path / "x.7z", content, METHODS[method])
    assert contents(unpacked([file], tmp_path / "target")) == {f"x/{name}": data for name, data in content.items()}


def test_a_7z_of_several_blocks_folders_and_empty_files(tmp_path: Path) -> None:
    """Empty files and folders belong to no block, wherever they stand between files that do."""
    given = [("a", b"aa"), ("none", None), ("b", b"bbb"), ("e", b""), ("c", b"c"), ("deep/none", None), ("f", b"")]
    target = unpacked([by_hand(tmp_path / "x.7z", given, blocks=[1, 2])], tmp_path / "target")
    assert contents(target) == {f"x/{name}": data for name, data in given if data is not None}
    assert (target / "x" / "none").is_dir() and (target / "x" / "deep" / "none").is_dir()


def test_a_7z_of_another_program(tmp_path: Path) -> None:
    """libarchive's, where CMake is there to run it."""
    if not (cmake := shutil.which("cmake")):
        pytest.skip("no CMake")
    (tmp_path / "given" / "train" / "none").mkdir(parents=True)
    content = {name: name.encode() * 999 for name in ("train/1.png", "train/größe.png", "a.csv")} | {"train/2.png": b""}
    for name, data in content.items():
        (tmp_path / "given" / name).write_bytes(data)
    subprocess.run(
        [cmake, "-E", "tar", "cf", tmp_path / "x.7z", "--format=7zip", "train", "a.csv"],
        cwd=tmp_path / "given",
        check=True,
    )
    target = unpacked([tmp_path / "x.7z"], tmp_path / "target")
    assert contents(target) == {f"x/{name}": data for name, data in content.items()}
    assert (target / "x" / "train" / "none").is_dir()


def test_nothing_in_a_7z(tmp_path: Path) -> None:
    assert contents(unpacked([seven_zipped(tmp_path / "x.7z", {})], tmp_path / "target")) == {}


def test_a_zip_beside_the_folder_it_holds_is_left_alone(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "train.zip", {"1.jpg": b"other"}).read_bytes()
    archive = zipped(tmp_path / "x.zip", {"train/1.jpg": b"1", "train.zip": inner})
    assert contents(unpacked([archive], tmp_path / "target")) == {"x/train/1.jpg": b"1", "x/train.zip": inner}


def test_unpacked_once_and_again_when_the_archive_changes(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"1.jpg": b"1"})
    target = unpacked([archive], tmp_path / "target")
    first = (target / "x" / "1.jpg").stat()
    unpacked([archive], target)
    assert (target / "x" / "1.jpg").stat().st_ino == first.st_ino
    zipped(archive, {"2.jpg": b"two"})
    assert contents(unpacked([archive], target)) == {"x/2.jpg": b"two"}


# What is refused.


@pytest.mark.parametrize(
    "name",
    ["../out.jpg", "a/../../out.jpg", "/out.jpg", "C:\\out.jpg", "c:out.jpg", "..\\out.jpg", "\\\\host\\out.jpg"],
)
@pytest.mark.parametrize("kind", PACK)
def test_paths_that_lead_out(tmp_path: Path, kind: str, name: str) -> None:
    error = refused(tmp_path, PACK[kind](tmp_path / kind, {"fine.jpg": b"1", name: b"out"}))
    assert "leads out of the folder" in error.what


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("evil.jpg")
    member.type, member.linkname = kind, "/etc/passwd"
    error = refused(tmp_path, tarred(tmp_path / "x.tar.gz", {"fine.jpg": b"1"}, member))
    assert "'evil.jpg' in it is a link or a device" in error.what


def test_a_link_to_a_folder_and_a_file_behind_it(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("door/out.jpg"))
    refused(tmp_path, tmp_path / "x.tar")


def test_links_in_a_zip(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("evil.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link or a device" in refused(tmp_path, tmp_path / "x.zip").what


UNIX = 0x8000  # says that a .7z has a member's Unix mode beside it


@pytest.mark.parametrize(
    "attributes",
    [
        *(
            UNIX | (kind | 0o777) << 16
            for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)
        ),
        stat.FILE_ATTRIBUTE_REPARSE_POINT,
        stat.FILE_ATTRIBUTE_REPARSE_POINT | stat.FILE_ATTRIBUTE_DIRECTORY,
    ],
)
@pytest.mark.parametrize("content", [b"", b"/etc/passwd"])
def test_links_and_devices_in_a_7z(tmp_path: Path, attributes: int, content: bytes) -> None:
    file = by_hand(tmp_path / "x.7z", [("evil.jpg", content), ("1", b"1")], attributes=attributes)
    assert "'evil.jpg' in it is a link or a device" in refused(tmp_path, file).what


@pytest.mark.parametrize("kind", ["x.zip", "x.tar.gz", "x.tgz", "x.7z"])
def test_bombs(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    content = {f"{number}.jpg": bytes(1 << 20) for number in range(8)}
    error = refused(tmp_path, PACK[kind](tmp_path / kind, content))
    assert "as images never do" in error.what


@pytest.mark.parametrize("kind", ["zip", "7z"])
def test_a_bomb_in_a_nested_archive(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    bomb = PACK[f"x.{kind}"](tmp_path / f"bomb.{kind}", {"0.jpg": bytes(2 << 20)}).read_bytes()
    error = refused(tmp_path, zipped(tmp_path / "x.zip", {f"train.{kind}": bomb}))
    assert error.what.startswith("x.zip is refused")


def test_a_zip_that_claims_too_little(tmp_path: Path) -> None:
    file = zipped(tmp_path / "x.zip", {"0.jpg": bytes(1 << 20)})
    claimed = (1 << 20).to_bytes(4, "little")
    assert file.read_bytes().count(claimed) == 2
    file.write_bytes(file.read_bytes().replace(claimed, (10).to_bytes(4, "little")))
    assert "broken or cut off" in refused(tmp_path, file).what


def test_a_7z_that_claims_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_write", None)  # refused before anything is written
    file = by_hand(tmp_path / "x.7z", [("1", b"1"), ("2", b"2")], sizes=[1 << 62, 1])
    assert "as images never do" in refused(tmp_path, file).what


@pytest.mark.parametrize(
    ("sizes", "why"),
    [([4, 1], "a checksum is wrong"), ([9, 3], "its data end early"), ([1, 3], "contradicts itself")],
)
def test_a_7z_whose_sizes_are_wrong(tmp_path: Path, sizes: list[int], why: str) -> None:
    error = refused(tmp_path, by_hand(tmp_path / "x.7z", [("1", b"123"), ("2", b"456")], sizes=sizes))
    assert "broken or cut off" in error.what
    assert why in error.what


def test_a_folder_with_content_in_a_7z(tmp_path: Path) -> None:
    file = by_hand(tmp_path / "x.7z", [("1", b"1")], attributes=stat.FILE_ATTRIBUTE_DIRECTORY)
    assert "a folder and a file at once" in refused(tmp_path, file).what


@pytest.mark.parametrize(
    "filters", [[{"id": py7zr.FILTER_ZSTD}], [{"id": py7zr.FILTER_PPMD}], [{"id": py7zr.FILTER_DEFLATE}]]
)
def test_a_7z_packed_in_another_way(tmp_path: Path, filters: Any) -> None:
    error = refused(tmp_path, seven_zipped(tmp_path / "x.7z", {"1.jpg": b"1"}, filters))
    assert "packed with an uncommon method" in error.what
    assert "unpack it by hand" in (error.fix or "")


def test_a_7z_whose_table_of_contents_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """py7zr would unpack it at once, and bounds what comes of it for some methods only."""
    told = b"\x17\x06" + numbers(0, 1) + b"\x09" + numbers(9) + b"\0\x07\x0b" + numbers(1) + b"\0"
    zstd = b"\x01\x24\x04\xf7\x11\x01\x05\1\5\3\0\0" + b"\x0c" + numbers(99) + b"\0\0"
    monkeypatch.setattr(py7zr, "SevenZipFile", None)
    error = refused(tmp_path, with_table(tmp_path / "x.7z", bytes(9), told + zstd))
    assert "packed with an uncommon method" in error.what


def test_a_7z_that_claims_a_giant_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], lzma.LZMADecompressor

    def decompressor(*args: Any, **options: Any) -> Any:
        asked.append(options["filters"][-1]["dict_size"])
        return real(*args, **options)

    file = seven_zipped(tmp_path / "x.7z", {"1.jpg": b"1"}, [{"id": py7zr.FILTER_LZMA2, "dict_size": 1 << 30}])
    monkeypatch.setattr(lzma, "LZMADecompressor", decompressor)
    assert contents(unpacked([file], tmp_path / "target")) == {"x/1.jpg": b"1"}
    assert asked[-1] == 4096


def test_any_damage_to_the_table_of_contents_of_a_7z_is_told(tmp_path: Path) -> None:
    """With its checksum made to fit, as no accident does."""
    given = [("a", b"aa"), ("none", None), ("b", b"bbb"), ("c", b"c")]
    raw = by_hand(tmp_path / "x.7z", given, blocks=[1, 2]).read_bytes()
    content, table = raw[32:38], raw[38:]
    told = set()
    for at in range(len(table)):
        for value in {0, 1, 0x7F, 0xFF, table[at] ^ 1, table[at] ^ 0x10} - {table[at]}:
            file = with_table(tmp_path / "x.7z", content, table[:at] + bytes([value]) + table[at + 1 :])
            try:
                with file.open("rb") as opened:
                    for member in seven_zip.members(opened):
                        while member.read and member.read(archives.CHUNK):
                            pass
            except (*archives.BROKEN, seven_zip.RefusedError) as error:
                told.add(str(error))
    assert len(told) > 10


def test_a_tar_with_a_hole_in_it(tmp_path: Path) -> None:
    member = tarfile.TarInfo("hole.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    refused(tmp_path, tarred(tmp_path / "x.tar", {"fine.jpg": b"1"}, member))


@pytest.mark.parametrize("kind", PACK)
def test_too_many_files(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (archives, entries):
        monkeypatch.setattr(module, "MOST_FILES", 5)
    error = refused(tmp_path, PACK[kind](tmp_path / kind, {f"{number}.jpg": b"" for number in range(6)}))
    assert "over 5 files" in error.what


@pytest.mark.parametrize("kind", PACK)
def test_no_room(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = PACK[kind](tmp_path / kind, {"1.jpg": bytes(1000)})
    full = shutil.disk_usage(tmp_path)._replace(free=17 << 20)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: full)
    unpacked([archive], tmp_path / "target")
    shutil.rmtree(tmp_path / "target")
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: full._replace(free=16 << 20))
    assert "are free there" in refused(tmp_path, archive).what


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.7, 0.95])
def test_cut_off(tmp_path: Path, kind: str, part: float) -> None:
    file = PACK[kind](tmp_path / kind, {f"{number}.jpg": os.urandom(9000) for number in range(5)})
    content = file.read_bytes().rstrip(b"\0") if kind == "x.tar" else file.read_bytes()
    file.write_bytes(content[: int(part * len(content))])
    assert "broken or cut off" in refused(tmp_path, file).what


def test_a_plain_tar_cut_off_between_two_files(tmp_path: Path) -> None:
    file = tarred(tmp_path / "x.tar", {f"{number}.jpg": b"\1" * 512 for number in range(3)})
    file.write_bytes(file.read_bytes()[: 2 * 1024])
    assert "its end is missing" in refused(tmp_path, file).what


def test_a_wrong_checksum(tmp_path: Path) -> None:
    content = {"1.jpg": bytes(range(256)) * 4}
    stored = seven_zipped(tmp_path / "x.7z", content, METHODS["stored"])
    for file in (zipped(tmp_path / "x.zip", content), tarred(tmp_path / "x.tgz", content), stored):
        raw = bytearray(file.read_bytes())
        at = {".zip": raw.find(b"PK\1\2") + 16, ".tgz": len(raw) - 8, ".7z": 99}[file.suffix]
        raw[at] ^= 1
        file.write_bytes(raw)
        assert "broken or cut off" in refused(tmp_path, file).what
        file.unlink()


def test_another_kind_of_file_under_an_archives_name(tmp_path: Path) -> None:
    for name in PACK:
        (tmp_path / name).write_bytes(b"<html>Please sign in</html>" * 40)
        assert "broken or cut off" in refused(tmp_path, tmp_path / name).what
    (tmp_path / "y.tar.gz").write_bytes(gzip.compress(b"no tar" * 1000))
    assert "broken or cut off" in refused(tmp_path, tmp_path / "y.tar.gz").what


def test_a_kind_that_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "train.rar").touch()
    error = refused(tmp_path, tmp_path / "train.rar")
    assert "train.rar" in error.what
    assert "unpack it" in (error.fix or "")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    file = zipped(tmp_path / "x.zip", {"1.jpg": b"1"})
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(raw)
    assert "encrypted" in refused(tmp_path, file).what


@pytest.mark.parametrize("names_too", [False, True])
def test_an_encrypted_7z(tmp_path: Path, names_too: bool) -> None:
    file = tmp_path / "x.7z"
    with py7zr.SevenZipFile(file, "w", password="secret", header_encryption=names_too) as archive:
        archive.writestr(b"1", "1.jpg")
    assert "it is encrypted" in refused(tmp_path, file).what


def test_one_name_for_two_things(tmp_path: Path) -> None:
    for content in ({"a": b"1", "a/b": b"2"}, {"a/b": b"1", "a": b"2"}):
        for name in ("x.tar", "x.7z"):
            assert "is used twice" in refused(tmp_path, PACK[name](tmp_path / name, content)).what
            (tmp_path / name).unlink()
    by_hand(tmp_path / "x.7z", [("a.jpg", b"1"), ("a.jpg", b"2")])
    assert "'a.jpg' is used twice" in refused(tmp_path, tmp_path / "x.7z").what
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a.jpg"))
    assert "'a.jpg' is used twice" in refused(tmp_path, tmp_path / "x.tar").what


def test_two_archives_of_one_name(tmp_path: Path) -> None:
    error = refused(tmp_path, zipped(tmp_path / "x.zip", {"1": b""}), tarred(tmp_path / "x.tgz", {"2": b""}))
    assert "both become x/" in error.what


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("größe.jpg"))
    assert "not UTF-8" in refused(tmp_path, tmp_path / "x.tar").what
    file = by_hand(tmp_path / "x.7z", [("ab.jpg", b"1")])
    raw = file.read_bytes()
    with_table(file, raw[32:33], raw[33:].replace(b"a\0b\0", b"\0\xd8b\0"))  # half of a pair of UTF-16
    assert "broken or cut off" in refused(tmp_path, file).what


# Interruptions.


@pytest.mark.parametrize("stop", [1, 3, 6])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, MemoryError])
def test_interrupted(tmp_path: Path, stop: int, interruption: type, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = zipped(tmp_path / "in.zip", {f"{number}.jpg": b"1" for number in range(3)}).read_bytes()
    archive = zipped(tmp_path / "x.zip", {"a.jpg": b"a", "b.jpg": b"b", "train.zip": inner})
    written: list[Path] = []
    write = archives._write

    def fail(path: Path, *rest: object) -> None:
        written.append(path)
        if len(written) == stop:
            raise interruption
        write(path, *rest)

    with monkeypatch.context() as patched, pytest.raises(interruption):
        patched.setattr(archives, "_write", fail)
        unpacked([archive], tmp_path / "target")
    assert len(written) == stop
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(contents(unpacked([archive], tmp_path / "target"))) == 5


def test_what_a_kill_left_is_not_used(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"1.jpg": b"1"})
    for left in (".target.0123abcd.tmp", ".target.abcd0123.tmp"):
        (tmp_path / left / "x").mkdir(parents=True)
        (tmp_path / left / "x" / "half.jpg").touch()
    assert contents(unpacked([archive], tmp_path / "target")) == {"x/1.jpg": b"1"}
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["target"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"1.jpg": b"1"})
    target = unpacked([archive], tmp_path / "target")
    archive.write_bytes(archive.read_bytes()[:20])
    with pytest.raises(UserError):
        unpacked([archive], target)
    assert contents(target) == {"x/1.jpg": b"1"}


# From the command's --data to the layout.


def jpeg(save: Callable[..., Path], tmp_path: Path, label: int) -> bytes:
    return save(tmp_path / "scratch" / f"{label}.jpg", draw(label, 0)).read_bytes()


def test_a_folder_of_archives(tmp_path: Path, save: Callable[..., Path]) -> None:
    given = tmp_path / "raw"
    given.mkdir()
    zipped(
        given / "train.zip", {f"train/{name}.0.jpg": jpeg(save, tmp_path, i) for i, name in enumerate(("cat", "dog"))}
    )
    zipped(given / "test1.zip", {"1.jpg": jpeg(save, tmp_path, 0)})
    (given / "sampleSubmission.csv").write_text("id,label\n1,0\n")
    competition = declared(readers=(ClassInName(classes=("cat", "dog")),))
    reader, folder = located(competition, given, tmp_path / "unpacked")
    assert [row.id for row in reader.listing(folder).rows] == ["cat.0", "dog.0", "1"]
    assert folder == tmp_path / "unpacked"


def test_cifar10_as_kaggle_packs_it(tmp_path: Path, save: Callable[..., Path]) -> None:
    pngs = [save(tmp_path / "scratch" / f"{i}.png", draw(i % 2, i)).read_bytes() for i in range(4)]
    inside = {
        "train.7z": seven_zipped(tmp_path / "train.7z", {f"train/{i + 1}.png": pngs[i] for i in (0, 1)}).read_bytes(),
        "test.7z": seven_zipped(tmp_path / "test.7z", {f"test/{i - 1}.png": pngs[i] for i in (2, 3)}).read_bytes(),
        "trainLabels.csv": b"id,label\n1,cat\n2,dog\n",
        "sampleSubmission.csv": b"id,label\n1,cat\n2,cat\n",
    }
    (tmp_path / "raw").mkdir()
    zipped(tmp_path / "raw" / "cifar-10.zip", inside)
    competition = load(Workspace(Path(__file__).parents[3]), "cifar10")
    reader, folder = located(competition, tmp_path / "raw", tmp_path / "unpacked")
    assert [(row.id, row.label, row.source) for row in reader.listing(folder).rows] == [
        ("train/1", "cat", "train/1.png"),
        ("train/2", "dog", "train/2.png"),
        ("1", None, "test/1.png"),
        ("2", None, "test/2.png"),
    ]
    assert reader.images(folder).read("test/2.png") == pngs[3]
    assert not [*folder.rglob("*.7z")]


def test_a_folder_that_needs_no_unpacking(tmp_path: Path, save: Callable[..., Path]) -> None:
    for label, name in enumerate(("cat", "dog")):
        save(tmp_path / "raw" / "train" / f"{name}.0.jpg", draw(label, 0))
    (tmp_path / "raw" / "train.zip").write_bytes(b"never opened")
    competition = declared(readers=(ClassInName(classes=("cat", "dog")),))
    _, folder = located(competition, tmp_path / "raw", tmp_path / "unpacked")
    assert folder == tmp_path / "raw"
    assert not (tmp_path / "unpacked").exists()


def test_a_remembered_archive_may_go_once_it_is_unpacked(harness, insects, tmp_path: Path, class_folders) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "my insects"), "zip", class_folders()))
    done = harness("prepare", "insects", "--data", archive)
    assert done.code == 0, done.err
    archive.unlink()
    again = harness("prepare", "insects")
    assert again.code == 0
    assert "folds: up to date" in again.err


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no data for insects: there is no .*missing\.zip\. Draw them\."):
        located(declared(), tmp_path / "missing.zip", tmp_path / "unpacked")


@pytest.mark.parametrize("limit", ["bytes", "files"])
def test_nested_archives_share_what_the_outer_one_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    for module in (archives, entries):
        monkeypatch.setattr(module, "MOST_FILES", 6)
    content = {"0.jpg": bytes(600 << 10)} if limit == "bytes" else dict.fromkeys(map("{}.jpg".format, range(3)), b"x")
    inner = zipped(tmp_path / "inner.zip", content).read_bytes()
    (tmp_path / "inner.zip").unlink()
    assert unpacked([zipped(tmp_path / "one.zip", {"a.zip": inner})], tmp_path / "one").is_dir()
    error = refused(tmp_path, zipped(tmp_path / "x.zip", {"a.zip": inner, "b.zip": inner}))
    assert ("grows over" if limit == "bytes" else "over 6 files") in error.what


def test_another_archive_of_the_same_name_and_size_is_unpacked_anew(tmp_path: Path) -> None:
    file, other = (zipped(tmp_path / name, {"a.jpg": content}) for name, content in (("x.zip", b"1"), ("y.zip", b"2")))
    assert contents(unpacked([file], tmp_path / "target")) == {"x/a.jpg": b"1"}
    assert file.stat().st_size == other.stat().st_size
    os.utime(other, ns=(0, file.stat().st_mtime_ns + 1_000_000_000))
    other.replace(file)
    assert contents(unpacked([file], tmp_path / "target")) == {"x/a.jpg": b"2"}
