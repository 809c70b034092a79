"""Names that come from records and lists of others lead nowhere else."""

import json
from pathlib import Path

import pytest

from mmvoxceleb.errors import UnsafeArchiveError
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.result import SourceResult
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.schema import Folder
from tests.support.trees import contents

OUTSIDE = "../../victim"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("precious")
    for name in ("victim.txt", "victim.json", "victim.zip"):
        (tmp_path / name).write_text("precious")
    return tmp_path


def test_nothing_is_read_written_or_removed_outside(victim: Path) -> None:
    before = contents(victim)
    for place in (str(victim / "store"), "memory://inside/store"):
        writer = StoreWriter(place, "packed")
        for action in (
            lambda writer=writer: writer.write(Folder("video"), OUTSIDE, [("0000000.png", b"x")]),
            lambda writer=writer: writer.write(Folder("label"), OUTSIDE, [("", b"x")]),
            lambda writer=writer: writer.remove(Folder("video"), OUTSIDE),
            lambda writer=writer: writer.has(Folder("video"), OUTSIDE),
            lambda place=place: Provenance(place).begin(OUTSIDE, ["crop"]),
            lambda place=place: Provenance(place).read(OUTSIDE),
            lambda place=place: open_output(place).append("../victim.txt", b"x"),
        ):
            with pytest.raises(UnsafeArchiveError, match="no path below its folder"):
                action()
    assert contents(victim) == before


def test_a_crop_record_cannot_remove_what_it_did_not_write(victim: Path) -> None:
    job = CropJob(victim / "store", CropSettings())
    record = {"rows": [{"name": OUTSIDE, "status": "done", "reason": ""}], "options": {}, "inputs": {}}
    job.tree.write(job.records.path_of("id1#a"), json.dumps(record | {"key": "id1#a", "num_frames": 1}).encode())
    with pytest.raises(UnsafeArchiveError, match=r"victim"):
        job._forget_others(job.records.read("id1#a"), SourceResult("id1#a"))
    assert (victim / "victim" / "file").read_text() == "precious"
    assert (victim / "victim.zip").read_text() == "precious"


def test_linked_files_are_neither_followed_nor_added_to(victim: Path) -> None:
    store = victim / "store"
    (store / "meta").mkdir(parents=True)
    (store / "meta" / "ledger.jsonl").symlink_to(victim / "victim.txt")
    (store / "meta" / "id1#a#1.txt#000.mp4.json").symlink_to(victim / "victim.json")
    tree = open_output(store)
    with pytest.raises(UnsafeArchiveError, match="through a link"):
        tree.append("meta/ledger.jsonl", b"{}\n")
    with pytest.raises(UnsafeArchiveError, match="through a link"):
        Provenance(store).read("id1#a#1.txt#000.mp4")
    tree.write("meta/ledger.jsonl", b"{}\n")  # takes the place of the link
    assert (victim / "victim.txt").read_text() == "precious"
    assert (store / "meta" / "ledger.jsonl").read_text() == "{}\n"


def test_a_modality_may_lie_on_another_disk(victim: Path) -> None:
    store = victim / "store"
    store.mkdir()
    (victim / "disk").mkdir()
    (store / "label").symlink_to(victim / "disk")
    clip = "id1#a#00001.txt#000.mp4"
    StoreWriter(store).write(Folder("label"), clip, [("", b"0")])
    assert (victim / "disk" / f"{clip}.txt").read_bytes() == b"0"
