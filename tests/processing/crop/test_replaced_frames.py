"""A crop that replaces the frames of a clip deletes what was made of the earlier ones, so that nothing is of both."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.audio.stage import AudioStage
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.processing.outdated import outdated_by_frames
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.scores.registry import make_scorers
from mmvoxceleb.processing.scores.stage import ScoreStage
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.schema import ATTRIBUTES, Folder
from mmvoxceleb.stores import open_store
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.stages import Grey, Label, Text
from tests.support.trees import tree

LARGER = CropStage(replace(CROP.settings, size_px=96))


def others() -> list[Stage]:
    return [Grey(), Label(), Text()]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_raw_videos(tmp_path / "in", 1, with_sound=True)


def made(out: Path, clip: str) -> set[str]:
    """List what a clip has besides frames."""
    return {str(folder) for folder in open_store(out).folders() if clip in open_store(out).clips(folder)} - {
        "video", "meta"
    }  # fmt: skip


def scores() -> ScoreStage:
    return ScoreStage(make_scorers(["picture"]))


def test_what_was_made_of_earlier_frames_goes_and_is_named(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_pipeline().run(videos_of(raw), out)
    Pipeline([scores()]).run(str(out), out)
    first, second = open_store(out).clips(Folder("video"))
    (tmp_path / "labels.json").write_text(json.dumps({first: [ATTRIBUTES[3]]}))
    import_labels(tmp_path / "labels.json", out)
    Pipeline([Text()]).run(str(out), out, overwrite=True)
    by_hand = (out / "label" / f"{first}.txt").read_bytes()
    assert made(out, first) == made(out, second) == {"draw/grey", "label", "score", "txt"}

    summary = Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True)
    assert made(out, second) == set()
    assert made(out, first) == {"label", "txt"}  # neither is of the frames
    assert (out / "label" / f"{first}.txt").read_bytes() == by_hand
    assert "label_source" not in Provenance(out).read(second)
    noted = "frames replaced, and what was made of the earlier ones deleted"
    assert dict(summary.remarks) == {f"{noted} (draw/grey, label, score, text)": 1, f"{noted} (draw/grey, score)": 1}
    told = {(row.stage, row.reason) for row in Provenance(out).rows() if row.clip_id == second}
    rejected = {stage for stage, reason in told if reason.startswith("frames replaced")}
    assert rejected == {"draw/grey", "label", "score", "text"}

    again = Pipeline([Grey(), scores()]).run(str(out), out)  # without overwrite
    assert (again.done, again.failed) == (2, {})
    assert (made(out, first), made(out, second)) == ({"draw/grey", "label", "score", "txt"}, {"draw/grey", "score"})
    told = {(row.clip_id, row.stage) for row in Provenance(out).rows() if row.status != "done"}
    assert told == {(second, "label"), (second, "text")}


def test_stages_of_the_same_run_are_not_named(raw: Path, tmp_path: Path) -> None:
    small_pipeline().run(videos_of(raw), tmp_path / "out")
    summary = Pipeline([LARGER, *others()]).run(videos_of(raw), tmp_path / "out", overwrite=True)
    assert (summary.done, dict(summary.remarks)) == (2, {})
    Pipeline([LARGER, *others()]).run(videos_of(raw), tmp_path / "fresh")
    assert tree(tmp_path / "out" / "draw") == tree(tmp_path / "fresh" / "draw")


def test_the_same_frames_keep_all(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_pipeline().run(videos_of(raw), out)
    before = tree(out / "draw")
    other = CropStage(replace(CROP.settings, min_frames=11))
    summary = Pipeline([other]).run(videos_of(raw), out, overwrite=True)
    assert (summary.done, dict(summary.remarks)) == (2, {})
    assert tree(out / "draw") == before
    assert Pipeline([Grey()]).run(str(out), out).skipped == 2


def test_another_file_is_named_in_words(raw: Path, tmp_path: Path) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path / "out")
    (video,) = (raw / "raw").iterdir()
    video.write_bytes(video.read_bytes() + b"more")
    with pytest.raises(
        IncompatibleOutputError, match=r"crop: its file has changed \(.*, or replace the results with --o"
    ):
        Pipeline([CROP]).run(videos_of(raw), tmp_path / "out")


def test_sound_stays_where_it_is_of_the_same_place(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Pipeline([CROP, AudioStage()]).run(videos_of(raw), out)
    before = tree(out / "audio")
    assert before
    Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True)
    assert tree(out / "audio") == before
    meta = Provenance(out).read(open_store(out).clips(Folder("video"))[0])
    assert outdated_by_frames(meta, meta["crop"]) == []
    assert outdated_by_frames(meta, {**meta["crop"], "start": 7}) == ["audio"]


def test_a_label_by_hand_stays_whatever_it_was_made_from_and_its_text_with_it(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_pipeline().run(videos_of(raw), out)
    clip = open_store(out).clips(Folder("video"))[0]
    provenance = Provenance(out)
    of_landmarks = {"frames": 0, "landmarks": {"files": 1, "sha256": "0"}}
    sections: dict[str, Any] = {
        "landmarks": {"input": {"frames": 24}},
        "label": {"input": of_landmarks},
        "text": {"input": {"frames": 0, "label": [0] * 40}},
    }
    assert outdated_by_frames(sections, {}) == ["label", "landmarks", "text"]
    by_hand = {**sections, "label": {**sections["label"], "mended": {"Smiling": {}}}}
    assert outdated_by_frames(by_hand, {}) == ["landmarks"]
    mended = {"input": of_landmarks, "mended": {"Smiling": {}}, "label_source": "predicted:x+manual"}
    provenance.finish(clip, {"label": mended})
    before = (out / "label" / f"{clip}.txt").read_bytes()
    Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True)
    assert (out / "label" / f"{clip}.txt").read_bytes() == before
    assert "txt" in made(out, clip)


def test_a_plan_sees_that_a_file_has_another_size(raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    Pipeline([CROP]).run(videos_of(raw), out)
    (video,) = (raw / "raw").iterdir()
    video.write_bytes(video.read_bytes() + b"more")
    with pytest.raises(IncompatibleOutputError, match="its file has changed"):
        Pipeline([CROP]).run(videos_of(raw), out, limit=0)
    assert Pipeline([CROP]).run(videos_of(raw), out, limit=0, overwrite=True).skipped == 0
    assert Pipeline([CROP]).run(videos_of(raw), out, overwrite=True).done == 2
    assert Pipeline([CROP]).run(videos_of(raw), out, limit=0).skipped == 2


def test_a_kill_while_results_are_deleted_leaves_none_of_them_in_the_end(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    small_pipeline().run(videos_of(raw), out)
    first, second = open_store(out).clips(Folder("video"))
    remove, removed = StoreWriter.remove, []

    def killed(writer: StoreWriter, folder: Folder, clip_id: str) -> None:
        remove(writer, folder, clip_id)
        removed.append(clip_id)
        if removed.count(second) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(StoreWriter, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True)
    monkeypatch.undo()
    assert Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True).clips == 2
    assert made(out, first) == made(out, second) == set()
    meta = {"pending": ["crop", "mask"], "draw/grey": {"input": {"frames": 0, "mask": {"files": 1, "sha256": "0"}}}}
    assert outdated_by_frames(meta, {}) == ["draw/grey", "mask"]


def test_a_stage_that_is_not_named_after_its_folders_names_them(raw: Path, tmp_path: Path) -> None:
    class Flow(Grey):
        name = "flow of mine"

    out = tmp_path / "out"
    Pipeline([CROP, Flow()]).run(videos_of(raw), out)
    clip = open_store(out).clips(Folder("video"))[0]
    assert Provenance(out).read(clip)["flow of mine"]["folders"] == ["draw/grey"]
    Pipeline([LARGER]).run(videos_of(raw), out, overwrite=True)
    assert made(out, clip) == set()
    assert "pending" not in Provenance(out).read(clip)
