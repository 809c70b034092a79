"""Every layout that a lab may hold gives the same clips, entries and bytes."""

import os
import pickle
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmvoxceleb.errors import MissingModalityError, SourceUnavailableError
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import Store, open_store
from tests.support.corpus import Corpus, make_corpus, zip_corpus, zip_folder

FOLDERS = {Folder("video"), Folder("mask"), Folder("drawing", "style1"), Folder("text"), Folder("label")}


Content = dict[tuple[str, str, str], bytes]


def everything(store: Store) -> Content:
    found: Content = {}
    for folder in store.folders():
        for clip in store.clips(folder):
            entries = store.entries(folder, clip)
            assert entries == sorted(entries, key=lambda entry: entry.index)
            for entry, data in zip(entries, store.read(folder, clip), strict=True):
                assert not folder.is_frames or entry.index == int(entry.name.removesuffix(".png"))
                found[folder.path, clip, entry.name] = data
    return found


@pytest.fixture(scope="module")
def expected(corpus: Corpus) -> Content:
    found: Content = {}
    for clip in corpus.clips:
        for folder in ("video", "mask", "draw/style1"):
            found |= {(folder, clip, path.name): path.read_bytes() for path in (corpus.root / folder / clip).iterdir()}
        for folder in ("txt", "label"):
            found[folder, clip, f"{clip}.txt"] = (corpus.root / folder / f"{clip}.txt").read_bytes()
    return found


def pack(corpus: Corpus, target: Path) -> Path:
    """One stored zip per clip, as processing/output.py writes it."""
    for folder in ("video", "mask", "draw/style1"):
        for clip in corpus.clips:
            (target / folder).mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(target / folder / f"{clip}.zip", "w") as archive:
                for path in sorted((corpus.root / folder / clip).iterdir()):
                    archive.write(path, path.name)
    for folder in ("txt", "label"):
        shutil.copytree(corpus.root / folder, target / folder)
    return target


