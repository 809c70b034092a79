"""References lead to the files of a store, in every layout, and nowhere else."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError, SourceUnavailableError, UnsafeArchiveError
from mmvoxceleb.modalities import LABEL, MASKS, VIDEO, RecordOptions
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import Entry, Store, open_store
from mmvoxceleb.stores.reference import Reference
from mmvoxceleb.stores.stored_file import StoredFile
from tests.stores.test_open_store import mixed, pack
from tests.support.corpus import Corpus, zip_corpus
from tests.support.http_server import FileServer
from tests.support.odd_pictures import PICTURE, encoded

USUAL = RecordOptions()


def large(corpus: Corpus, target: Path) -> Path:
    """Zips of which every entry has the fields of ZIP64."""
    target.mkdir()
    with zipfile.ZipFile(target / "all.zip", "w") as archive:
        for path in sorted(corpus.root.rglob("*.*")):
            if path.is_file():
                with archive.open(str(path.relative_to(corpus.root)), "w", force_zip64=True) as entry:
                    entry.write(path.read_bytes())
    return target


LAYOUTS: dict[str, Callable[[Corpus, Path], Path]] = {
    "folders": lambda corpus, target: Path(shutil.copytree(corpus.root, target)),
    "stored": zip_corpus,
    "deflated": lambda corpus, target: zip_corpus(corpus, target, prefix="a/b c/", deflate=True),
    "zip64": large,
    "packed": pack,
    "mixed": mixed,
}


def urls(store: Store, folder: Folder, clip: str, options: RecordOptions = USUAL) -> list[str]:
    references = store.references(folder, clip, store.entries(folder, clip))
    assert references is not None
    return [reference.url(folder.kind.form_of(options)) for reference in references]


def every_url(store: Store) -> Iterator[tuple[str, bytes, Folder, str]]:
    for folder in store.folders():
        for clip in store.clips(folder):
            for url, data in zip(urls(store, folder, clip), store.read(folder, clip), strict=True):
                yield url, data, folder, clip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["store", "a::b#c%41 *?[x]!'\"&é\n"])
def test_references_give_the_bytes_of_the_store_and_what_a_record_holds(
    corpus: Corpus, tmp_path: Path, layout: str, name: str
) -> None:
    (tmp_path / name).mkdir()
    store, seen = open_store(LAYOUTS[layout](corpus, tmp_path / name / "mm.vox")), set()
    for url, data, folder, clip in every_url(store):
        seen.add(folder.modality)
        assert url.isascii()
        assert StoredFile(url).raw() == data
        assert StoredFile(url).size == len(data)
        with fsspec.open(url, "rb") as file:
            assert file.read() == folder.kind.stored(data, USUAL, clip_id=clip, name="")
    assert seen == {"video", "mask", "drawing", "text", "label"}


def test_paths_that_are_not_utf_8(corpus: Corpus, tmp_path: Path) -> None:
    root = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    try:
        shutil.copytree(corpus.root, root)
    except OSError:
        pytest.skip("this disk takes UTF-8 names alone")
    for url, data, _, _ in every_url(open_store(root)):
        assert StoredFile(url).raw() == data


def test_a_relative_place_is_found_from_elsewhere(
    own_corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zip_corpus(own_corpus, tmp_path / "zips")
    monkeypatch.chdir(tmp_path)
    found = [next(every_url(open_store(place))) for place in ("corpus", "zips")]
    monkeypatch.chdir("/")
    for url, data, _, _ in found:
        assert StoredFile(url).raw() == data


@pytest.mark.usefixtures("reference_scheme")
def test_another_process_opens_references_without_importing_us(corpus: Corpus, tmp_path: Path) -> None:
    url, data, _, _ = next(every_url(open_store(zip_corpus(corpus, tmp_path / "zips"))))
    code = (
        "import sys, fsspec\n"
        "assert 'mmvoxceleb' not in sys.modules\n"
        "sys.stdout.buffer.write(fsspec.open(sys.argv[1]).open().read())"
    )
    assert subprocess.run([sys.executable, "-c", code, url], capture_output=True, check=True).stdout == data


def test_masks_come_in_the_form_that_was_asked_for(corpus: Corpus) -> None:
    store, clip = open_store(corpus.root), corpus.clips[0]
    original = RecordOptions(mask_encoding="original")
    for options in (USUAL, original):
        expected = [MASKS.stored(data, options, clip_id=clip, name="") for data in store.read(MASKS.folder(), clip)]
        assert [StoredFile(url).content() for url in urls(store, MASKS.folder(), clip, options)] == expected
    assert urls(store, MASKS.folder(), clip) != urls(store, MASKS.folder(), clip, original)


def test_a_note_that_turns_pictures_is_taken_out(own_corpus: Corpus) -> None:
    clip = own_corpus.clips[0]
    path = own_corpus.root / "video" / clip / "0000000.png"
    from PIL import Image

    notes = Image.Exif()
    notes[0x0112] = 6
    path.write_bytes(encoded(PICTURE, "JPEG", exif=notes))
    url = urls(open_store(own_corpus.root), VIDEO.folder(), clip)[0]
    with fsspec.open(url) as file, Image.open(file) as picture:
        assert not picture.getexif()


@pytest.mark.parametrize("layout", ["folders", "stored", "packed"])
def test_a_damaged_picture_is_named_when_it_is_read(own_corpus: Corpus, tmp_path: Path, layout: str) -> None:
    clip = own_corpus.clips[1]
    path = own_corpus.root / "video" / clip / "0000002.png"
    path.write_bytes(path.read_bytes()[:100])
    url = urls(open_store(LAYOUTS[layout](own_corpus, tmp_path / "store")), VIDEO.folder(), clip)[2]
    with pytest.raises(
        CorruptSourceError, match=rf"clip {clip}, video/0000002\.png: cut short at 100.*\({tmp_path}.*2\.png\)"
    ):
        fsspec.open(url).open()


@pytest.mark.parametrize("layout", ["folders", "stored", "packed"])
def test_a_store_that_moved_is_named_with_what_to_do(corpus: Corpus, tmp_path: Path, layout: str) -> None:
    store = LAYOUTS[layout](corpus, tmp_path / "store")
    url = urls(open_store(store), VIDEO.folder(), corpus.clips[0])[0]
    store.rename(tmp_path / "elsewhere")
    with pytest.raises(
        SourceUnavailableError, match=rf"\({store} is not there\).*load the dataset again from its new place"
    ):
        StoredFile(url).content()
    (tmp_path / "elsewhere").rename(store)
    StoredFile(url).content()


@pytest.mark.parametrize("layout", ["folders", "stored", "packed"])
def test_a_store_that_changed_is_an_error_and_never_other_bytes(
    own_corpus: Corpus, tmp_path: Path, layout: str
) -> None:
    store, clip = LAYOUTS[layout](own_corpus, tmp_path / "store"), own_corpus.clips[0]
    before = urls(open_store(store), VIDEO.folder(), clip)
    StoredFile(before[0]).content()  # what is open now must not be used again
    first, second = (own_corpus.root / "video" / clip / f"000000{number}.png" for number in (0, 1))
    first.write_bytes(second.read_bytes())
    shutil.rmtree(store)
    LAYOUTS[layout](own_corpus, store)
    changed = store / "video" / clip / "0000000.png"
    changed = {"folders": changed, "stored": store / "video.zip", "packed": store / "video" / f"{clip}.zip"}[layout]
    os.utime(changed, ns=(1, changed.stat().st_mtime_ns + 1))
    with pytest.raises(SourceUnavailableError, match=rf"clip {clip}: {changed} has changed.*load the dataset again"):
        StoredFile(before[0]).content()
    now = urls(open_store(store), VIDEO.folder(), clip)
    assert StoredFile(now[0]).content() == second.read_bytes()


def test_stores_behind_urls_have_no_references(own_corpus: Corpus, serve: Callable[..., FileServer]) -> None:
    store, clip = open_store(serve(own_corpus.root).url), own_corpus.clips[0]
    assert store.references(VIDEO.folder(), clip, store.entries(VIDEO.folder(), clip)) is None


CLIP = "id10001#a#00001.txt#000.mp4"


@pytest.mark.parametrize(
    "place",
    [
        Reference("/etc", "passwd", False, "0" * 8),
        Reference("/tmp/video", "passwd", False, "0" * 8),
        Reference(f"/tmp/{CLIP}", "0000000.png", False, "0" * 8),
        Reference(f"/tmp/video/{CLIP}", "../../0.png", False, "0" * 8),
        Reference(f"/tmp/video/{CLIP}/..", "0.png", False, "0" * 8),
        Reference(f"/tmp/video/{CLIP}", "", False, "0" * 8),
        Reference(f"/tmp/video/{CLIP}", "a\0.png", False, "0" * 8),
        Reference(f"/tmp/video/{CLIP}", ".hidden", False, "0" * 8),
        Reference("/tmp/notes.docx", f"video/{CLIP}/0.png", True, "0" * 8),
        Reference("/tmp/x.zip", "0000000.png", True, "0" * 8),
        Reference("/tmp/x.zip", f"video/{CLIP}/../0.png", True, "0" * 8),
    ],
)
def test_what_is_no_file_of_a_clip_is_refused_before_it_is_opened(place: Reference) -> None:
    with pytest.raises(UnsafeArchiveError, match="refused"):
        StoredFile(place.url("video"))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "label" / "passwords.txt"
    other.parent.mkdir()
    other.write_text("secret")
    with pytest.raises(UnsafeArchiveError, match="no file of a clip's label"):
        StoredFile(Reference(str(other.parent), other.name, False, "0" * 8).url(LABEL.name))


@pytest.mark.parametrize(
    "url",
    [
        "mmvoxceleb://video.00000000",
        "mmvoxceleb://video/data/video/x/0.png",
        "mmvoxceleb://video.0000000g/data/x.zip!/0.png",
        f"mmvoxceleb://video.mask_encoding-original.00000000/x/video/{CLIP.replace('#', '%23')}/0.png",
        "mmvoxceleb://video.00000000data/0.png",
        "mmvoxceleb://nothing.00000000/data/nothing/0.png",
    ],
)
def test_what_is_no_reference_is_one_clear_error(url: str) -> None:
    with pytest.raises(MMVoxCelebError, match=r"not a reference|no video has the form|no modality"):
        fsspec.open(url).open()


def test_references_are_only_read(corpus: Corpus) -> None:
    url = urls(open_store(corpus.root), VIDEO.folder(), corpus.clips[0])[0]
    with pytest.raises(MMVoxCelebError, match="only read"):
        fsspec.open(url, "wb").open()


@pytest.mark.parametrize("layout", ["folders", "stored"])
def test_what_is_no_file_of_its_own_has_no_reference(corpus: Corpus, tmp_path: Path, layout: str) -> None:
    store, clip = open_store(LAYOUTS[layout](corpus, tmp_path / "store")), corpus.clips[0]
    assert store.references(LABEL.folder(), clip, [Entry("0000000.png", 0)]) is None
