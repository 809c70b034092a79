"""After `remove` nothing in a store names the person but the removal list, and no run brings them back."""

import itertools
import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import fsspec
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import CorruptSourceError, OutputError, SourceUnavailableError
from mmvoxceleb.files import announced
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.labels.exporting import export_labels
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.processing.removal import erase, remove_from_store
from mmvoxceleb.schema import ATTRIBUTES, Folder
from mmvoxceleb.stores import open_store
from tests.support.corpus import make_corpus
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.ray_cluster import connected_ray
from tests.support.stages import Grey, Label, Text

PERSON, VIDEO = "id10001", "01aaaaaaaaa"
CLIP = f"{PERSON}#{VIDEO}#00001.txt#000.mp4"
GONE = Removals(person_id=frozenset({PERSON}))
LEFT = 4
"""Clips of the two other persons."""


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), 3)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    name = "".join(filter(str.isalnum, request.node.name))
    yield f"memory://{name}"
    system = fsspec.filesystem("memory")
    if system.exists(f"/{name}"):
        system.rm(f"/{name}", recursive=True)


def mentions(place: object, *names: str) -> list[str]:
    """Every file of a store, but the removal list, that names somebody: in its path, its bytes, or inside of zips."""
    found = []
    for path, data in files_of(place):
        texts = [path.encode(), data]
        if path.endswith(".zip"):
            with zipfile.ZipFile(BytesIO(data)) as archive:
                texts += [part for name in archive.namelist() for part in (name.encode(), archive.read(name))]
        texts += [unquote_to_bytes(text) for text in texts]
        if path != REMOVALS_PATH and any(name.encode() in text for name in names for text in texts):
            found.append(path)
    return found


def files_of(place: object) -> Iterator[tuple[str, bytes]]:
    if isinstance(place, Path):
        for path in place.rglob("*"):
            yield str(path.relative_to(place)), path.read_bytes() if path.is_file() else b""
        return
    system, root = fsspec.core.url_to_fs(str(place))
    for name in system.find(root):
        yield name.removeprefix(root).strip("/"), system.cat_file(name)


def clips_of(place: object) -> set[str]:
    store = open_store(str(place))
    return {clip for folder in store.folders() for clip in store.clips(folder)}


@pytest.mark.parametrize("where", ["folder", "packed", "memory"])
def test_nothing_names_them_and_no_rerun_brings_them_back(raw: Path, tmp_path: Path, url: str, where: str) -> None:
    place: Any = url if where == "memory" else tmp_path / "out"
    layout: Any = None if where == "memory" else where
    refused = f"{PERSON}#{VIDEO}#00002.txt#000.mp4"
    pipeline = Pipeline([CROP, Grey(refuse=refused), Label(), Text()])
    assert pipeline.run(videos_of(raw), place, layout=layout).done == LEFT + 1
    Provenance(place).record([LedgerRow(f"{PERSON}#gone", "crop", "failed", "x")])
    assert len({path.split("/")[1] for path in mentions(place, PERSON) if path.startswith("meta/")}) >= 5
    before = dict(files_of(place))
    report = remove_from_store(place, GONE)
    assert (len(report.clips), report.unmatched, report.naming) == (2, [], [])
    assert mentions(place, PERSON) == []
    after = dict(files_of(place))
    others = {path for path in before if "id1000" in path and PERSON not in path}
    assert others
    assert all(after[path] == before[path] for path in others)
    summary = pipeline.run(videos_of(raw), place, layout=layout)
    assert (summary.done, summary.skipped, summary.failed, summary.rejected) == (0, LEFT, {}, {"removed": 2})
    pipeline.run([video for video in videos_of(raw) if video.person_id == "id10000"], place, layout=layout)
    Pipeline([Grey(gain=2)]).run(str(place), place, layout=layout, overwrite=True)
    assert mentions(place, PERSON) == []
    assert len(clips_of(place)) == LEFT
    if where == "folder":
        assert Pipeline([CROP]).run(videos_of(raw), place, workers=2).rejected == {"removed": 2}
        assert mentions(place, PERSON) == []


