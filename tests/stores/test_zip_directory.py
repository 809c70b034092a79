"""The bulk reader of zip directories against ``zipfile``."""

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.stores import zip_directory
from mmvoxceleb.stores.zip_cache import load_index
from mmvoxceleb.stores.zip_content import read_entries
from mmvoxceleb.stores.zip_index import ZipIndex, read_index


def as_zipfile_sees_it(path: Path) -> dict[str, tuple[int, int, int, int, int]]:
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename: (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type)
            for info in archive.infolist()
            if not info.is_dir()
        }


def as_we_see_it(index: ZipIndex) -> dict[str, tuple[int, int, int, int, int]]:
    return {
        (f"{folder}/{entry.name}" if folder else entry.name): (
            entry.offset, entry.packed, entry.size, entry.crc, entry.method,
        )
        for at, folder in enumerate(index.folders)
        for entry in index.entries(at)
    }  # fmt: skip


def write_zip(path: Path, names: list[str], *, comment: bytes = b"", extra: bool = False) -> Path:
    rng = random.Random(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for name in names:
            info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            info.compress_type = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            info.comment = rng.choice((b"", b"note", b"PK\x01\x02" * 3))
            if extra:
                info.extra = struct.pack("<HH5s", 0x5455, 5, b"PK\x01\x02x")
            archive.writestr(info, rng.randbytes(rng.randrange(200)))
    return path


@pytest.mark.parametrize("comment", [b"", b"x" * 1000, b"PK\x05\x06" + b"y" * 30])
@pytest.mark.parametrize("block_bytes", [1 << 10, 4 << 20])
def test_same_entries_as_zipfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, comment: bytes, block_bytes: int
) -> None:
    monkeypatch.setattr(zip_directory, "_BLOCK_BYTES", block_bytes)
    names = [
        "top.txt",
        "a/ä/ö.png",
        "日本/語.png",
        "a/PK\x01\x02b.png",
        *(f"v/c{i % 7}/{i:07d}.png" for i in range(900)),
    ]
    path = write_zip(tmp_path / "x.zip", names, comment=comment, extra=True)
    without_comment = write_zip(tmp_path / "y.zip", names, extra=True)  # zipfile cannot read a signature in a comment
    assert as_we_see_it(read_index(LocalSource(path))) == as_zipfile_sees_it(without_comment)


def test_bytes_in_front_of_the_zip_are_allowed(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", ["a/1.png", "a/2.png"])
    shifted = tmp_path / "shifted.zip"
    shifted.write_bytes(b"#!/bin/sh\n" * 10 + inner.read_bytes())
    with zipfile.ZipFile(shifted) as archive:
        expected = [archive.read("a/1.png"), archive.read("a/2.png")]
    source = LocalSource(shifted)
    assert read_entries(source, read_index(source).entries(0)) == expected


def test_zip64_offsets_sizes_and_counts(tmp_path: Path) -> None:
    """A sparse file of 5 GB: offsets need the ZIP64 field, which stands behind another extra field."""
    path = tmp_path / "large.zip"
    far = 5 << 30
    with path.open("wb") as file:
        records = b""
        for name, offset in ((b"v/near.png", 0), (b"v/far.png", far)):
            content = b"content of " + name
            crc = zlib.crc32(content)
            file.seek(offset)
            file.write(
                struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 33, crc, len(content), len(content), len(name), 0)
            )
            file.write(name + content)
            saturated = offset >= 0xFFFFFFFF
            extra = struct.pack("<HHB", 0x5455, 1, 7)
            extra += struct.pack("<HHQ", 1, 8, offset) if saturated else b""
            records += struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 33, crc, len(content), len(content), len(name), len(extra),
                0, 0, 0, 0, 0xFFFFFFFF if saturated else offset,
            ) + name + extra  # fmt: skip
        start = file.tell()
        file.write(records)
        end = file.tell()
        file.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(records), start))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        file.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    source = LocalSource(path)
    entries = read_index(source).entries(0)
    assert [entry.offset for entry in entries] == [0, far]
    assert read_entries(source, entries) == [b"content of v/near.png", b"content of v/far.png"]


