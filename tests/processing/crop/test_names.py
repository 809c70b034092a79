"""Whatever a file system allows as a name becomes a clip, and ends no run."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop.names import MOST_BYTES, part_of_name
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import annotated_videos, free_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.detectors.haar import HaarDetector
from mmvoxceleb.processing.pipeline import Pipeline
from mmvoxceleb.schema import ClipId, Folder
from mmvoxceleb.stores import open_store
from tests.support.stages import Grey
from tests.support.videos import face_boxes, portrait_frames, write_annotation, write_video

NAMES = [
    b"a" * 251, "名".encode() * 83, b"10*#.mp4"[:4], b"#", b"##", b"a#", b"#1 hit", b"caf\xe9", b"two\nlines",
    b" spaces ", b"-dash", b"%2F%23", b"q?[1]<x>|\"y\":z", b"back\\slash", "é".encode(), "e\u0301".encode(),
    b"\xf0\x9f\x98\x80", b"\x1b[31mred", b"Bob", b"bob", b"[bold]", b"__MACOSX x", b"CON", b"%03d", b"x~y",
    b"..dots", b"\x85\xe2\x80\xa8",
]  # fmt: skip


def touch(path: str | bytes | Path) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb"):
        pass


def keys(videos: Iterable[SourceVideo]) -> dict[Path | None, tuple[str, str, str]]:
    return {video.path: (video.person_id, video.video_id, video.utterances[0].name) for video in videos}


@pytest.mark.parametrize("form", ["alone", "folder", "tree"])
def test_any_name_gives_a_key_of_its_own(tmp_path: Path, form: str) -> None:
    raw = os.fsencode(tmp_path)
    kept = [name for name in NAMES if not name.startswith(b".")]
    for name in kept:
        parts = {"alone": [name], "folder": [name, name], "tree": [name, name, name]}[form]
        touch(os.path.join(raw, *parts) + b".mp4")
    videos = free_videos(tmp_path)
    assert len(videos) == len(kept)
    ids = [video.clip_id(video.utterances[0], 123) for video in videos]
    assert all(ClipId.parse(clip_id).person_id == video.person_id for clip_id, video in zip(ids, videos, strict=True))
    assert len({clip_id.casefold() for clip_id in ids}) == len({video.key for video in videos}) == len(kept)
    assert all(len(clip_id.encode()) <= 240 and not set(clip_id) & set('*?[]\\<>|":\n') for clip_id in ids)
    for video in videos:
        Removals(person_id=frozenset({video.person_id}), video_id=frozenset({video.video_id}))  # it can be removed


def test_a_part_depends_on_its_name_alone() -> None:
    for name in map(os.fsdecode, NAMES):
        part = part_of_name(name)
        assert part == part_of_name(part), "a part is its own name"
        assert len(part.encode()) <= MOST_BYTES
    assert part_of_name("a*b") != part_of_name("a?b") != part_of_name("a_b")
    assert [part_of_name(name) for name in ("id10001", "yDqlBD8m_b8", "-abc", "Ann Lee (1)")] == [
        "id10001", "yDqlBD8m_b8", "-abc", "Ann Lee (1)",
    ]  # fmt: skip


def test_a_new_neighbour_changes_no_key(tmp_path: Path) -> None:
    for name in ("x.mp4", "y.mkv"):
        touch(tmp_path / name)
    before = keys(free_videos(tmp_path))
    for name in ("x.avi", "x.mkv", "y.webm", "X.mp4"):
        touch(tmp_path / name)
    after = keys(free_videos(tmp_path))
    assert before.items() <= after.items()
    assert len({tuple(part.casefold() for part in key) for key in after.values()}) == 6
    notes = {Path(str(video.path)).name: video.note for video in free_videos(tmp_path)}
    assert "'x.mkv': another file has this name" in notes["x.mkv"]
    assert notes["x.mp4"] == ""


@pytest.mark.parametrize(
    ("first", "second"), [("Eva/v.mp4", "eva/v.mp4"), ("ann/x.mkv", "ann/x.mp4"), ("B.mp4", "b.mp4")]
)
@pytest.mark.parametrize("is_a_copy", [False, True])
def test_a_file_keeps_the_name_that_it_had_when_another_one_comes(
    tmp_path: Path, first: str, second: str, is_a_copy: bool
) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    write_video(raw / first, portrait_frames([(40.0, 25.0)] * 12))
    settings = CropSettings.for_free_videos(size_px=64, min_frames=10, min_face_px=60)
    pipeline = Pipeline([CropStage(settings, detector=HaarDetector())])
    pipeline.run(raw, out).raise_if_failed()
    (clip,) = open_store(out).clips(Folder("video"))
    if is_a_copy:
        (raw / second).parent.mkdir(exist_ok=True)
        os.link(raw / first, raw / second)
    else:
        write_video(raw / second, portrait_frames([(50.0, 25.0)] * 14))
    for is_again in (False, True):
        summary = pipeline.run(raw, out)
        summary.raise_if_failed()
        assert (summary.done, summary.skipped) == ((0, 2) if is_again else (1, 1))
        clips = set(open_store(out).clips(Folder("video")))
        assert clip in clips
        assert len(clips) == 2
    sources = {Provenance(out).read(each)["crop"]["num_frames"] for each in clips - {clip}}
    assert sources == {12 if is_a_copy else 14}


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "raw" / "ann" / "1.mp4")
    touch(tmp_path / "elsewhere" / "bob" / "2.mp4")
    (tmp_path / "raw" / "ann" / "up").symlink_to(tmp_path / "raw")
    (tmp_path / "raw" / "a_link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "raw")
    (tmp_path / "raw" / "again").symlink_to(tmp_path / "raw" / "ann")
    (tmp_path / "raw" / "dangling.mp4").symlink_to(tmp_path / "nothing")
    found = keys(free_videos(tmp_path / "raw"))
    assert found == {
        tmp_path / "raw" / "ann" / "1.mp4": ("ann", "1", "00000"),
        tmp_path / "raw" / "a_link" / "bob" / "2.mp4": ("a_link", "bob", "2"),
    }


def test_odd_names_among_annotations(tmp_path: Path) -> None:
    places = [(40.0, 25.0)] * 30
    person, video = "p" * 200, "v#1"
    write_video(tmp_path / "raw" / f"{video}.mp4", portrait_frames(places))
    path = tmp_path / "txt" / person / video / "00001.txt"
    write_annotation(path, range(30), face_boxes(places), height=240, person="", video="")
    (found,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    assert found.path is not None
    assert ClipId.matches(found.clip_id(found.utterances[0], 0))


def test_a_run_over_odd_names_makes_all_their_clips(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path / "raw")
    names = [b"n" * 251, b"10*#", b"caf\xe9", b"two\nlines", b"-dash", b"[bold]", b"%03d", b"http:x", b"x"]
    write_video(tmp_path / "one.mp4", portrait_frames([(40.0, 25.0)] * 12))
    os.makedirs(raw)
    for name in names:
        os.link(tmp_path / "one.mp4", os.path.join(raw, name + b".mp4"))
    os.link(tmp_path / "one.mp4", os.path.join(raw, b"x.mkv"))
    touch(os.path.join(raw, b"broken \xff.mp4"))
    settings = CropSettings.for_free_videos(size_px=64, min_frames=10, min_face_px=60)
    pipeline = Pipeline([CropStage(settings, detector=HaarDetector()), Grey()])
    summary = pipeline.run(tmp_path / "raw", tmp_path / "out")
    summary.raise_if_failed()
    assert summary.done == len(names) + 1
    rows = [json.loads(line) for line in (tmp_path / "out" / "meta" / "ledger.jsonl").read_text().splitlines()]
    told = [row.get("reason", "") for row in rows if row["stage"] == "crop"]
    assert sum("this name is not valid in a clip id" in reason for reason in told) == 7
    assert sum("another file has this name" in reason for reason in told) == 1
    assert any(row["status"] == "rejected" and row["reason"].startswith("broken video") for row in rows)
    store = open_store(tmp_path / "out")
    clips = store.clips(Folder("video"))
    again = pipeline.run(tmp_path / "raw", tmp_path / "out")
    assert (again.done, again.skipped) == (0, len(clips))
    person = ClipId.parse(clips[0]).person_id
    add_removals(tmp_path / "out", Removals(person_id=frozenset({person})))
    pipeline.run(tmp_path / "raw", tmp_path / "out")
    assert clips[0] not in open_store(tmp_path / "out").clips(Folder("video"))
