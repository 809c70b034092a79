"""Names of large folders are kept, and listed anew after a change, where none can be known of, and when damaged."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.tree import Outline
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import Folder
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.stores import kept_names, open_store, tree_store
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus

VIDEO, MASK, LABEL = Folder("video"), Folder("mask"), Folder("label")
OTHER = "late#a#0.txt#0.mp4"


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say of what kind the file system of the test is."""

    def say(kind: str) -> None:
        device = tmp_path.stat().st_dev
        table = tmp_path / "mountinfo"
        table.write_text(f"36 35 {os.major(device)}:{os.minor(device)} / /data rw shared:1 - {kind} /dev/x rw\n")
        monkeypatch.setattr(kept_names, "_MOUNTS", str(table))

    return say


@pytest.fixture
def root(own_corpus: Corpus, tmp_path: Path, mounts: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    mounts("ext4")
    monkeypatch.setattr(tree_store, "FEWEST_NAMES", 2)
    monkeypatch.setattr(kept_names, "_SETTLED_SECONDS", 0.02)
    packed = pack(own_corpus, tmp_path / "packed")
    time.sleep(0.05)
    return packed


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders that were listed."""
    paths: list[str] = []
    outline = LocalTree.outline

    def counted(self: LocalTree, path: str = "") -> Outline:
        paths.append(path)
        return outline(self, path)

    monkeypatch.setattr(LocalTree, "outline", counted)
    return paths


def clips_of(root: Path) -> dict[Folder, list[str]]:
    store = open_store(root)
    return {folder: store.clips(folder) for folder in store.folders()}


def test_what_did_not_change_is_not_listed_again(root: Path, own_corpus: Corpus, listed: list[str]) -> None:
    (root / "label" / "notes").mkdir()  # as meta has the folder of runs
    time.sleep(0.05)
    first = clips_of(root)
    assert {"video", "label"} <= {*listed}
    listed.clear()
    assert clips_of(root) == first
    assert first[VIDEO] == first[LABEL] == sorted(own_corpus.clips)
    assert listed == ["draw"]  # which holds the styles
    store = open_store(root)
    assert len(store.entries(VIDEO, own_corpus.clips[0])) == own_corpus.frames_of(own_corpus.clips[0])


@pytest.mark.parametrize("change", ["add", "delete", "rename"])
def test_what_changed_is_listed_again(root: Path, own_corpus: Corpus, change: str) -> None:
    usual = sorted(own_corpus.clips)
    assert clips_of(root)[MASK] == usual
    file = root / "mask" / f"{usual[0]}.zip"
    if change == "add":
        file.with_name(f"{OTHER}.zip").write_bytes(file.read_bytes())
    elif change == "delete":
        file.unlink()
    else:
        file.rename(file.with_name(f"{OTHER}.zip"))
    masks = sorted([*(usual if change == "add" else usual[1:]), *([] if change == "delete" else [OTHER])])
    for _ in range(2):
        found = clips_of(root)
        assert (found[MASK], found[VIDEO], found[LABEL]) == (masks, usual, usual)
        time.sleep(0.05)
    names = list((cache_dir() / "names").glob("*/*.names"))
    assert len(names) == (1 if len(masks) < 2 else 2)


def test_names_are_not_kept_where_a_change_could_be_missed(
    own_corpus: Corpus, root: Path, mounts: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("fuse.s3fs", "nfs4", "9p"):
        mounts(kind)
        clips_of(root)
    mounts("ext4")
    monkeypatch.setattr(kept_names, "_MOUNTS", "/nowhere")
    clips_of(root)
    mounts("ext4")
    monkeypatch.setattr(kept_names, "_SETTLED_SECONDS", 60.0)
    clips_of(root)
    assert not (cache_dir() / "names").exists()


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"format": 1, "names": "../../x"}', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("what", ["*.json", "*.names"])
def test_damage_is_mended_by_listing(root: Path, damage: bytes, what: str) -> None:
    first = clips_of(root)
    for path in (cache_dir() / "names").glob(f"*/{what}"):
        path.write_bytes(damage)
    assert clips_of(root) == first
    for path in (cache_dir() / "names").glob(f"*/{what}"):
        path.unlink()
    assert clips_of(root) == first


def test_removal_forgets_the_names(root: Path, own_corpus: Corpus) -> None:
    first = sorted(own_corpus.clips)[0]
    clips_of(root)
    assert (cache_dir() / "names").exists()
    remove_from_store(root, Removals(clip_id=frozenset({first})))
    assert not list((cache_dir() / "names").iterdir())
    assert first not in clips_of(root).get(VIDEO, [])


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(root: Path, own_corpus: Corpus) -> None:
    cache_dir().mkdir(parents=True, exist_ok=True)
    (cache_dir() / "names").write_text("a file where a folder should be")
    for _ in range(2):
        assert clips_of(root)[VIDEO] == sorted(own_corpus.clips)
