"""The clips of a local store: files are looked at when something is asked of them, and no sooner."""

import os
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.files import local
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.tree import Item
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.stores.test_open_store import pack
from tests.support.corpus import Corpus

VIDEO, LABEL = Folder("video"), Folder("label")


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of files whose size and time were asked for."""
    paths: list[str] = []
    look = LocalTree._look

    def counted(self: LocalTree, wanted: Sequence[str]) -> list[Item]:
        paths.extend(wanted)
        return look(self, wanted)

    monkeypatch.setattr(LocalTree, "_look", counted)
    return paths


def test_names_alone_are_listed(own_corpus: Corpus, tmp_path: Path, looked_at: list[str]) -> None:
    store = open_store(pack(own_corpus, tmp_path / "packed"))
    for folder in store.folders():
        assert store.clips(folder) == [*own_corpus.clips]
    assert store.strangers() == []
    assert looked_at == []
    first = own_corpus.clips[0]
    assert store.entries(LABEL, first)[0].size == (own_corpus.root / f"label/{first}.txt").stat().st_size
    assert len(store.entries(VIDEO, first)) == own_corpus.frames_of(first)
    assert looked_at == [f"label/{first}.txt"]


@pytest.mark.parametrize("few", [2, 1024])
def test_the_fingerprint_looks_at_every_file_once(
    own_corpus: Corpus, tmp_path: Path, looked_at: list[str], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_FEW", few)
    root = pack(own_corpus, tmp_path / "packed")
    before = open_store(root).fingerprint([VIDEO, LABEL])
    assert sorted(looked_at) == sorted(
        name for clip in own_corpus.clips for name in (f"label/{clip}.txt", f"video/{clip}.zip")
    )
    assert open_store(root).fingerprint([VIDEO, LABEL]) == before
    changed = root / "label" / f"{own_corpus.clips[-1]}.txt"
    os.utime(changed, ns=(1, 1))
    assert open_store(root).fingerprint([VIDEO, LABEL]) != before


def test_workers_see_the_clips_that_were_listed(own_corpus: Corpus, tmp_path: Path) -> None:
    root = pack(own_corpus, tmp_path / "packed")
    store = open_store(root)
    clips = store.clips(VIDEO)
    sent = pickle.loads(pickle.dumps(store))
    (root / "video" / f"{clips[0]}.zip").rename(root / "video" / "other#a#0.txt#0.mp4.zip")
    assert sent.clips(VIDEO) == clips
    assert sent.entries(VIDEO, clips[1]) == store.entries(VIDEO, clips[1])


def test_folders_that_share_names_keep_to_their_own(own_corpus: Corpus, tmp_path: Path) -> None:
    root = pack(own_corpus, tmp_path / "packed")
    usual = sorted(own_corpus.clips)
    late = "late#a#0.txt#0.mp4"
    (root / "mask" / f"{usual[0]}.zip").rename(root / "mask" / f"{late}.zip")
    masks = sorted([*usual[1:], late])
    for order in (("label", "mask", "text", "video"), ("mask", "video", "label", "text")):
        store = open_store(root)
        for name in order * 2:
            assert store.clips(Folder(name)) == (masks if name == "mask" else usual), (order, name)
        with pytest.raises(MissingModalityError, match="has no label of clip late"):
            store.entries(LABEL, late)


def test_a_clip_that_is_there_twice_is_told_and_the_others_stay(
    own_corpus: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = pack(own_corpus, tmp_path / "packed")
    first, second = sorted(own_corpus.clips)
    (root / "video" / first).mkdir()
    (root / "video" / "late#a#0.txt#0.mp4").mkdir()
    store = open_store(root)
    assert store.clips(LABEL) == [first, second]
    assert store.clips(VIDEO) == sorted([first, second, "late#a#0.txt#0.mp4"])
    assert f"clip {first}, video: exists twice" in caplog.text
    assert store.clips(LABEL) == [first, second]
