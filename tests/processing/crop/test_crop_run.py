import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, ProcessingError
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import annotated_videos, free_videos
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.detectors import HaarDetector
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.outcomes import Summary
from mmvoxceleb.processing.engines.steps import ClipSteps
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.http_server import FileServer
from tests.support.trees import contents
from tests.support.videos import face_boxes, portrait_frames, write_annotation, write_video

SETTINGS = CropSettings(size_px=64, min_frames=10, min_face_px=60, boxes="annotation")
IDS = ("-aaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc", "ddddddddddd")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos with two utterances each; of a fifth there are only annotations."""
    root = tmp_path_factory.mktemp("inputs")
    for number, video_id in enumerate((*IDS, "nowhere_aaa")):
        places = [(20.0 + 10 * number + i % 7, 25.0) for i in range(50)]
        if video_id in IDS:
            write_video(root / "raw" / f"{video_id}.mp4", portrait_frames(places))
        for utterance, frames in (("00001", range(0, 25)), ("00002", range(30, 48))):
            path = root / "txt" / f"id1000{number % 2}" / video_id / f"{utterance}.txt"
            boxes = face_boxes(places)[frames.start : frames.stop]
            write_annotation(path, frames, boxes, height=240, person=f"id1000{number % 2}", video=video_id)
    return root


def videos_of(root: Path) -> list[SourceVideo]:
    return annotated_videos(root / "raw", root / "txt")


def job_to(out: Path, **options: Any) -> CropJob:
    return CropJob(out, **{"settings": SETTINGS, **options})


def crop_videos(videos: list[SourceVideo], job: CropJob, **options: Any) -> Summary:
    return run_local(Work(CroppedVideos(videos, job), job.writer, overwrite=job.overwrite), **options)


@pytest.fixture(scope="module")
def reference(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    summary = crop_videos(videos_of(inputs), job_to(out))
    assert (summary.units, summary.clips, summary.frames) == (5, 8, 4 * (24 + 17))
    assert dict(summary.rejected) == {"no video": 2}
    return out


def test_clips_are_where_a_store_is_read(reference: Path) -> None:
    store = open_store(str(reference))
    clips = store.clips(Folder("video"))
    assert clips[0] == "id10000#-aaaaaaaaaa#00001.txt#000.mp4"
    assert len(clips) == 8
    entries = store.entries(Folder("video"), clips[0])
    assert [entry.name for entry in entries[:2]] == ["0000000.png", "0000001.png"]
    assert len(entries) == 24
    picture = cv2.imdecode(np.frombuffer(store.read(Folder("video"), clips[0], entries[:1])[0], np.uint8), 1)
    assert picture is not None
    assert picture.shape == (64, 64, 3)


def test_the_ledger_has_a_row_for_every_input(reference: Path) -> None:
    rows = [json.loads(line) for line in (reference / "meta" / "ledger.jsonl").read_text().splitlines()]
    assert len(rows) == 10
    assert {row["stage"] for row in rows} == {"crop"}
    rejected = [row for row in rows if row["status"] == "rejected"]
    assert [row["clip_id"] for row in rejected] == [f"id10000#nowhere_aaa#0000{n}.txt" for n in (1, 2)]
    assert rejected[0]["reason"] == "no video: it is not among the videos"
    assert rows == sorted(rows, key=lambda row: row["clip_id"])


def test_provenance_holds_no_times_hosts_or_paths(reference: Path, inputs: Path) -> None:
    content = (reference / "meta" / "id10000#-aaaaaaaaaa#00001.txt#000.mp4.json").read_text()
    assert str(inputs) not in content
    section = json.loads(content)["crop"]
    assert section["source"]["file"] == "-aaaaaaaaaa.mp4"
    assert section["annotation"]["FV Conf"] == "17.997\t(1)"
    assert (section["start"], section["end"], section["num_frames"]) == (0, 24, 24)
    assert section["settings"]["size_px"] == 64
    assert section["quality"]["sharpness"] > 0
    assert set(section["versions"]) == {"av", "mmvoxceleb", "opencv"}


def test_a_detector_on_a_device_tells_how_it_computed(inputs: Path, reference: Path, tmp_path: Path) -> None:
    computation = {"device": "cuda NVIDIA H100 80GB HBM3", "batch_sizes": [8]}

    class OnGpu(HaarDetector):
        needs_device = True

        def computation(self) -> dict[str, Any]:
            return computation

    for name, detector in (("gpu", OnGpu()), ("cpu", HaarDetector())):
        crop_videos(videos_of(inputs)[:1], job_to(tmp_path / name, detector=detector))
        clips = sorted((tmp_path / name / "video").iterdir())
        assert clips
        section = Provenance(tmp_path / name).section(clips[0].name, "crop")
        assert section is not None
        assert section.get("computation") == (computation if name == "gpu" else None)
    # another device is no reason to refuse
    assert crop_videos(videos_of(inputs)[:1], job_to(tmp_path / "gpu", detector=HaarDetector())).skipped == 2


@pytest.mark.parametrize("workers", [1, 3])
def test_the_bytes_do_not_depend_on_workers_or_order(
    inputs: Path, reference: Path, tmp_path: Path, workers: int
) -> None:
    crop_videos(videos_of(inputs)[::-1], job_to(tmp_path), workers=workers)
    assert contents(tmp_path) == contents(reference)


def test_a_second_run_does_nothing_and_a_limited_one_goes_on(inputs: Path, reference: Path, tmp_path: Path) -> None:
    assert crop_videos(videos_of(inputs), job_to(tmp_path), limit=0).units == 0
    assert not list(tmp_path.iterdir())
    assert crop_videos(videos_of(inputs), job_to(tmp_path), limit=2).clips == 4
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    summary = crop_videos(videos_of(inputs), job_to(tmp_path), limit=2)
    assert (summary.skipped, summary.clips, summary.frames) == (4, 6, 41)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    summary = crop_videos(videos_of(inputs), job_to(tmp_path))
    assert (summary.skipped, summary.clips, summary.frames) == (6, 8, 41)
    summary = crop_videos(videos_of(inputs), job_to(tmp_path))
    assert (summary.skipped, summary.clips, summary.frames) == (8, 8, 0)
    assert contents(tmp_path) == contents(reference)


def test_other_settings_are_refused_or_overwrite(inputs: Path, tmp_path: Path) -> None:
    crop_videos(videos_of(inputs), job_to(tmp_path))
    other = CropSettings(size_px=64, min_frames=20, min_face_px=60, boxes="annotation")
    with pytest.raises(IncompatibleOutputError, match=r"min_frames was 10 and is 20.*--overwrite"):
        crop_videos(videos_of(inputs), job_to(tmp_path, settings=other))
    job = job_to(tmp_path, settings=other, overwrite=True)
    source, steps = CroppedVideos(videos_of(inputs), job), ClipSteps(job.writer, [], overwrite=True)
    assert set(source.plan(source.units(), steps).todo) == set(source.units()), "as a dry run tells"
    summary = crop_videos(videos_of(inputs), job)
    assert summary.clips == 4
    assert not source.plan(source.units(), steps).todo
    fresh = tmp_path / "fresh"
    crop_videos(videos_of(inputs), job_to(fresh, settings=other))
    assert {k: v for k, v in contents(tmp_path).items() if not k.startswith("fresh/")} == contents(fresh)


def test_another_video_or_annotation_is_refused(inputs: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(inputs, tmp_path / "in")
    crop_videos(videos_of(tmp_path / "in"), job_to(tmp_path / "out"))
    path = tmp_path / "in" / "txt" / "id10000" / "-aaaaaaaaaa" / "00001.txt"
    path.write_text(path.read_text().replace("FV Conf", "FV conf"))
    with pytest.raises(IncompatibleOutputError, match="id10000#-aaaaaaaaaa was cropped from another video or another"):
        crop_videos(videos_of(tmp_path / "in"), job_to(tmp_path / "out"))


def test_a_video_that_comes_later_is_done_then(inputs: Path, reference: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(inputs, tmp_path / "in")
    absent = (tmp_path / "in" / "raw" / "bbbbbbbbbbb.mp4").rename(tmp_path / "bbbbbbbbbbb.mp4")
    assert crop_videos(videos_of(tmp_path / "in"), job_to(tmp_path / "out")).clips == 6
    absent.rename(tmp_path / "in" / "raw" / "bbbbbbbbbbb.mp4")
    summary = crop_videos(videos_of(tmp_path / "in"), job_to(tmp_path / "out"))
    assert (summary.skipped, summary.clips) == (6, 8)
    assert contents(tmp_path / "out") == contents(reference)


def test_a_clip_that_was_deleted_is_made_again(inputs: Path, reference: Path, tmp_path: Path) -> None:
    crop_videos(videos_of(inputs), job_to(tmp_path))
    StoreWriter(tmp_path).remove(Folder("video"), "id10000#-aaaaaaaaaa#00001.txt#000.mp4")
    assert crop_videos(videos_of(inputs), job_to(tmp_path)).skipped == 7
    assert contents(tmp_path) == contents(reference)


def test_removed_clips_are_not_made(inputs: Path, tmp_path: Path) -> None:
    add_removals(tmp_path, Removals(video_id=frozenset({IDS[0]})))
    summary = crop_videos(videos_of(inputs), job_to(tmp_path))
    assert (summary.clips, summary.rejected["removed"]) == (6, 2)
    assert not [path for path in (tmp_path / "video").iterdir() if IDS[0] in path.name]


def test_a_rerun_counts_single_clips_that_are_removed(inputs: Path, tmp_path: Path) -> None:
    crop_videos(videos_of(inputs), job_to(tmp_path))
    gone = "id10000#-aaaaaaaaaa#00001.txt#000.mp4"
    add_removals(tmp_path, Removals(clip_id=frozenset({gone})))
    StoreWriter(tmp_path).remove_clip(gone)
    for _ in range(2):
        summary = crop_videos(videos_of(inputs), job_to(tmp_path))
        assert (summary.done, summary.rejected["removed"]) == (0, 1)


def test_clips_of_another_origin_are_not_overwritten(inputs: Path, tmp_path: Path) -> None:
    clip = tmp_path / "video" / "id10000#-aaaaaaaaaa#00001.txt#000.mp4"
    clip.mkdir(parents=True)
    (clip / "0000000.png").write_bytes(b"mine")
    with pytest.raises(IncompatibleOutputError, match="was not cropped by this program"):
        crop_videos(videos_of(inputs), job_to(tmp_path))
    assert (clip / "0000000.png").read_bytes() == b"mine"


def test_the_rows_of_other_stages_stay_in_the_ledger(inputs: Path, tmp_path: Path) -> None:
    row = LedgerRow("id10000#-aaaaaaaaaa#00001.txt#000.mp4", "mask", "done")
    Provenance(tmp_path).record([row])
    crop_videos(videos_of(inputs), job_to(tmp_path))
    rows = Provenance(tmp_path).rows()
    assert row in rows
    assert len(rows) == 11


def test_packed_clips_hold_the_same_pictures(inputs: Path, reference: Path, tmp_path: Path) -> None:
    crop_videos(videos_of(inputs), job_to(tmp_path, layout="packed"), workers=2)
    packed, plain = open_store(str(tmp_path)), open_store(str(reference))
    folder = Folder("video")
    assert packed.clips(folder) == plain.clips(folder)
    for clip_id in packed.clips(folder):
        assert (tmp_path / "video" / f"{clip_id}.zip").is_file()
        assert packed.read(folder, clip_id) == plain.read(folder, clip_id)


def test_mp4_clips(inputs: Path, tmp_path: Path) -> None:
    crop_videos(videos_of(inputs), job_to(tmp_path / "a", codec="mp4"))
    crop_videos(videos_of(inputs), job_to(tmp_path / "b", codec="mp4"), workers=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    path = tmp_path / "a" / "video" / "id10000#-aaaaaaaaaa#00001.txt#000.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height, stream.average_rate) == (
            "h264",
            64,
            64,
            Fraction(25),
        )
        frames = list(container.decode(stream))
    assert len(frames) == 24
    assert [number for number, frame in enumerate(frames) if frame.key_frame][:2] == [0, 12]
    crop_videos(videos_of(inputs), job_to(tmp_path / "c"))
    png = np.asarray(cv2.imread(str(tmp_path / "c" / "video" / path.name / "0000005.png")))[..., ::-1]
    assert np.abs(frames[5].to_ndarray(format="rgb24").astype(int) - png).mean() < 4
    # and from one form to the other
    with pytest.raises(IncompatibleOutputError, match='codec was "mp4" and is "png"'):
        crop_videos(videos_of(inputs), job_to(tmp_path / "a"))
    crop_videos(videos_of(inputs), job_to(tmp_path / "a", overwrite=True))
    assert contents(tmp_path / "a") == contents(tmp_path / "c")


def test_impossible_numbers_and_places(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="workers is 0"):
        crop_videos(videos_of(inputs), job_to(tmp_path), workers=0)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        crop_videos(videos_of(inputs), job_to(tmp_path / "file"))


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="root may write everywhere")
def test_an_output_that_cannot_be_written(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "video").write_text("a file where the folder of clips should be")
    with pytest.raises(ProcessingError, match="cannot be written, at video"):
        crop_videos(videos_of(inputs), job_to(tmp_path))


def start(inputs: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    code = "from mmvoxceleb.cli.main import main; main()"
    arguments = [
        "regenerate", "crop", str(inputs / "raw"), str(out), "--annotations", str(inputs / "txt"), "--boxes",
        "annotation", "--size", "64", "--min-frames", "10", "--min-face", "60", "--no-audio", *options,
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_clips(out: Path, count: int = 1, seconds: int = 60) -> None:
    end = time.time() + seconds
    while len(list((out / "video").glob("id*"))) < count:
        assert time.time() < end
        time.sleep(0.005)


@pytest.mark.parametrize(("kind", "workers"), [(signal.SIGKILL, "1"), (signal.SIGINT, "2")])
def test_killed_or_stopped_and_gone_on(inputs: Path, reference: Path, tmp_path: Path, kind: int, workers: str) -> None:
    process = start(inputs, tmp_path, "--workers", workers)
    wait_for_clips(tmp_path)
    process.send_signal(kind)
    _, errors = process.communicate(timeout=60)
    if kind == signal.SIGINT and process.returncode != 0:
        assert process.returncode == 130
        assert "rerun the command to resume" in errors
    for clip in (tmp_path / "video").glob("id*"):
        assert len(list(clip.iterdir())) in (24, 17)  # whole, whenever it is seen
    time.sleep(0.5)
    seen = contents(tmp_path)
    time.sleep(0.5)
    assert contents(tmp_path) == seen  # no worker lives on
    again = start(inputs, tmp_path)
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert contents(tmp_path) == contents(reference)
    assert not list(tmp_path.rglob(".partial-*"))


def test_killed_in_a_video_and_run_again_with_other_settings(tmp_path: Path) -> None:
    """Clips of the killed run that the new settings do not give are gone, and nothing else is."""
    for name in ("a", "b"):
        write_video(tmp_path / "raw" / f"{name}.mp4", (np.full((96, 96, 3), i // 6, np.uint8) for i in range(600)))
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    code = "from mmvoxceleb.cli.main import main; main()"
    arguments = ["regenerate", "crop", str(tmp_path / "raw"), str(out), "--cropped", "--size", "32"]
    arguments += ["--min-frames", "5", "--max-frames", "6", "--workers", "2"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True)
    end = time.time() + 60
    while len(list((out / "video").glob("*#*"))) < 8:
        assert time.time() < end
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    time.sleep(1)  # its workers end
    assert not list((out / "meta" / ".crop").glob("*"))
    other = out / "meta" / "a#a#00000.txt#099.mp4.json"
    other.write_text('{"mask": {}}')  # not cropped by us
    settings = CropSettings.for_cropped(size_px=32, min_frames=5, max_frames=500)
    with pytest.raises(IncompatibleOutputError, match=r"max_frames was 6 and is 500 .*--overwrite"):
        crop_videos(free_videos(tmp_path / "raw"), CropJob(out, settings), workers=2)
    for place in (out, fresh):
        job = CropJob(place, settings, overwrite=True)
        crop_videos(free_videos(tmp_path / "raw"), job, workers=2)
    assert len(contents(fresh / "video")) == 2 * 600
    assert contents(out / "video") == contents(fresh / "video")
    assert other.exists()


def test_missing_videos_are_fetched_and_the_unreachable_are_recorded(
    inputs: Path, reference: Path, tmp_path: Path
) -> None:
    pytest.importorskip("yt_dlp")
    import shutil

    shutil.copytree(inputs / "txt", tmp_path / "in" / "txt")
    (tmp_path / "in" / "raw").mkdir()
    with closing(FileServer(inputs / "raw")) as server:
        job = job_to(
            tmp_path / "out", download_to=tmp_path / "in" / "raw", url_template=f"{server.url}/{{video_id}}.mp4"
        )
        summary = crop_videos(videos_of(tmp_path / "in"), job)
    assert summary.clips == 8
    assert dict(summary.rejected) == {"unreachable": 2}
    assert sorted(path.name for path in (tmp_path / "in" / "raw").iterdir()) == [f"{name}.mp4" for name in sorted(IDS)]
    reasons = [row.reason for row in Provenance(tmp_path / "out").rows() if row.status == "rejected"]
    assert all("nowhere_aaa" in reason and "404" in reason for reason in reasons)
    assert len(reasons) == 2
    videos = contents(tmp_path / "out" / "video")
    assert videos == contents(reference / "video")
    # later it can be had: only that one is done
    shutil.copy(inputs / "raw" / "bbbbbbbbbbb.mp4", tmp_path / "nowhere_aaa.mp4")
    with closing(FileServer(tmp_path)) as server:
        job = job_to(
            tmp_path / "out", download_to=tmp_path / "in" / "raw", url_template=f"{server.url}/{{video_id}}.mp4"
        )
        summary = crop_videos(videos_of(tmp_path / "in"), job)
    assert (summary.skipped, summary.clips) == (8, 10)
