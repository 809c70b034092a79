"""The table of provenance: it says what the files say, whatever became of it or of them, and names nobody removed."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.meta import provenance_index
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.provenance_index import IndexedProvenance, forget_in_index, save_index
from mmvoxceleb.meta.provenance_table import INDEX_PATH, INDEX_STAMP_PATH
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.removal import remove_from_store, sweep

CLIPS = [f"id1000{at // 2}#video{at // 2:06d}#0000{at}.txt#000.mp4" for at in range(8)]
NOBODY = Removals()


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance_index, "FEWEST_NEW", 1)


@pytest.fixture
def tree(tmp_path: Path) -> LocalTree:
    """A store of provenance alone, an hour old, with its table."""
    tree = LocalTree(tmp_path / "store")
    for at, clip_id in enumerate(CLIPS):
        section = {"settings": {"stride": 4}, "computation": {"device": f"cpu {at % 2}"}, "flicker": at / 3, "n": at}
        Provenance(tree).finish(clip_id, {"mask": section, "label": {"settings": {}}, "label_source": "predicted:ö"})
    age(tree)
    save_index(tree, {}, NOBODY)
    return tree


def age(tree: LocalTree, seconds: int = 3600) -> None:
    then = time.time_ns() - seconds * 10**9
    for path in (tree.root / "meta").glob("*.json"):
        os.utime(path, ns=(then, then))


def read_all(provenance: Provenance, clips: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for clip_id in clips:
        try:
            found[clip_id] = provenance.read(clip_id)
        except CorruptSourceError as error:
            found[clip_id] = str(error)
    return found


def files_read(tree: LocalTree, clips: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Read all by the table, compare with the files, and return the clips of which the file was read."""
    expected, read, opened = read_all(Provenance(tree), clips), LocalTree.read, list[str]()

    def counted(self: LocalTree, path: str) -> bytes | None:
        opened.append(path)
        return read(self, path)

    with monkeypatch.context() as patch:
        patch.setattr(LocalTree, "read", counted)
        assert read_all(IndexedProvenance(tree), clips) == expected
    return [path[5:-5] for path in opened if path not in (INDEX_PATH, INDEX_STAMP_PATH)]


def test_the_table_says_what_the_files_say_and_none_is_read(tree: LocalTree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_read(tree, CLIPS, monkeypatch) == []


def test_clips_that_are_asked_for_out_of_order_are_read(tree: LocalTree, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_read(tree, [CLIPS[3], CLIPS[1], CLIPS[5]], monkeypatch) == [CLIPS[1]]


def in_place(path: Path) -> None:
    """Change a byte, and neither size nor number."""
    path.write_bytes(path.read_bytes().replace(b"0.33", b"0.44"))


def replaced(path: Path) -> None:
    """Put another file of the same size and time in its place."""
    status = path.stat()
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"0.33", b"0.44"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def pending(path: Path) -> None:
    Provenance(path.parents[1]).begin(path.name[:-5], ["mask"])


def damaged(path: Path) -> None:
    path.write_bytes(b"{")


def linked(path: Path) -> None:
    target = path.with_name("target")
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize("change", [in_place, replaced, pending, damaged, linked, Path.unlink])
def test_a_changed_file_is_read(
    tree: LocalTree, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(tree.root / "meta" / f"{CLIPS[1]}.json")
    assert files_read(tree, CLIPS, monkeypatch) == [CLIPS[1]]
    save_index(tree, {}, NOBODY)
    assert files_read(tree, CLIPS, monkeypatch) == [CLIPS[1]]  # too new, or no file to be kept


def test_an_added_file_is_read_until_the_table_has_it(tree: LocalTree, monkeypatch: pytest.MonkeyPatch) -> None:
    added = "id10009#video#0.txt#000.mp4"
    Provenance(tree).finish(added, {"mask": {"settings": {"stride": 2}}})
    assert files_read(tree, [*CLIPS, added], monkeypatch) == [added]
    age(tree, 1800)
    save_index(tree, {}, NOBODY)
    assert files_read(tree, [*CLIPS, added], monkeypatch) == []


def flipped(at: int) -> Callable[[LocalTree], None]:
    def flip(tree: LocalTree) -> None:
        data = bytearray((tree.root / INDEX_PATH).read_bytes())
        data[at] ^= 1
        (tree.root / INDEX_PATH).write_bytes(data)

    return flip


def of_another_format(tree: LocalTree) -> None:
    path = tree.root / INDEX_STAMP_PATH
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))


def of_other_columns(tree: LocalTree) -> None:
    import hashlib

    path, stamp = tree.root / INDEX_PATH, tree.root / INDEX_STAMP_PATH
    pq.write_table(pq.read_table(path).drop_columns("checked"), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "table": digest}))


