"""Zips whose clips are the same, in the same order or not, and others that have more or fewer."""

import random
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmvoxceleb.modalities import DRAWINGS, LABEL, MASKS, TEXT, VIDEO
from mmvoxceleb.stores import open_store
from tests.support.corpus import Corpus, make_corpus

FOLDERS = VIDEO.folder(), MASKS.folder(), DRAWINGS.folder("style1"), TEXT.folder(), LABEL.folder()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("many"), clips=12, frames=4)


def zipped(
    root: Path, target: Path, *, clips: Sequence[str] | None = None, order: Callable[[list[Path]], None] | None = None
) -> None:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    files = [path for path in files if clips is None or path.parent.name in clips]
    if order is not None:
        order(files)
    with zipfile.ZipFile(target, "w") as archive:
        for path in files:
            archive.write(path, path.relative_to(root.parent).as_posix())


def test_each_clip_is_read_from_its_own_place(many: Corpus, tmp_path: Path) -> None:
    place = tmp_path / "zips"
    place.mkdir()
    zipped(many.root / "video", place / "video.zip")
    zipped(many.root / "label", place / "label.zip", order=list.reverse)
    zipped(many.root / "txt", place / "txt.zip", order=random.Random(1).shuffle)
    zipped(many.root / "draw", place / "draw.zip", order=random.Random(2).shuffle)
    zipped(many.root / "mask", place / "mask-1.zip", clips=many.clips[::2])
    zipped(many.root / "mask", place / "mask-2.zip", clips=many.clips[1::2])
    with zipfile.ZipFile(place / "video.zip", "a") as archive:
        archive.writestr(f"video/{many.clips[3]}/notes/more.txt", b"of somebody else")
    with zipfile.ZipFile(place / "txt.zip", "a") as archive:
        archive.writestr("txt/about.txt", b"of somebody else")
    store, plain = open_store(place), open_store(many.root)
    with ThreadPoolExecutor(len(FOLDERS)) as pool:
        assert [*pool.map(store.clips, FOLDERS)] == [sorted(many.clips)] * len(FOLDERS)
    for folder in FOLDERS:
        for clip in many.clips:
            assert store.entries(folder, clip) == plain.entries(folder, clip)
            assert store.read(folder, clip) == plain.read(folder, clip)


def test_those_of_another_zip_are_not_in_one_that_has_fewer(many: Corpus, tmp_path: Path) -> None:
    place = tmp_path / "zips"
    place.mkdir()
    zipped(many.root / "video", place / "video.zip")
    zipped(many.root / "mask", place / "mask.zip", clips=many.clips[:5])
    store = open_store(place)
    assert store.clips(VIDEO.folder()) == sorted(many.clips)
    assert store.clips(MASKS.folder()) == sorted(many.clips[:5])
    reverse = open_store(place)
    assert reverse.clips(MASKS.folder()) == sorted(many.clips[:5])
    assert reverse.clips(VIDEO.folder()) == sorted(many.clips)
    assert reverse.read(VIDEO.folder(), many.clips[7]) == open_store(many.root).read(VIDEO.folder(), many.clips[7])