@pytest.mark.parametrize("keep", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_zip_is_one_clear_error(tmp_path: Path, keep: float) -> None:
    data = write_zip(tmp_path / "x.zip", [f"a/{i}.png" for i in range(50)]).read_bytes()
    path = tmp_path / "cut.zip"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(CorruptSourceError, match=r"cut\.zip.*not a whole zip"):
        read_index(LocalSource(path))


def test_a_damaged_directory_is_found(tmp_path: Path) -> None:
    data = bytearray(write_zip(tmp_path / "x.zip", [f"a/{i}.png" for i in range(50)]).read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at : at + 4] = b"????"
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(CorruptSourceError, match=r"bad\.zip.*damaged"):
        read_index(LocalSource(tmp_path / "bad.zip"))


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "a\\..\\evil.png", "a/..\\b.png"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.png", b"x")
        archive.writestr(zipfile.ZipInfo(name), b"evil")
    with pytest.raises(UnsafeArchiveError, match="outside the folder"):
        read_index(LocalSource(path))


def test_names_with_harmless_dots_pass(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", ["a..b/c...png", "a/12:30.png"])
    assert set(as_we_see_it(read_index(LocalSource(path)))) == {"a..b/c...png", "a/12:30.png"}


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    info = zipfile.ZipInfo("a/link.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match=r"a/link\.png.*symbolic link"):
        read_index(LocalSource(path))


def test_what_macos_adds_is_ignored(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", ["a/1.png", "__MACOSX/a/._1.png", "a/.DS_Store", ".hidden/2.png"])
    assert set(as_we_see_it(read_index(LocalSource(path)))) == {"a/1.png"}


def test_bombs_are_refused_before_they_unpack(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a/bomb.png", bytes(300 << 20))
    source = LocalSource(path)
    with pytest.raises(UnsafeArchiveError, match=r"bomb\.png.*314,572,800 bytes; refused"):
        read_entries(source, read_index(source).entries(0))


def test_a_bomb_that_lies_about_its_size_is_stopped(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a/bomb.png", bytes(50 << 20))
    data = bytearray(buffer.getvalue())
    struct.pack_into("<L", data, data.rfind(b"PK\x01\x02") + 24, 1000)
    (tmp_path / "x.zip").write_bytes(data)
    source = LocalSource(tmp_path / "x.zip")
    with pytest.raises(CorruptSourceError, match="does not unpack to the 1,000 bytes"):
        read_entries(source, read_index(source).entries(0))


def test_a_flipped_bit_fails_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/1.png", b"some content")
    data = bytearray(path.read_bytes())
    data[data.index(b"some")] ^= 1
    path.write_bytes(data)
    source = LocalSource(path)
    with pytest.raises(CorruptSourceError, match=r"1\.png.*checksum"):
        read_entries(source, read_index(source).entries(0))


def test_the_index_is_kept_and_a_changed_file_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    path = write_zip(tmp_path / "x.zip", [f"a/{i}.png" for i in range(20)])
    first = as_we_see_it(load_index(LocalSource(path)))
    kept = sorted((tmp_path / "cache" / "zip-index").iterdir())
    assert len(kept) == 2
    assert as_we_see_it(load_index(LocalSource(path))) == first
    assert sorted((tmp_path / "cache" / "zip-index").iterdir()) == kept
    write_zip(path, [f"b/{i}.png" for i in range(20)])
    assert set(load_index(LocalSource(path)).folders) == {"b"}


def test_a_damaged_kept_index_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_CACHE", str(tmp_path / "cache"))
    path = write_zip(tmp_path / "x.zip", [f"a/{i}.png" for i in range(20)])
    first = as_we_see_it(load_index(LocalSource(path)))
    for file in (tmp_path / "cache" / "zip-index").iterdir():
        file.write_bytes(file.read_bytes()[:50])
    assert as_we_see_it(load_index(LocalSource(path))) == first


def test_gather_slices_takes_touching_and_empty_slices() -> None:
    data = np.frombuffer(b"0123456789", np.uint8)
    starts, ends = np.array([0, 2, 4, 4, 9]), np.array([2, 4, 4, 6, 10])
    assert zip_directory.gather_slices(data, starts, ends) == b"0123459"