@pytest.mark.parametrize(
    "damage",
    [
        flipped(10), flipped(-40), of_another_format, of_other_columns,
        lambda tree: (tree.root / INDEX_PATH).write_bytes(b""),
        lambda tree: (tree.root / INDEX_PATH).unlink(),
        lambda tree: (tree.root / INDEX_STAMP_PATH).unlink(),
        lambda tree: (tree.root / INDEX_STAMP_PATH).write_bytes(b"{"),
        lambda tree: (tree.root / INDEX_STAMP_PATH).write_bytes(b"[]"),
    ],
)  # fmt: skip
def test_a_damaged_table_is_not_believed_and_made_again(
    tree: LocalTree, damage: Callable[[LocalTree], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(tree)
    assert files_read(tree, CLIPS, monkeypatch) == CLIPS
    save_index(tree, {}, NOBODY)
    assert files_read(tree, CLIPS, monkeypatch) == []


def test_the_table_of_a_copy_is_not_believed(tree: LocalTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tree.root, tmp_path / "copy")
    assert files_read(LocalTree(tmp_path / "copy"), CLIPS, monkeypatch) == CLIPS


def test_files_that_may_still_change_unseen_are_not_in_it(tree: LocalTree, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(tree.root / "meta" / f"{CLIPS[2]}.json")
    save_index(tree, {CLIPS[0]: {"mask": 1}}, NOBODY)
    assert files_read(tree, CLIPS, monkeypatch) == [CLIPS[2]]


def test_what_was_checked_holds_until_the_file_changes(tree: LocalTree) -> None:
    save_index(tree, {CLIPS[0]: {"mask": 1}, CLIPS[1]: {"mask": 2}}, NOBODY)
    save_index(tree, {CLIPS[0]: {"label": 3}}, NOBODY)
    found = IndexedProvenance(tree)
    assert [found.checked(clip_id) for clip_id in CLIPS[:3]] == [{"mask": 1, "label": 3}, {"mask": 2}, {}]
    in_place(tree.root / "meta" / f"{CLIPS[1]}.json")
    assert IndexedProvenance(tree).checked(CLIPS[1]) == {}


def named_in(tree: LocalTree, name: str) -> list[str]:
    """List what names somebody: file names, plain bytes, and the rows of the table."""
    found = [str(path) for path in tree.root.rglob("*") if name in path.name]
    files = [path for path in tree.root.rglob("*") if path.is_file() and path.name != "removed.jsonl"]
    found += [str(path) for path in files if name.encode() in path.read_bytes()]
    if (tree.root / INDEX_PATH).exists():
        found += [text for row in pq.read_table(tree.root / INDEX_PATH).to_pylist() if name in (text := str(row))]
    return found


@pytest.mark.parametrize("where", ["row", "text of another", "shared", "damaged table"])
def test_who_is_removed_is_named_by_no_byte(tree: LocalTree, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "text of another":
        Provenance(tree).finish(CLIPS[7], {"crop": {"file": "id10001.mp4"}})
    elif where == "shared":
        Provenance(tree).finish(CLIPS[7], {"crop": {"settings": {"file": "id10001.mp4"}}})
    age(tree)
    save_index(tree, {CLIPS[0]: {"mask": 1}}, NOBODY)
    if where == "damaged table":
        (tree.root / INDEX_STAMP_PATH).write_bytes(b"{")
    assert named_in(tree, "id10001")
    remove_from_store(tree.root, Removals(person_id=frozenset({"id10001"})))
    assert named_in(tree, "id10001") == []
    rest = [clip_id for clip_id in CLIPS if not clip_id.startswith("id10001")]
    expected = {"row": [], "text of another": [CLIPS[7]]}.get(where, rest)
    assert files_read(tree, rest, monkeypatch) == expected


def test_a_table_that_a_killed_run_left_is_cleaned_by_the_next_one(tree: LocalTree) -> None:
    gone = Removals(person_id=frozenset({"id10001"}))
    before = {path: (tree.root / path).read_bytes() for path in (INDEX_PATH, INDEX_STAMP_PATH)}
    remove_from_store(tree.root, gone)
    for path, data in before.items():  # written by a run that had begun earlier, and was killed at once
        (tree.root / path).write_bytes(data)
    sweep(tree, gone, [])
    assert named_in(tree, "id10001") == []
    cleaned = (tree.root / INDEX_PATH).stat()
    sweep(tree, gone, [])
    assert (tree.root / INDEX_PATH).stat() == cleaned  # once is enough


def test_a_table_made_later_has_no_row_of_who_is_on_the_list(tree: LocalTree) -> None:
    save_index(tree, {CLIPS[0]: {"mask": 1}}, Removals(video_id=frozenset({"video000001"})))
    assert len(pq.read_table(tree.root / INDEX_PATH)) == len(CLIPS) - 2
    forget_in_index(tree, Removals(clip_id=frozenset({CLIPS[0]})))
    assert len(pq.read_table(tree.root / INDEX_PATH)) == len(CLIPS) - 3


def test_little_that_is_new_is_not_worth_a_table(tree: LocalTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance_index, "FEWEST_NEW", 3)
    before = (tree.root / INDEX_PATH).stat()
    save_index(tree, {CLIPS[0]: {"mask": 1}, CLIPS[1]: {"mask": 1}}, NOBODY)
    assert (tree.root / INDEX_PATH).stat() == before
    save_index(tree, {clip_id: {"mask": 1} for clip_id in CLIPS[:3]}, NOBODY)
    assert (tree.root / INDEX_PATH).stat() != before