def mixed(corpus: Corpus, target: Path) -> Path:
    """Frames in folders, masks in two zips that share a clip, one zip per clip of drawings, text by its other name."""
    shutil.copytree(corpus.root / "video", target / "video")
    shutil.copytree(corpus.root / "txt", target / "text")
    zip_folder(corpus.root / "label", target / "labels.zip")
    for clip in corpus.clips:
        (target / "draw" / "style1").mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(target / "draw" / "style1" / f"{clip}.zip", "w") as archive:
            for path in sorted((corpus.root / "draw" / "style1" / clip).iterdir()):
                archive.write(path, path.name)
    masks = sorted((corpus.root / "mask").rglob("*.png"))
    for part, paths in (
        ("mask_part1.zip", masks[: len(masks) // 2 + 1]),
        ("mask_part2.zip", masks[len(masks) // 2 + 1 :]),
    ):
        with zipfile.ZipFile(target / part, "w") as archive:
            for path in paths:
                archive.write(path, f"any/where/mask/{path.parent.name}/{path.name}")
    return target


LAYOUTS = {
    "folders": lambda corpus, target: shutil.copytree(corpus.root, target),
    "folders one down": lambda corpus, target: shutil.copytree(corpus.root, target / "mmvoxceleb").parent,
    "zips": lambda corpus, target: zip_corpus(corpus, target),
    "deflated zips with a prefix": lambda corpus, target: zip_corpus(
        corpus, target, prefix="mmvoxceleb/", deflate=True
    ),
    "one zip of all": lambda corpus, target: zip_folder(corpus.root, target / "everything.zip").parent,
    "a zip by its path": lambda corpus, target: zip_folder(corpus.root, target / "everything.zip"),
    "one zip per clip": pack,
    "mixture": mixed,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_reads_the_same(corpus: Corpus, expected: Content, tmp_path: Path, layout: str) -> None:
    store = open_store(LAYOUTS[layout](corpus, tmp_path / "data"))
    assert set(store.folders()) == FOLDERS
    assert everything(store) == expected
    assert everything(pickle.loads(pickle.dumps(store))) == expected


def test_zips_whose_paths_name_no_modality_are_known_by_their_own_name(corpus: Corpus, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for path in (corpus.root / "mask").rglob("*.png"):
            archive.write(path, f"{path.parent.name}/{path.name}")
    store = open_store(tmp_path)
    assert store.folders() == (Folder("mask"),)
    assert store.clips(Folder("mask")) == sorted(corpus.clips)


def test_what_is_not_asked_for_is_not_opened(corpus: Corpus, tmp_path: Path) -> None:
    zip_corpus(corpus, tmp_path)
    for name in ("video.zip", "mask.zip", "draw.zip", "label.zip"):
        (tmp_path / name).write_bytes(b"broken")
    store = open_store(tmp_path)
    assert store.clips(Folder("text")) == sorted(corpus.clips)
    assert store.read(Folder("text"), corpus.clips[0])[0].startswith(b"Clip 0")


def test_frames_come_in_natural_order(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, clips=1, frames=12)
    folder = tmp_path / "video" / corpus.clips[0]
    for path in folder.iterdir():
        path.rename(folder / f"{int(path.stem)}.png")
    entries = open_store(tmp_path).entries(Folder("video"), corpus.clips[0])
    assert [entry.name for entry in entries] == [f"{index}.png" for index in range(12)]
    assert [entry.index for entry in entries] == list(range(12))


def test_some_entries_can_be_read_in_any_order(corpus: Corpus, tmp_path: Path) -> None:
    for root in (corpus.root, zip_corpus(corpus, tmp_path)):
        store = open_store(root)
        clip = corpus.clips[0]
        entries = store.entries(Folder("video"), clip)
        wanted = [entries[7], entries[0], entries[3]]
        paths = [corpus.root / "video" / clip / entry.name for entry in wanted]
        assert store.read(Folder("video"), clip, wanted) == [path.read_bytes() for path in paths]


def test_many_threads_read_one_store(corpus: Corpus, expected: Content, tmp_path: Path) -> None:
    store = open_store(zip_corpus(corpus, tmp_path))
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: everything(store), range(8)):
            assert found == expected


def test_a_missing_clip_or_file_is_named(corpus: Corpus, tmp_path: Path) -> None:
    for root in (corpus.root, zip_corpus(corpus, tmp_path)):
        store = open_store(root)
        with pytest.raises(MissingModalityError, match=r"id9#v#1\.txt#000\.mp4"):
            store.entries(Folder("video"), "id9#v#1.txt#000.mp4")
        entry = store.entries(Folder("mask"), corpus.clips[0])[0]
        with pytest.raises(MissingModalityError, match=r"0000001\.png|has no"):
            store.read(Folder("mask"), "id9#v#1.txt#000.mp4", [entry])


def test_an_empty_folder_and_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(MissingModalityError, match=r"found nothing.*expected folders or zips"):
        open_store(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(MissingModalityError, match=r"notes\.txt, pictures.*expected folders or zips"):
        open_store(tmp_path)
    with pytest.raises(SourceUnavailableError, match="no such folder"):
        open_store(tmp_path / "absent")
    with pytest.raises(SourceUnavailableError, match=r"absent\.zip"):
        open_store(tmp_path / "absent.zip")


def test_the_original_loaders_pickle_is_mentioned_and_never_opened(
    own_corpus: Corpus, caplog: pytest.LogCaptureFixture
) -> None:
    import os

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(own_corpus.root / "exploded"),)

    (own_corpus.root / "mmvoxceleb_local.pkl").write_bytes(pickle.dumps(Bomb()))
    with caplog.at_level("INFO"):
        store = open_store(own_corpus.root)
        everything(store)
    assert not (own_corpus.root / "exploded").exists()
    assert sum("_local.pkl" in record.message for record in caplog.records) == 1


def test_the_fingerprint_tells_content_not_place(own_corpus: Corpus, tmp_path: Path) -> None:
    before = open_store(own_corpus.root).fingerprint(FOLDERS)
    copy = shutil.copytree(own_corpus.root, tmp_path / "elsewhere")
    assert open_store(copy).fingerprint(FOLDERS) == before
    text_only = open_store(copy).fingerprint([Folder("text")])
    frame = next((copy / "video").rglob("*.png"))
    frame.write_bytes(frame.read_bytes() + b"x")
    assert open_store(copy).fingerprint(FOLDERS) != before
    assert open_store(copy).fingerprint([Folder("text")]) == text_only


@pytest.mark.parametrize("name", ["txt/{}.txt", "mask/{}/0000004.png", "label.zip"])
def test_a_pipe_is_refused_and_not_waited_for(own_corpus: Corpus, name: str) -> None:
    clip = own_corpus.clips[0]
    path = own_corpus.root / name.format(clip)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    store = open_store(own_corpus.root)
    with pytest.raises(SourceUnavailableError, match=f"{re.escape(path.name)}: is not a regular file"):
        _ = (
            [store.read(Folder(folder), clip) for folder in ("text", "mask", "meta")]
            if "/" in name
            else store.folders()
        )


def test_the_name_of_the_sample_leads_to_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceUnavailableError, match=r"The bundled sample is at mmvoxceleb\.sample\.sample_path\(\)"):
        open_store("sample")
    with pytest.raises(SourceUnavailableError) as caught:
        open_store("samples")
    assert "bundled" not in str(caught.value)
