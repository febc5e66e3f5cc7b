"""tar.gz in and out: reproducible, and nothing escapes the folder."""

from __future__ import annotations

import io
import os
import tarfile
import time
from pathlib import Path

import pytest

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.targets.archive import Limits, extract_archive, write_archive


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path | bytes]:
    big = tmp_path / "model.onnx"
    big.write_bytes(bytes(range(256)) * 1000)
    return {"portable/model.onnx": big, "manifest.json": b"{}", "code/pkg/__init__.py": b""}


def tar_with(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_same_input_same_bytes_whatever_the_order_clock_and_modes(tmp_path, files) -> None:
    write_archive(files, tmp_path / "one.tar.gz")
    time.sleep(1.1)  # gzip and tar times have a resolution of one second
    os.utime(files["portable/model.onnx"], (1, 1))
    files["portable/model.onnx"].chmod(0o600)
    write_archive(dict(reversed(files.items())), tmp_path / "another name.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "another name.tar.gz").read_bytes()


def test_members_say_nothing_about_the_machine(tmp_path, files) -> None:
    write_archive(files, tmp_path / "m.tar.gz")
    with tarfile.open(tmp_path / "m.tar.gz") as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == ["code/pkg/__init__.py", "manifest.json", "portable/model.onnx"]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mode, m.mtime) for m in members} == {
        (0, 0, "", "", 0o644, 315_532_800)
    }
    assert str(tmp_path).encode() not in (tmp_path / "m.tar.gz").read_bytes()


def test_round_trip(tmp_path, files) -> None:
    write_archive(files, tmp_path / "m.tar.gz")
    extract_archive(tmp_path / "m.tar.gz", tmp_path / "out")
    assert (tmp_path / "out/portable/model.onnx").read_bytes() == files["portable/model.onnx"].read_bytes()
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == [
        "code/pkg/__init__.py",
        "manifest.json",
        "portable/model.onnx",
    ]


def test_a_failed_write_leaves_no_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        write_archive({"a": b"1", "b": tmp_path / "absent"}, tmp_path / "m.tar.gz")
    assert list(tmp_path.iterdir()) == []


EVIL = {
    "parent": member("../evil"),
    "parent inside": member("a/../../evil"),
    "absolute": member("/tmp/evil"),
    "backslash": member("a\\..\\evil"),
    "symbolic link": member("evil", tarfile.SYMTYPE, "/etc/passwd"),
    "link inside": member("evil", tarfile.SYMTYPE, "portable"),
    "hard link": member("evil", tarfile.LNKTYPE, "../../x"),
    "device": member("evil", tarfile.CHRTYPE),
    "fifo": member("evil", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("what", EVIL)
def test_a_member_that_is_not_a_file_inside_is_refused_by_name(tmp_path, what) -> None:
    evil = EVIL[what]
    tar_with(tmp_path / "m.tar.gz", (member("fine"), b"1"), (evil, b""))
    with pytest.raises(ModelStoreError, match="evil"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_repeated_member_is_refused(tmp_path) -> None:
    tar_with(tmp_path / "m.tar.gz", (member("a"), b"1"), (member("./a"), b"2"))
    with pytest.raises(ModelStoreError, match=r"'\./a' occurs twice"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out")


@pytest.mark.parametrize("limits", [Limits(members=2), Limits(total_bytes=2500)])
def test_too_many_or_too_big_members_are_refused(tmp_path, limits) -> None:
    tar_with(tmp_path / "m.tar.gz", *((member(f"m{i}"), bytes(1000)) for i in range(3)))
    with pytest.raises(ModelStoreError, match=r"'m2' is beyond the limit"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out", limits)
    assert not (tmp_path / "out").exists()


def test_folders_count_as_members(tmp_path) -> None:
    folders = ((member(f"d{i}", tarfile.DIRTYPE), b"") for i in range(3))
    tar_with(tmp_path / "m.tar.gz", *folders)
    with pytest.raises(ModelStoreError, match=r"'d2' is beyond the limit"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out", Limits(members=2))


def test_a_zip_bomb_stops_at_the_limit(tmp_path) -> None:
    tar_with(tmp_path / "m.tar.gz", (member("bomb"), bytes(50_000_000)))
    assert (tmp_path / "m.tar.gz").stat().st_size < 100_000
    with pytest.raises(ModelStoreError, match="bomb"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out", Limits(total_bytes=1_000_000))


@pytest.mark.parametrize("keep", [0, 1, 20, 0.3, 0.5, 0.9, -12, -1])
def test_a_truncated_archive_leaves_nothing(tmp_path, files, keep) -> None:
    write_archive(files, tmp_path / "m.tar.gz")
    content = (tmp_path / "m.tar.gz").read_bytes()
    (tmp_path / "m.tar.gz").write_bytes(
        content[: int(len(content) * keep) if isinstance(keep, float) else keep]
    )
    with pytest.raises(ModelStoreError, match=r"m\.tar\.gz is not a whole tar\.gz"):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("at", [3, 15, 100, 400, -6])
def test_a_damaged_archive_is_refused(tmp_path, files, at) -> None:
    write_archive(files, tmp_path / "m.tar.gz")
    content = bytearray((tmp_path / "m.tar.gz").read_bytes())
    content[at] ^= 0xFF
    (tmp_path / "m.tar.gz").write_bytes(content)
    with pytest.raises(ModelStoreError):
        extract_archive(tmp_path / "m.tar.gz", tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_absent_archive_and_a_taken_folder(tmp_path) -> None:
    with pytest.raises(ModelStoreError, match=r"cannot unpack .*absent"):
        extract_archive(tmp_path / "absent.tar.gz", tmp_path / "out")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ModelStoreError, match="exists"):
        extract_archive(tmp_path / "absent.tar.gz", tmp_path / "taken")
