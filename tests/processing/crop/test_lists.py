"""Lists of other datasets in their published forms, and tables of the user's own."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cli.regenerate.crop_options import CropChoices
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop import CropSettings, crop_tubes
from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources import LISTS
from mmvoxceleb.processing.crop.sources.celebv import celebv_videos
from mmvoxceleb.processing.crop.sources.hdtf import hdtf_videos
from mmvoxceleb.processing.crop.sources.table import table_videos
from mmvoxceleb.processing.crop.sources.talkvid import talkvid_videos
from mmvoxceleb.processing.crop.sources.vfhq import vfhq_videos
from mmvoxceleb.processing.crop.utterance import Rejection
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.schema import ATTRIBUTES, Folder
from mmvoxceleb.stores import open_store
from tests.support.http_server import FileServer
from tests.support.videos import number_of, numbered, portrait_frames, write_video

ID, OTHER = "M2Ohb0FAaJU", "_0tf2n3rlJU"
APPEARANCE = [
    "blurry", "male", "young", "chubby", "pale_skin", "rosy_cheeks", "oval_face", "receding_hairline", "bald", "bangs",
    "black_hair", "blonde_hair", "gray_hair", "brown_hair", "straight_hair", "wavy_hair", "long_hair",
    "arched_eyebrows", "bushy_eyebrows", "bags_under_eyes", "eyeglasses", "sunglasses", "narrow_eyes", "big_nose",
    "pointy_nose", "high_cheekbones", "big_lips", "double_chin", "no_beard", "5_o_clock_shadow", "goatee", "mustache",
    "sideburns", "heavy_makeup", "wearing_earrings", "wearing_hat", "wearing_lipstick", "wearing_necklace",
    "wearing_necktie", "wearing_mask",
]  # fmt: skip
"""CelebV-HQ's 40 names, in its order."""


def celebv_hq(path: Path, clips: dict[str, Any] | None = None, names: list[str] = APPEARANCE) -> Path:
    default = {
        f"{ID}_1": {
            "ytb_id": ID,
            "duration": {"start_sec": 0.4, "end_sec": 1.2},
            "bbox": {"top": 0.0, "bottom": 0.75, "left": 0.25, "right": 0.75},
            "attributes": {
                "appearance": [int(name in ("male", "blonde_hair", "wearing_mask")) for name in APPEARANCE],
                "action": [0, 1],
                "emotion": {"sep_flag": False, "labels": "neutral"},
            },
            "version": "v0.1",
        }
    }
    meta = {"appearance_mapping": names, "action_mapping": ["blow", "chew"]}
    path.write_text(json.dumps({"meta_info": meta, "clips": default if clips is None else clips}))
    return path


def boxes_of(video: SourceVideo, **changes: Any) -> tuple[list[Any], list[str]]:
    """Crop a video; return the crop box, first frame number and number of frames of each clip."""
    rejected: list[Rejection] = []
    found = []
    settings = CropSettings.for_metadata(size_px=64, **{"min_frames": 1, **changes})
    for clip in crop_tubes(video, settings=settings, rejected=rejected.append):
        frames = [np.array(frame) for frame in clip.frames]
        found.append((clip.meta["crop_box_xyxy_px"], clip.meta["start"], len(frames)))
    return found, [each.code for each in rejected]


