"""Entries that a zip's directory does not list are told; ordinary archives are not suspected."""

import io
import logging
import struct
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.stores.zip_index import read_index
from tests.support.corpus import frame, png

NAMES = [f"video/id1#v#00001.txt#000.mp4/{index:07d}.png" for index in range(4)]


def pack(path: Path, names: list[str] = NAMES, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for number, name in enumerate(names):
            archive.writestr(name, png(frame(0, number)))
    return path


def without(path: Path, position: int) -> Path:
    """Take an entry out of the directory, and let the end record say so."""
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start, sizes = archive.start_dir, [46 + len(info.filename) for info in archive.infolist()]
    at = start + sum(sizes[:position])
    end = bytearray(data[-22:])
    struct.pack_into("<2HL", end, 8, len(sizes) - 1, len(sizes) - 1, sum(sizes) - sizes[position])
    path.write_bytes(data[:at] + data[at + sizes[position] : -22] + end)
    return path


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_an_entry_that_is_not_listed_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, method: int, count: int
) -> None:
    for position in range(count):
        path = without(pack(tmp_path / f"{position}.zip", NAMES[:count], compression=method), position)
        caplog.clear()
        assert len(read_index(LocalSource(path))) == count - 1
        (record,) = caplog.records
        assert f"{path}: entries lie in it" in record.getMessage()
        assert repr(NAMES[position]) in record.getMessage()


class Unseekable(io.RawIOBase):
    """What ``zip`` writes to a pipe has its sizes behind the content."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def ordinary(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    stream = Unseekable(folder / "streamed.zip")
    with zipfile.ZipFile(stream, "w") as archive:
        for number, name in enumerate(NAMES):
            archive.writestr(name, png(frame(0, number)))
    padded = folder / "padded.zip"
    with zipfile.ZipFile(padded, "w") as archive:
        for number, name in enumerate(NAMES):
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0xD935, 200 * number) + bytes(200 * number)
            archive.writestr(info, png(frame(0, number)))
    prefixed = pack(folder / "prefixed.zip")
    prefixed.write_bytes(b"#!/bin/sh\n" * 50 + prefixed.read_bytes())
    with zipfile.ZipFile(pack(folder / "added.zip", NAMES[:2]), "a") as archive:
        archive.writestr(NAMES[2], b"x")
    return {
        "plain": pack(folder / "plain.zip"), "one": pack(folder / "one.zip", NAMES[:1]),
        "empty": pack(folder / "e.zip", []),
        "streamed": folder / "streamed.zip", "padded": padded, "prefixed": prefixed, "added": folder / "added.zip",
    }  # fmt: skip


def test_ordinary_archives_are_not_suspected(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, path in ordinary(tmp_path / "zips").items():
        caplog.set_level(logging.WARNING)
        try:
            read_index(LocalSource(path))
        except MMVoxCelebError as error:
            pytest.fail(f"{name}: {error}")
        assert caplog.records == [], name


def test_what_the_program_zip_packs_and_deletes_is_not_suspected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(4):
        (tmp_path / f"{number:07d}.png").write_bytes(png(frame(0, number)))
    try:
        subprocess.run(["zip", "-q", "a.zip", *(f"{n:07d}.png" for n in range(4))], cwd=tmp_path, check=True)
    except FileNotFoundError:
        pytest.skip("needs the program zip")
    subprocess.run(["zip", "-q", "-d", "a.zip", "0000001.png"], cwd=tmp_path, check=True)
    assert len(read_index(LocalSource(tmp_path / "a.zip"))) == 3
    assert caplog.records == []
