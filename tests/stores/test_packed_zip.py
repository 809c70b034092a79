"""Zips of one clip: what is read in one go is what the reader of large zips makes of them, damaged ones, too."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.stores import packed_zip
from mmvoxceleb.stores.zip_index import ZipEntry, read_index


def at_once(path: Path) -> list[ZipEntry]:
    return packed_zip.packed_entries(LocalSource(path))


def in_bulk(path: Path) -> list[ZipEntry]:
    index = read_index(LocalSource(path))
    return [entry for at in range(len(index.folders)) for entry in index.entries(at)]


def outcome(read: Callable[[Path], list[ZipEntry]], path: Path) -> list[ZipEntry] | tuple[str, str]:
    try:
        return read(path)
    except MMVoxCelebError as error:
        return type(error).__name__, str(error)


def pack(path: Path, names: list[str], *, comment: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.comment = comment
        for number, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), bytes(number + 1))
    return path


def test_a_plain_zip_is_read_once_and_not_in_bulk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(tmp_path / "a.zip", [f"{index:07d}.png" for index in range(3)])
    expected, reads = in_bulk(path), []

    class Counted(LocalSource):
        def read(self, start: int, end: int) -> bytes:
            reads.append((start, end))
            return super().read(start, end)

    monkeypatch.setattr(packed_zip, "read_index", None)
    assert packed_zip.packed_entries(Counted(path)) == expected
    assert reads == [(0, path.stat().st_size)]


@pytest.mark.parametrize(
    ("names", "comment"),
    [
        (["0.png"], b""),
        (["0.png", "1.png"], b"note"),
        (["0.png", "a/1.png"], b""),
        (["0.png", ".1.png"], b""),
        (["ö.png", "1.png"], b""),
        (["0.png", "../1.png"], b""),
        (["0.png", "c:1.png"], b""),
        ([f"{index:040d}.png" for index in range(600)], b""),
        ([], b""),
    ],
)
def test_all_others_are_read_as_large_zips_are(tmp_path: Path, names: list[str], comment: bytes) -> None:
    path = pack(tmp_path / "a.zip", names, comment=comment)
    assert outcome(at_once, path) == outcome(in_bulk, path)


@pytest.mark.parametrize("count", [1, 2])
def test_every_damaged_byte_means_the_same(tmp_path: Path, count: int) -> None:
    whole = pack(tmp_path / "a.zip", [f"{index}.png" for index in range(count)]).read_bytes()
    damaged = [
        whole[:at] + bytes([byte ^ flip]) + whole[at + 1 :] for at, byte in enumerate(whole) for flip in (1, 128)
    ]
    damaged += [whole[:at] for at in range(len(whole))] + [whole + b"x", b"x" * 40 + whole, whole[:60] + whole]
    for number, data in enumerate(damaged):
        path = tmp_path / "b.zip"
        path.write_bytes(data)
        expected = outcome(in_bulk, path)
        assert outcome(at_once, path) == expected, number