def test_a_video_and_a_clip_are_forgotten_too(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_pipeline().run(videos_of(raw), out)
    other = "id10002#02aaaaaaaaa#00001.txt#000.mp4"
    remove_from_store(out, Removals(video_id=frozenset({VIDEO}), clip_id=frozenset({other})))
    for _ in range(2):
        assert mentions(out, VIDEO, other) == []
        assert len(clips_of(out)) == 3
        summary = small_pipeline().run(videos_of(raw), out)
        assert (summary.done, summary.failed) == (0, {})


def test_ray_does_not_bring_them_back(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with connected_ray():
        assert small_pipeline().run(videos_of(raw), out, engine="ray", workers=1).done == LEFT + 2
        remove_from_store(out, GONE)
        assert mentions(out, PERSON) == []
        again = Pipeline([CROP, Grey(gain=2), Label(), Text()])
        summary = again.run(videos_of(raw), out, engine="ray", workers=1, overwrite=True)
        assert (summary.done, summary.rejected) == (LEFT, {"removed": 2})
        assert mentions(out, PERSON) == []


class RemoveMeanwhile(Grey):
    """Removes the person of a clip while the clip is being made."""

    def __init__(self, place: str, at: str, whole: bool) -> None:
        super().__init__()
        self.place, self.at, self.whole = place, at, whole

    def encode(self, clip: Any, result: Any) -> Any:
        if clip.clip_id == self.at:
            remove = remove_from_store if self.whole or "://" in self.place else add_removals
            remove(self.place, GONE)
        return super().encode(clip, result)


@pytest.mark.parametrize(("where", "whole"), [("disk", True), ("disk", False), ("memory", True)])
def test_who_is_removed_while_a_run_goes_on_stays_removed(
    raw: Path, tmp_path: Path, url: str, where: str, whole: bool
) -> None:
    place = url if where == "memory" else str(tmp_path / "out")
    clips = sorted(f"id1000{n}#0{n}aaaaaaaaa#0000{u}.txt#000.mp4" for n, u in itertools.product(range(3), (1, 2)))
    later = CLIP.replace("00001", "00002")
    at = later if whole else CLIP
    summary = Pipeline([CROP, RemoveMeanwhile(place, at, whole), Label(), Text()]).run(videos_of(raw), place)
    assert summary.failed == {}
    assert summary.rejected["removed"] >= 1
    assert mentions(Path(place) if where == "disk" else place, PERSON) == []
    assert clips_of(place) == {clip for clip in clips if not clip.startswith(PERSON)}
    on_clips = Pipeline([RemoveMeanwhile(place, clips[0], whole)])
    Path(tmp_path / "list").mkdir()
    assert on_clips.run(place, place, overwrite=True).failed == {}
    assert mentions(Path(place) if where == "disk" else place, PERSON) == []


def test_a_list_on_the_source_that_grows_is_obeyed(raw: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    Pipeline([CROP]).run(videos_of(raw), source)
    summary = Pipeline([RemoveMeanwhile(str(source), CLIP, whole=False)]).run(str(source), out)
    assert summary.rejected["removed"] >= 1
    assert CLIP not in clips_of(out)
    assert mentions(out, CLIP) == []


class BreakTheList(Grey):
    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place

    def encode(self, clip: Any, result: Any) -> Any:
        # at once, as an editor does: other clips are written meanwhile, and an empty list is a good one
        broken = self.place / f"broken-{threading.get_ident()}"
        broken.write_bytes(b'{"person_id": ["id10001"]}')
        broken.replace(self.place / REMOVALS_PATH)
        return super().encode(clip, result)


def test_a_list_that_becomes_unreadable_ends_the_run(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(CorruptSourceError, match=r"removed\.jsonl, line 1"):
        Pipeline([CROP, BreakTheList(tmp_path)]).run(videos_of(raw), tmp_path)
    assert not (tmp_path / "draw").exists()


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_two_who_remove_at_once_both_do_or_one_is_told(raw: Path, tmp_path: Path, url: str, where: str) -> None:
    place: Any = url if where == "memory" else tmp_path
    Pipeline([CROP]).run(videos_of(raw), place)
    together = threading.Barrier(3, timeout=60)

    def remove(number: int) -> bool:
        together.wait()
        try:
            remove_from_store(place, Removals(person_id=frozenset({f"id1000{number}"})))
        except OutputError:  # somebody else is doing a remove there
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(remove, range(3)))
    assert where == "memory" or all(done)
    gone = {f"id1000{number}" for number in range(3) if done[number]}
    assert read_removals(place).person_id == gone
    assert mentions(place, *gone) == []


def test_who_removes_from_a_url_meanwhile_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced, "_ATTEMPTS", 1)
    tree = open_output(url)
    tree.write("meta/.partial-elsewhere.1.remove-0", b"")
    with pytest.raises(OutputError, match=r"another process is running a remove there \(meta/\.partial-elsewhere"):
        remove_from_store(url, GONE)
    assert not read_removals(url)
    tree.remove("meta/.partial-elsewhere.1.remove-0")
    remove_from_store(url, GONE)
    assert read_removals(url) == GONE
    assert tree.names("meta") == ["removed.jsonl"]


def test_longer_names_of_others_and_their_provenance_stay(tmp_path: Path) -> None:
    ann, anna = "ann#v-1#00001.txt#000.mp4", "ann-marie#v-1-2#00001.txt#000.mp4"
    for clip in (ann, anna):
        (tmp_path / "label").mkdir(exist_ok=True)
        (tmp_path / "label" / f"{clip}.txt").write_text(",".join("0" * 40))
    provenance = Provenance(tmp_path)
    provenance.finish(anna, {"label": {"annotation_file": "of ann and others.csv"}})
    provenance.record([LedgerRow(ann, "label", "done"), LedgerRow(anna, "label", "failed", f"{anna}: not as {ann}")])
    (tmp_path / "meta" / "ledger.jsonl").open("ab").write(b'{"clip_id": "ann#')
    (tmp_path / "notes.csv").write_text("who\nann\n")
    for place in (".hidden/a.txt", "deep/b/c/d/e/f/g.txt", "ann.lock"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text("ann")
    (tmp_path / "x_local.pkl").write_bytes(b"\x80\x04ann#v-1")
    report = remove_from_store(tmp_path, Removals(person_id=frozenset({"Ann"}), video_id=frozenset({"other"})))
    assert (report.clips, report.unmatched) == ([ann], ["video_id 'other'"])
    assert sorted(path.name for path in report.naming) == ["a.txt", "ann.lock", "g.txt", "notes.csv"]
    assert not (tmp_path / "x_local.pkl").exists()
    assert clips_of(tmp_path) == {anna}
    assert provenance.read(anna)["clip_id"] == anna
    assert provenance.read(anna)["label"] == {"annotation_file": "of (removed) and others.csv"}
    (row,) = provenance.rows()
    assert (row.clip_id, row.reason) == (anna, f"{anna}: not as (removed)#v-1#00001.txt#000.mp4")


def test_a_whole_store_in_one_zip_forgets_them(raw: Path, tmp_path: Path) -> None:
    out, zips = tmp_path / "out", tmp_path / "zips"
    small_pipeline().run(videos_of(raw), out)
    zips.mkdir()
    with zipfile.ZipFile(zips / "all.zip", "w") as archive:
        for path, data in files_of(out):
            if data:
                archive.writestr(f"top/{path}", data)
    assert [path.name for path in remove_from_store(zips, GONE).holding] == ["all.zip"]
    assert remove_from_store(zips, GONE, rewrite_zips=True).holding == []
    assert mentions(zips, PERSON) == []
    assert len(clips_of(zips)) == LEFT


def test_labels_of_removed_people_are_neither_imported_nor_exported(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "store", frames=2)
    add_removals(corpus.root, GONE)
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({clip: [ATTRIBUTES[3]] for clip in corpus.clips}))
    before = (corpus.root / "label" / f"{corpus.clips[0]}.txt").read_bytes()
    report = import_labels(file, corpus.root)
    assert report.removed == [clip for clip in corpus.clips if clip.startswith(PERSON)]
    assert len(report.written) == 3
    assert (corpus.root / "label" / f"{corpus.clips[0]}.txt").read_bytes() == before
    assert not list((corpus.root / "meta").glob(f"*{PERSON}*"))
    assert PERSON not in (corpus.root / LEDGER_PATH).read_text()
    assert len(export_labels(corpus.root, tmp_path / "out.csv").written) == 3
    (corpus.root / REMOVALS_PATH).write_bytes(b"[" * 50_000)
    with pytest.raises(CorruptSourceError, match="line 1"):
        import_labels(file, corpus.root)


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    make_corpus(tmp_path, clips=1, frames=1)
    (tmp_path / "meta").write_text("a file")
    done = CliRunner().invoke(app, ["remove", "--person", PERSON, str(tmp_path)])
    assert isinstance(done.exception, (OutputError, SourceUnavailableError))
    assert str(tmp_path) in str(done.exception)
    assert "\n" not in str(done.exception)


def test_the_command_removes_from_a_url_and_says_who_was_not_found(raw: Path, url: str) -> None:
    Pipeline([CROP]).run(videos_of(raw), url)
    done = CliRunner().invoke(app, ["remove", "--person", PERSON, "--video", "nobody", url])
    assert done.exit_code == 0, done.output
    assert "lost 2 clips" in done.stdout
    assert "no clip here matches video_id 'nobody'" in done.stdout
    assert f"delete a wrong line from {url}/meta/removed.jsonl" in done.stdout
    assert "earlier copies still have them" in done.stdout
    again = CliRunner().invoke(app, ["remove", "--video", "nobody", url])
    assert "earlier copies" not in again.stdout  # nobody was taken out
    assert mentions(url, PERSON) == []


def test_what_is_taken_out_twice_or_beside_another_is_no_error(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path, frames=2)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: erase(open_output(tmp_path), GONE), range(4)))
    assert len(open_store(tmp_path).clips(Folder("label"))) == len(corpus.clips) - 2


