import errno
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import OutputError
from mmvoxceleb.files.atomic import make_folder, remove_folder, replacing, write_atomically, write_folder, writing
from mmvoxceleb.files.partial import PARTIAL, is_abandoned, partial_prefix
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings, Format
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.schema import Folder
from tests.support.corpus import Corpus


class Disk:
    """What a power cut would leave: names whose file, and folders whose names, were not synced."""

    def __init__(self) -> None:
        self.synced: dict[int, int] = {}
        self.unsure: list[str] = []
        self.unsynced_folders: dict[int, str] = {}
        self.renames = 0

    def fsync(self, handle: int) -> None:
        status = os.fstat(handle)
        self.synced[status.st_ino] = status.st_mtime_ns
        self.unsynced_folders.pop(status.st_ino, None)

    def rename(self, source: Any, target: Any) -> None:
        if Path(target).name.startswith(PARTIAL):
            return  # on the way out
        self.renames += 1
        source = Path(source)
        for path in [source, *source.rglob("*")] if source.is_dir() else [source]:
            if self.synced.get(path.stat().st_ino) != path.stat().st_mtime_ns:
                self.unsure.append(str(path))
        self.unsynced_folders[Path(target).parent.stat().st_ino] = str(Path(target).parent)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Watch the calls that the program makes to the system."""
    watched = Disk()

    def noting(note: Callable[..., None], real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            note(*arguments)
            return real(*arguments)

        return call

    for name, note in (("fsync", watched.fsync), ("replace", watched.rename), ("rename", watched.rename)):
        monkeypatch.setattr(os, name, noting(note, getattr(os, name)))
    yield watched
    assert watched.renames
    assert watched.unsure == []
    assert watched.unsynced_folders == {}


def test_stores_survive_a_power_cut(disk: Disk, tmp_path: Path) -> None:
    clip = "id1#a#00001.txt#000.mp4"
    layouts: tuple[Layout, ...] = ("folder", "packed")
    for layout in layouts:
        writer = StoreWriter(tmp_path / layout, layout)
        for content in (b"first", b"second"):
            writer.write(Folder("video"), clip, [(f"{index:07d}.png", content) for index in range(3)])
        writer.write(Folder("label"), clip, [("", b"0")])
        provenance = Provenance(tmp_path / layout)
        provenance.begin(clip, ["crop"])
        provenance.finish(clip, {"crop": {}})
        provenance.record([LedgerRow(clip, "crop", "done")])
        log = tmp_path / layout / "meta" / "ledger.jsonl"
        assert disk.synced[log.stat().st_ino] == log.stat().st_mtime_ns
        provenance.compact()
    assert (tmp_path / "folder" / "video" / clip / "0000002.png").read_bytes() == b"second"


@pytest.mark.parametrize("format_", ["parquet", "webdataset", "folder"])
def test_exports_survive_a_power_cut(disk: Disk, corpus: Corpus, tmp_path: Path, format_: Format) -> None:
    settings = ExportSettings(format=format_, modalities=("mask", "text", "label"))
    export_store(corpus.root, tmp_path / "out", settings, facts=CardFacts(charts=False))


def test_new_folders_are_on_the_disk_too(disk: Disk, tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    made = [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert all(path.stat().st_ino in disk.synced for path in made)
    write_atomically(tmp_path / "a" / "file", b"")


def test_a_failure_leaves_what_was_there_and_no_leftover(tmp_path: Path) -> None:
    def fail(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise KeyError

    write_atomically(tmp_path / "file", b"before")
    write_folder(tmp_path / "folder", [("one", b"before")])
    with pytest.raises(KeyError), replacing(tmp_path / "file") as partial:
        fail(partial)
    with pytest.raises(OSError, match="absent"):
        write_folder(tmp_path / "folder", [("one", b"after"), ("absent/two", b"after")])
    assert (tmp_path / "file").read_bytes() == b"before"
    assert (tmp_path / "folder" / "one").read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_link_is_taken_away_and_not_what_it_leads_to(tmp_path: Path) -> None:
    write_folder(tmp_path / "victim", [("one", b"precious")])
    (tmp_path / "link").symlink_to("victim")
    remove_folder(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "victim" / "one").read_bytes() == b"precious"


def test_a_full_and_a_closed_disk_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(OutputError, match=r"labels\.csv: cannot be written \(Not a directory at .*; fix that"),
        writing(tmp_path / "file" / "labels.csv"),
    ):
        write_atomically(tmp_path / "file" / "labels.csv", b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match=r"sheet\.png: cannot be written .*make room"), writing("sheet.png"):
            write_atomically(tmp_path / "sheet.png", bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(OutputError, match=r"Read-only file system.*permissions"), writing("out"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_threads_that_need_the_same_new_folder_all_get_it(tmp_path: Path) -> None:
    together = threading.Barrier(6, timeout=60)

    def make(_: int) -> None:
        for turn in range(100):
            together.wait()
            make_folder(tmp_path / str(turn) / "a" / "b")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(make, range(6)))


@pytest.mark.skipif(sys.platform != "linux", reason="threads have numbers like processes on Linux")
def test_the_number_of_a_thread_is_of_no_living_writer(tmp_path: Path) -> None:
    numbers: list[int] = []
    done = threading.Event()

    def wait() -> None:
        numbers.append(threading.get_native_id())
        done.wait(30)

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        while not numbers:
            pass
        left = tmp_path / partial_prefix().replace(f".{os.getpid()}.", f".{numbers[0]}.")
        left.write_bytes(b"half")
        assert is_abandoned(left.name, lambda: left.stat().st_mtime)
    finally:
        done.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of processes that ended")
def test_a_process_that_ended_writes_no_more_though_nobody_waited_for_it() -> None:
    process = os.fork()
    if process == 0:
        os._exit(0)
    try:
        name = partial_prefix().replace(f".{os.getpid()}.", f".{process}.") + "x"
        deadline = time.monotonic() + 10
        while not is_abandoned(name, lambda: 0.0) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_abandoned(name, lambda: 0.0)
    finally:
        os.waitpid(process, 0)
