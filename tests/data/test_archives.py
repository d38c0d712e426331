"""Archives: whole ones are unpacked once, those that could do harm are refused, and nothing half-done is kept."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import files
from harness.data import archives
from harness.data.archives import unpacked
from harness.data.dataset import locate
from harness.data.readers import ClassInName
from harness.errors import UserError
from tests.conftest import declared, draw

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


PACK: dict[str, Callable[..., Path]] = {"x.zip": zipped, "x.tar": tarred, "x.tar.gz": tarred, "x.tgz": tarred}


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


def test_backslashes_are_separators(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"train\\cat.0.jpg": b"1"})
    assert contents(unpacked([archive], tmp_path / "target")) == {"x/train/cat.0.jpg": b"1"}


def test_zips_in_an_archive_are_unpacked_one_level_deep(tmp_path: Path) -> None:
    deepest = zipped(tmp_path / "c.zip", {"3.jpg": b"3"}).read_bytes()
    with_folder = zipped(tmp_path / "b.zip", {"train/1.jpg": b"1", "train/more.zip": deepest}).read_bytes()
    flat = zipped(tmp_path / "a.zip", {"2.jpg": b"2"}).read_bytes()
    inside = {"train.zip": with_folder, "test1.zip": flat, "sample.csv": b"id,label\n"}
    for archive in (zipped(tmp_path / "x.zip", inside), tarred(tmp_path / "x.tgz", inside)):
        assert contents(unpacked([archive], tmp_path / "target")) == {
            "x/train/1.jpg": b"1",
            "x/train/more.zip": deepest,
            "x/test1/2.jpg": b"2",
            "x/sample.csv": b"id,label\n",
        }


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


@pytest.mark.parametrize("kind", ["x.zip", "x.tar.gz", "x.tgz"])
def test_bombs(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    content = {f"{number}.jpg": bytes(1 << 20) for number in range(8)}
    error = refused(tmp_path, PACK[kind](tmp_path / kind, content))
    assert "as images never do" in error.what


def test_a_bomb_in_a_nested_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1 << 20)
    bomb = zipped(tmp_path / "bomb.zip", {"0.jpg": bytes(2 << 20)}).read_bytes()
    error = refused(tmp_path, zipped(tmp_path / "x.zip", {"train.zip": bomb}))
    assert error.what.startswith("x.zip is refused")


def test_a_zip_that_claims_too_little(tmp_path: Path) -> None:
    file = zipped(tmp_path / "x.zip", {"0.jpg": bytes(1 << 20)})
    claimed = (1 << 20).to_bytes(4, "little")
    assert file.read_bytes().count(claimed) == 2
    file.write_bytes(file.read_bytes().replace(claimed, (10).to_bytes(4, "little")))
    assert "broken or cut off" in refused(tmp_path, file).what


def test_a_tar_with_a_hole_in_it(tmp_path: Path) -> None:
    member = tarfile.TarInfo("hole.jpg")
    member.type = tarfile.GNUTYPE_SPARSE
    refused(tmp_path, tarred(tmp_path / "x.tar", {"fine.jpg": b"1"}, member))


@pytest.mark.parametrize("kind", PACK)
def test_too_many_files(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 5)
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
    for file in (zipped(tmp_path / "x.zip", content), tarred(tmp_path / "x.tgz", content)):
        raw = bytearray(file.read_bytes())
        at = raw.index(b"PK\1\2") + 16 if file.suffix == ".zip" else len(raw) - 8
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
    (tmp_path / "train.7z").touch()
    error = refused(tmp_path, tmp_path / "train.7z")
    assert "train.7z" in error.what
    assert "unpack it" in (error.mend or "")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    file = zipped(tmp_path / "x.zip", {"1.jpg": b"1"})
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(raw)
    assert "encrypted" in refused(tmp_path, file).what


def test_one_name_for_two_things(tmp_path: Path) -> None:
    for content in ({"a": b"1", "a/b": b"2"}, {"a/b": b"1", "a": b"2"}):
        assert "stands for two things" in refused(tmp_path, tarred(tmp_path / "x.tar", content)).what
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for _ in range(2):
            archive.addfile(tarfile.TarInfo("a.jpg"))
    assert "'a.jpg' stands for two things" in refused(tmp_path, tmp_path / "x.tar").what


def test_two_archives_of_one_name(tmp_path: Path) -> None:
    error = refused(tmp_path, zipped(tmp_path / "x.zip", {"1": b""}), tarred(tmp_path / "x.tgz", {"2": b""}))
    assert "both become x/" in error.what


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        archive.addfile(tarfile.TarInfo("größe.jpg"))
    assert "not UTF-8" in refused(tmp_path, tmp_path / "x.tar").what


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
    for left in (".target.tmp", ".target.old"):
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
    reader, folder = locate(competition, given, tmp_path / "unpacked")
    assert [row.id for row in reader.listing(folder).rows] == ["cat.0", "dog.0", "1"]
    assert folder == tmp_path / "unpacked"


def test_a_folder_that_needs_no_unpacking(tmp_path: Path, save: Callable[..., Path]) -> None:
    for label, name in enumerate(("cat", "dog")):
        save(tmp_path / "raw" / "train" / f"{name}.0.jpg", draw(label, 0))
    (tmp_path / "raw" / "train.zip").write_bytes(b"never opened")
    competition = declared(readers=(ClassInName(classes=("cat", "dog")),))
    _, folder = locate(competition, tmp_path / "raw", tmp_path / "unpacked")
    assert folder == tmp_path / "raw"
    assert not (tmp_path / "unpacked").exists()


def test_a_remembered_archive_may_go_once_it_is_unpacked(harness, workspace, tmp_path: Path, class_folders) -> None:
    shutil.copytree(Path(__file__).parents[2] / "competitions" / "flowers17", workspace.competition("flowers17"))
    archive = Path(shutil.make_archive(str(tmp_path / "my flowers"), "zip", class_folders()))
    assert harness("prepare", "flowers17", "--data", archive).code == 0
    archive.unlink()
    again = harness("prepare", "flowers17")
    assert again.code == 0
    assert "folds: up to date" in again.err


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no data for insects: there is no .*missing\.zip\. Draw them\."):
        locate(declared(), tmp_path / "missing.zip", tmp_path / "unpacked")