def test_what_a_killed_run_left_goes_with_the_next_run_that_writes_there(
    raw: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Pipeline([CROP, Grey()]).run(videos_of(raw), tmp_path)
    add_removals(tmp_path, GONE)  # as if remove had gone over everything before the run wrote this
    assert Pipeline([Grey(gain=2)]).run(str(tmp_path), tmp_path, overwrite=True).done == LEFT
    assert not [
        path for path in mentions(tmp_path, PERSON) if not path.startswith(("video", "meta/runs", "meta/.crop"))
    ]
    assert "deleted 4 files and folders of clips that are on the removal list" in caplog.text
    assert len(open_store(tmp_path).clips(Folder("video"))) == LEFT + 2  # nobody asked this run for frames
    Pipeline([CROP]).run(videos_of(raw), tmp_path)
    assert mentions(tmp_path, PERSON) == []


def test_what_a_link_leads_to_is_told(tmp_path: Path) -> None:
    clip = "ann#v-1#00001.txt#000.mp4"
    outside = tmp_path / "elsewhere" / clip
    outside.mkdir(parents=True)
    (outside / "0000000.png").write_bytes(b"x")
    store = tmp_path / "store"
    (store / "video").mkdir(parents=True)
    (store / "video" / clip).symlink_to(outside)
    report = remove_from_store(store, Removals(person_id=frozenset({"ann"})))
    assert not (store / "video" / clip).is_symlink()
    assert report.naming == [outside.resolve()]
    assert outside.is_dir()
