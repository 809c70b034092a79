"""Results go into a store, or where nothing is; and what a run made is not taken for videos by the next."""

import re
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.files.opening import open_output
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.pipeline import Pipeline
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.corpus import make_corpus
from tests.support.http_server import FileServer
from tests.support.stages import Grey
from tests.support.trees import contents
from tests.support.videos import numbered, write_video

CROP = Pipeline([CropStage(CropSettings.for_cropped(size_px=64), codec="mp4")])


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    write_video(tmp_path / "raw" / "id00012" / "aaaaaaaaaaa" / "00001.mp4", (numbered(i, 64, 64) for i in range(7)))
    return tmp_path / "raw"


@pytest.mark.parametrize("names", [["notes.txt"], ["id1/x.mp4", "id2/x.mp4"]])
def test_a_folder_of_other_things_is_refused_and_stays_as_it_is(raw: Path, tmp_path: Path, names: list[str]) -> None:
    out = tmp_path / "out"
    for name in names:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("theirs")
    before = contents(out)
    with pytest.raises(IncompatibleOutputError, match=rf"holds '{names[0].split('/')[0]}'.*is not a store; name a new"):
        CROP.run(raw, out)
    assert contents(out) == before


def test_videos_are_no_place_for_their_clips(raw: Path) -> None:
    with pytest.raises(IncompatibleOutputError, match="holds 'id00012', and is not a store"):
        CROP.run(raw, raw)


def test_results_beside_a_store_one_folder_down_would_hide_it(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "whole" / "inner")
    table = tmp_path / "labels.csv"
    table.write_text(f"clip_id,Smiling\n{corpus.clips[0]},1\n")
    before = contents(tmp_path / "whole")
    for action in (lambda: Pipeline([Grey()]).run(tmp_path / "whole", tmp_path / "whole"),
                   lambda: import_labels(table, tmp_path / "whole")):  # fmt: skip
        with pytest.raises(IncompatibleOutputError, match="holds 'inner', and is not a store"):
            action()
    assert contents(tmp_path / "whole") == before


@pytest.mark.parametrize("names", [[], [".DS_Store", "lost+found"], ["meta"], ["video.zip", "README.md"]])
def test_nothing_hidden_things_and_stores_are_fine(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    StoreWriter(tmp_path).check()
    place = open_output(f"memory://{tmp_path.name}")
    place.write("video/a", b"")
    StoreWriter(f"memory://{tmp_path.name}").check()


def test_other_things_behind_a_url_are_refused_too(tmp_path: Path) -> None:
    open_output(f"memory://{tmp_path.name}").write("theirs/a", b"")
    with pytest.raises(IncompatibleOutputError, match="holds 'theirs'"):
        StoreWriter(f"memory://{tmp_path.name}").check()


def test_clips_in_an_output_among_the_videos_are_not_cropped_again(raw: Path) -> None:
    assert CROP.run(raw, raw / "out").done == 1
    again = CROP.run(raw, raw / "out")
    assert (again.units, again.done, again.skipped) == (1, 0, 1)
    assert any("not searched for videos (stores and exports): 'out'" in note for note in again.notes)
    assert [video.person_id for video in free_videos(raw / "out")] != []  # named by itself, it is what is meant


def test_so_it_is_where_a_run_was_killed_before_its_ledger(raw: Path) -> None:
    CROP.run(raw, raw / "deep" / "out")
    (raw / "deep" / "out" / "meta" / "ledger.jsonl").unlink()
    assert [video.person_id for video in free_videos(raw)] == ["id00012"]


def test_so_it_is_behind_a_url(raw: Path) -> None:
    CROP.run(raw, raw / "out")
    with closing(FileServer(raw)) as server:
        videos = free_videos(server.url)
    assert [video.person_id for video in videos] == ["id00012"]
    assert "(stores and exports): 'out'" in videos.not_taken


@pytest.mark.parametrize("marker", [".mmvoxceleb/plan.json", ".mmvoxceleb/trainer.json"])
def test_so_are_exports(raw: Path, marker: str) -> None:
    write_video(raw / "export" / "clips" / "x.mp4", (numbered(i, 64, 64) for i in range(7)))
    assert len(free_videos(raw)) == 2
    (raw / "export" / marker).parent.mkdir()
    (raw / "export" / marker).write_text("{}")
    assert len(free_videos(raw)) == 1


def test_the_summary_names_a_renamed_clip_and_its_file(raw: Path, tmp_path: Path) -> None:
    assert CROP.run(raw, tmp_path / "plain").notes == ()
    write_video(raw / "b #1.mp4", (numbered(i, 64, 64) for i in range(7)))
    (note,) = CROP.run(raw, tmp_path / "out").notes
    assert re.fullmatch(
        r"b-\w{10}#1#00000: renamed from the file 'b #1.mp4': this name is not valid in a clip id, in which # .*",
        note,
    )
    write_video(raw / "c*.mp4", (numbered(i, 64, 64) for i in range(7)))
    (note,) = CROP.run(raw, tmp_path / "out").notes
    assert note.endswith(f"; {tmp_path / 'out'}/meta/ledger.jsonl names all 2")


def test_a_removed_person_is_not_named_by_the_file_of_before_either(raw: Path, tmp_path: Path) -> None:
    write_video(raw / "Jane [Doe].mp4", (numbered(i, 64, 64) for i in range(7)))
    out = tmp_path / "out"
    CROP.run(raw, out)
    runs = out / "meta" / "runs"
    assert "Jane [Doe]" in "".join(path.read_text() for path in runs.iterdir())
    (person,) = {name.partition("#")[0] for name in open_store(out).clips(Folder("video")) if name.startswith("Jane")}
    archive = tmp_path / "zips" / "meta.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in (out / "meta").rglob("*.json*"):
            packed.write(path, path.relative_to(out))
    for store in (out, archive.parent):
        remove_from_store(store, Removals(person_id=frozenset({person})), rewrite_zips=True)
    assert len([*runs.iterdir()]) == 1
    with zipfile.ZipFile(archive) as packed:
        texts = [packed.read(name).decode() for name in packed.namelist()]
    texts += [path.read_text() for path in runs.iterdir()]
    says = "renamed from (removed): this name is not valid in a clip id, which cannot have [ ]"
    assert [text for text in texts if says in text]
    assert not [text for text in texts if "Doe" in text]


def test_all_that_differs_is_named_at_once(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Pipeline([CropStage(CropSettings.for_cropped(size_px=64)), Grey()]).run(raw, out)
    other = Pipeline([CropStage(CropSettings.for_cropped(size_px=32)), Grey(gain=2)])
    with pytest.raises(
        IncompatibleOutputError, match=r": crop: size_px was 64 and is 32.*; draw/grey: gain was 1 and is 2 \("
    ):
        other.run(raw, out)