def test_celebv_hq_gives_times_boxes_and_manual_labels(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{ID}.mp4", (numbered(i, 160, 96) for i in range(40)))
    (video,) = celebv_videos(tmp_path / "raw", celebv_hq(tmp_path / "celebvhq_info.json"))
    assert video.clip_id(video.utterances[0], 0) == f"{ID}#{ID}#1.txt#000.mp4"
    assert boxes_of(video) == ([([40, -4 + 4, 120, 80], 10, 20)], [])
    out = tmp_path / "out"
    arguments = ["regenerate", "crop", str(tmp_path / "raw"), str(out), "--list", str(tmp_path / "celebvhq_info.json")]
    arguments += ["--list-form", "celebv-hq", "--size", "64", "--min-frames", "5"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    clip_id = f"{ID}#{ID}#1.txt#000.mp4"
    (data,) = open_store(out).read(Folder("label"), clip_id)
    label = dict(zip(ATTRIBUTES, map(int, data.decode().split(",")), strict=True))
    assert {name for name, value in label.items() if value == 1} == {"Male", "Blond_Hair"}
    assert {name for name, value in label.items() if value == -1} == {"Attractive", "Mouth_Slightly_Open", "Smiling"}
    meta = json.loads((out / "meta" / f"{clip_id}.json").read_text())
    assert meta["label_source"] == "manual"
    assert meta["label"]["annotation_file"] == "celebvhq_info.json"
    assert meta["crop"]["boxes_from"] == "list"
    files = {path: path.stat().st_mtime_ns for path in (out / "video").rglob("*.png")}
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert files == {path: path.stat().st_mtime_ns for path in (out / "video").rglob("*.png")}


def test_celebv_text_has_no_meta_info_and_odd_names_of_times(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{ID}.mp4", (numbered(i, 160, 96) for i in range(40)))
    clips = {
        f"{ID}_0": {
            "ytb_id": ID,
            "duration": {"start_sec": 0.0, "end_sec": 0.8},
            "bbox": {"top": 0, "bottom": 64, "left": 32, "right": 96},
        },
        f"{ID}_7": {
            "ytb_id": ID,
            "duration": {"start_frame": 1.0, "end_frame": 1.4},
            "bbox": {"top": 0, "bottom": 937, "left": 849, "right": 1872},
        },
    }
    for content in ({"clips": clips}, clips):
        (tmp_path / "celebvtext_info.json").write_text(json.dumps(content))
        (video,) = LISTS["celebv-text"](tmp_path / "raw", tmp_path / "celebvtext_info.json")
        assert boxes_of(video) == ([([32, 0, 96, 64], 0, 20)], ["box beyond the picture"])


def test_hdtf_reads_its_four_lists(tmp_path: Path) -> None:
    folder = tmp_path / "HDTF_dataset"
    folder.mkdir()
    (folder / "RD_video_url.txt").write_text(f"Radio11 https://www.youtube.com/watch?v={ID}&t=6s\n")
    (folder / "RD_annotion_time.txt").write_text("Radio11.mp4 00:00-00:01 00:01-00:02\n")
    (folder / "RD_crop_wh.txt").write_text("Radio11_0.mp4 80 96 0 96\n")
    (folder / "RD_resolution.txt").write_text("Radio11.mp4 192\n")
    (folder / "WDA_video_url.txt").write_bytes(
        b"\xef\xbb\xbfCarolynMaloney2 https://www.youtube.com/watch?v=RApGxN-O9Qc\n"
    )
    (folder / "WDA_annotion_time.txt").write_text("CarolynMaloney2.mp4 00:05-04:40\n")
    write_video(tmp_path / "raw" / "Radio11.mp4", (numbered(i, 160, 96) for i in range(60)))
    maloney, radio = hdtf_videos(tmp_path / "raw", folder)
    assert (radio.person_id, radio.video_id) == ("Radio11", ID)
    assert [part.name for part in radio.utterances] == ["Radio11_0", "Radio11_1"]
    first = radio.utterances[0].listed
    assert first is not None
    assert first.box_px(160, 96) == (40, 0, 88, 48)
    assert radio.utterances[1].listed == ListedClip(60 / 60, 2.0)
    assert (maloney.person_id, maloney.video_id, maloney.path) == ("CarolynMaloney", "RApGxN-O9Qc", None)
    listed = maloney.utterances[0].listed
    assert listed is not None
    assert listed.end_seconds == 280


def test_vfhq_counts_frames_at_its_own_rate(tmp_path: Path) -> None:
    name = f"Clip+{ID}+P0+C3+F20-40"
    folder = tmp_path / "meta" / "VFHQ-Train"
    folder.mkdir(parents=True)
    lines = [f"Video {ID}", "H 192", "W 320", "FPS 50.0", "", "CROP 80 0 240 160", "20 0 90 10 60 60 1 2 3"]
    (folder / f"{name}.txt").write_text("\n".join(lines))
    write_video(tmp_path / "raw" / f"{ID}.mp4", (numbered(i, 160, 96) for i in range(40)))
    (video,) = vfhq_videos(tmp_path / "raw", tmp_path / "meta")
    assert (video.key, video.utterances[0].name) == (f"{ID}-P0#{ID}", "C3")
    assert boxes_of(video) == ([([40, 0, 120, 80], 10, 10)], [])


def test_talkvid_has_no_boxes_and_the_face_is_found_in_its_time(tmp_path: Path) -> None:
    record = {
        "id": f"videovideo{ID}-scene1-scene2",
        "start-time": 0.2,
        "end-time": 0.8,
        "info": {"Person ID": "597", "Video Link": f"https://www.youtube.com/watch?v={ID}"},
    }
    (tmp_path / "list.json").write_text(json.dumps([record]))
    write_video(tmp_path / "raw" / f"{ID}.mp4", portrait_frames([(40.0, 25.0)] * 30))
    (video,) = talkvid_videos(tmp_path / "raw", tmp_path / "list.json")
    assert (video.person_id, video.video_id, video.utterances[0].name) == ("597", ID, "scene1-scene2")
    from mmvoxceleb.processing.detectors import HaarDetector

    settings = CropSettings.for_free_videos(size_px=64, min_frames=5, min_face_px=60)
    found = [
        (clip.meta["start"], len(list(clip.frames)), clip.meta["boxes_from"])
        for clip in crop_tubes(video, settings=settings, detector=HaarDetector())
    ]
    assert found == [(5, 15, "detection")]


def test_any_table(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "sub" / "a b.mkv", (numbered(i, 160, 96) for i in range(30)), lossless=True)
    table = tmp_path / "mine.csv"
    table.write_text(
        "file,person_id,start,end,left,top,right,bottom\n"
        "sub/a b.mkv,ann,0.2,0.6,0,0,96,96\nsub/a b.mkv,ann,0.8,,0.4,0,1,1\n"
    )
    (video,) = table_videos(tmp_path / "raw", table)
    assert video.clip_id(video.utterances[0], 0) == "ann#a b#000005-000015.txt#000.mp4"
    assert boxes_of(video) == ([([0, 0, 96, 96], 5, 10), ([64, 0, 160, 96], 20, 10)], [])
    frames = []
    for clip in crop_tubes(video, settings=CropSettings.for_metadata(size_px=96, min_frames=1)):
        frames += [np.array(frame) for frame in clip.frames]
        break
    assert number_of(np.pad(frames[0], ((0, 0), (0, 64), (0, 0)))) == 5


def test_a_box_left_of_the_picture_is_in_pixels_and_no_fraction(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "v.mp4", (numbered(i, 160, 96) for i in range(30)))
    table = tmp_path / "mine.csv"
    table.write_text("file,start,end,left,top,right,bottom\nv.mp4,0,1,-200,-200,-10,-10\n")
    (video,) = table_videos(tmp_path / "raw", table)
    assert boxes_of(video) == ([], ["box beyond the picture"])


def test_addresses_of_a_list_are_fetched_and_removed_people_are_not(tmp_path: Path) -> None:
    pytest.importorskip("yt_dlp")
    for name in ("ann", "bob"):
        write_video(tmp_path / "web" / f"{name}.mp4", (numbered(i, 96, 96) for i in range(12)))
    with closing(FileServer(tmp_path / "web")) as server:
        table = tmp_path / "mine.csv"
        rows = [f"{server.url}/{name}.mp4,{name},0,0,96,96" for name in ("ann", "bob")]
        table.write_text("url,person_id,left,top,right,bottom\n" + "\n".join(rows) + "\n")
        raw, out = tmp_path / "raw", tmp_path / "out"
        raw.mkdir()
        add_removals(out, Removals(person_id=frozenset({"bob"})))
        settings = CropSettings.for_metadata(size_px=64, min_frames=5)
        job = CropJob(out, settings, download_to=raw)
        work = Work(CroppedVideos(table_videos(raw, table), job), job.writer)
        summary = run_local(work)
    assert summary.done == 1
    assert [path.name for path in raw.iterdir()] == ["ann.mp4"]
    assert open_store(out).clips(Folder("video")) == ["ann#ann#000000-end.txt#000.mp4"]
    assert "bob" not in (out / "meta" / "ledger.jsonl").read_text()


def test_a_person_removed_while_being_made_leaves_no_label(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{ID}.mp4", (numbered(i, 160, 96) for i in range(40)))
    videos = celebv_videos(tmp_path / "raw", celebv_hq(tmp_path / "list.json"))
    job = CropJob(tmp_path / "out", CropSettings.for_metadata(size_px=64, min_frames=5))
    run_local(Work(CroppedVideos(videos, job), job.writer, overwrite=job.overwrite))
    clip_id = f"{ID}#{ID}#1.txt#000.mp4"
    assert (tmp_path / "out" / "label" / f"{clip_id}.txt").exists()
    job.take_away(clip_id)
    left = [path for path in (tmp_path / "out").rglob(f"*{ID}*") if path.is_file() and ".crop" not in path.parts]
    assert left == []


BAD = {
    "celebv-hq": [
        '{"clips": {"x_1": {"ytb_id": "x"}}}',
        '{"clips": []}',
        '{"meta_info": {"appearance_mapping": ["male", "Male"]}, "clips": {}}',
        '{"clips": {}}',
        "nonsense",
    ],
    "talkvid": [
        "{}", "[{}]", '[{"id": "x", "start-time": 2, "end-time": 1, "info": {"Person ID": "1", "Video Link": ""}}]',
    ],
    "csv": [
        "name\na\n", "file,left\na,1\n", "file,start,end\na,2,1\n", "file,start\na,nan\n", "file\n",
        "file,color\na,b\n",
        "file,start,end\na,0,1e300\n", "url\nfile:///etc/passwd\n", "file,left,top,right,bottom\na,1,2,3\n", "\x00",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("form", "text"), [(form, text) for form, texts in BAD.items() for text in texts])
def test_odd_lists_get_one_error_that_names_them(tmp_path: Path, form: str, text: str) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(CorruptSourceError, match=r"list\b"):
        LISTS[form](tmp_path, tmp_path / "list")


@pytest.mark.parametrize("form", sorted(LISTS))
def test_absent_lists(tmp_path: Path, form: str) -> None:
    with pytest.raises(SourceUnavailableError, match="nowhere"):
        LISTS[form](tmp_path, tmp_path / "nowhere")
    with pytest.raises(MMVoxCelebError):
        LISTS[form](tmp_path, tmp_path)


def test_a_list_and_annotations_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--annotations and --list contradict each other"):
        CropChoices(raw=tmp_path, annotations=tmp_path, listed=tmp_path)
    with pytest.raises(ConfigError, match="pass --list"):
        CropChoices(raw=tmp_path, list_form="hdtf")
