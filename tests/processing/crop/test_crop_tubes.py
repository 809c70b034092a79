import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop import crop_tubes
from mmvoxceleb.processing.crop.boxes import iou
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import annotated_videos, free_videos, metadata_videos
from mmvoxceleb.processing.crop.tracks import free_tracks
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.decoders import open_decoder
from mmvoxceleb.processing.detectors import Detection, Detector, HaarDetector, open_detector
from tests.support.videos import (
    face_boxes,
    portrait,
    portrait_frames,
    write_annotation,
    write_sound,
    write_video,
)

SMALL: dict[str, Any] = {"size_px": 96, "min_frames": 20, "min_face_px": 80, "detection_height_px": 180}
PERSON, VIDEO = "id10001", "-bcdefghijk"
Place = tuple[float, float]
Cropped = tuple[dict[str, tuple[np.ndarray, dict[str, Any]]], list[tuple[str, str]]]


def wander(count: int, reach: float = 20.0) -> list[Place]:
    """A path on which the overlap with the first place stays."""
    angle = np.arange(count) / 9
    return [(70 + reach * np.sin(a), 25 + reach / 2 * np.sin(1.7 * a)) for a in angle]


def run(video: SourceVideo, detector: Detector | None = None, decoder: str = "pyav", **settings: Any) -> Cropped:
    clips, rejected = {}, []
    for clip in crop_tubes(
        video,
        settings=CropSettings(**{**SMALL, **settings}),
        detector=detector,
        decoder=decoder,
        rejected=lambda rejection: rejected.append((rejection.name, rejection.code)),
    ):
        clips[clip.clip_id] = (np.stack(list(clip.frames)), clip.meta)
    return clips, rejected


def annotated(
    tmp_path: Path, places: list[Place], *, first: int = 0, lossless: bool = True, **options: Any
) -> SourceVideo:
    raw = tmp_path / "raw"
    if not (raw / f"{VIDEO}.mkv").exists():
        padding = [places[0]] * first
        write_video(raw / f"{VIDEO}.mkv", portrait_frames([*padding, *places]), lossless=lossless)
    write_annotation(
        tmp_path / "txt" / PERSON / VIDEO / "00001.txt",
        options.pop("frames", range(first, first + len(places))),
        options.pop("boxes", face_boxes(places)),
        height=240,
        person=options.pop("person", PERSON),
        video=VIDEO,
        **options,
    )
    (video,) = annotated_videos(raw, tmp_path / "txt")
    return video


@pytest.mark.parametrize("width", [None, 320], ids=["vox1", "vox2"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_frame_is_cut_within_two_pixels_of_the_known_box(tmp_path: Path, width: int | None, newline: str) -> None:
    places = wander(61)
    video = annotated(tmp_path, places, first=13, width=width, newline=newline)
    clips, rejected = run(video, boxes="annotation")
    assert rejected == []
    ((clip_id, (frames, meta)),) = clips.items()
    assert clip_id == f"{PERSON}#{VIDEO}#00001.txt#000.mp4"
    assert frames.shape == (60, 96, 96, 3)
    assert (meta["start"], meta["end"], meta["num_frames"], meta["fps"]) == (13, 73, 60, 25)
    # what the crop must be: the union of the known boxes, 1.2 times its longer side, square around its centre
    known = face_boxes(places)[:60]
    union = np.array([*known[:, :2].min(0), *known[:, 2:].max(0)])
    centre, side = (union[:2] + union[2:]) / 2, 1.2 * (union[2:] - union[:2]).max()
    wanted = np.array([*(centre - side / 2), *(centre + side / 2)])
    assert np.abs(np.array(meta["crop_box_xyxy_px"]) - wanted).max() <= 2
    # and where the face really is in each cropped frame
    scale = side / 96
    sample = cv2.resize(portrait(), None, fx=180 / 256 / scale, fy=180 / 256 / scale, interpolation=cv2.INTER_AREA)
    height = sample.shape[0]
    inner = slice(height // 3, 2 * height // 3)
    for frame, (left, top, *_) in zip(frames, known, strict=True):
        found = cv2.matchTemplate(frame, sample[inner, inner], cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(found)
        assert score > 0.9
        corner = np.array([left, top]) - np.array([63, 67]) * 180 / 256  # the portrait's corner in the video
        expected = (corner - wanted[:2]) / scale + height // 3
        assert np.abs(np.array([x, y]) - expected).max() * scale <= 2


def test_detection_follows_the_annotated_face(tmp_path: Path) -> None:
    places = wander(45)
    video = annotated(tmp_path, places)
    clips, rejected = run(video, open_detector("haar"))
    assert rejected == []
    ((frames, meta),) = clips.values()
    assert len(frames) == 44
    known = face_boxes(places)[:44]
    union = [*known[:, :2].min(0), *known[:, 2:].max(0)]
    assert iou(meta["face_box_xyxy_px"], union) > 0.7
    assert meta["boxes_from"] == "detection"
    assert meta["quality"]["annotation_iou"] > 0.7
    assert meta["quality"]["detected_share"] == 1
    assert meta["quality"]["detection_score"] > 0
    assert meta["source"]["file"] == f"{VIDEO}.mkv"
    assert len(meta["source"]["sha256_of_ends"]) == 64


def test_of_two_faces_the_annotated_one_is_taken(tmp_path: Path) -> None:
    left, right = [(5.0, 20.0)] * 30, [(165.0, 40.0)] * 30
    frames = list(portrait_frames(left, side=150))
    for frame, other in zip(frames, portrait_frames(right, side=150), strict=True):
        frame[40:190, 165:315] = other[40:190, 165:315]
    write_video(tmp_path / "raw" / f"{VIDEO}.mkv", frames)
    for name, places in (("00001", left), ("00002", right)):
        path = tmp_path / "txt" / PERSON / VIDEO / f"{name}.txt"
        write_annotation(path, range(30), face_boxes(places, side=150), height=240, person=PERSON)
    (video,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    clips, rejected = run(video, open_detector("haar"), min_face_px=50, border="shift")
    assert rejected == []
    (_, first), (_, second) = clips.values()
    assert iou(first["face_box_xyxy_px"], face_boxes(left[:1], side=150)[0]) > 0.6
    assert iou(second["face_box_xyxy_px"], face_boxes(right[:1], side=150)[0]) > 0.6


def test_an_annotation_where_no_face_is(tmp_path: Path) -> None:
    places = [(10.0, 30.0)] * 30
    video = annotated(tmp_path, places, boxes=np.tile([210.0, 20.0, 310.0, 120.0], (30, 1)))
    assert run(video, open_detector("haar"))[1] == [(f"{PERSON}#{VIDEO}#00001.txt#000.mp4", "wrong face")]


def test_an_annotation_of_somebody_else(tmp_path: Path) -> None:
    video = annotated(tmp_path, wander(40), person="id10002")
    clips, rejected = run(video, boxes="annotation")
    assert clips == {}
    assert rejected == [(f"{PERSON}#{VIDEO}#00001.txt", "wrong identity")]


def test_no_face_at_all(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{VIDEO}.mp4", [np.full((240, 320, 3), 90, np.uint8)] * 30)
    video = annotated(tmp_path, wander(30))
    (video,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    (tmp_path / "raw" / f"{VIDEO}.mkv").unlink()
    (video,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    assert run(video, open_detector("haar")) == ({}, [(f"{PERSON}#{VIDEO}#00001.txt", "no face")])


def test_rejected_tubes_take_numbers(tmp_path: Path) -> None:
    # 40 frames on the left, 10 frames on the right (too short), 31 frames on the left
    places = [(20.0, 30.0)] * 40 + [(130.0, 40.0)] * 10 + [(20.0, 30.0)] * 31
    video = annotated(tmp_path, places)
    clips, rejected = run(video, boxes="annotation")
    stem = f"{PERSON}#{VIDEO}#00001.txt"
    assert rejected == [(f"{stem}#001.mp4", "too short")]
    assert [(name, meta["start"], meta["end"]) for name, (_, meta) in clips.items()] == [
        (f"{stem}#000.mp4", 0, 40),
        (f"{stem}#002.mp4", 50, 80),
    ]
    split, _ = run(video, boxes="annotation", max_frames=20)
    assert [(meta["start"], meta["end"]) for _, meta in split.values()] == [(0, 20), (20, 40), (50, 70)]


def test_limits_of_size_and_border(tmp_path: Path) -> None:
    video = annotated(tmp_path, [(2.0, 30.0)] * 30)
    tube = f"{PERSON}#{VIDEO}#00001.txt#000.mp4"
    assert run(video, boxes="annotation", min_face_px=86)[1] == []
    # the annotated face is 86.5 px: with a detector 1.5 times that is thought possible
    utterance = tube.removesuffix("#000.mp4")
    assert run(video, boxes="annotation", min_face_px=89)[1] == [(utterance, "annotated face too small")]
    assert run(video, open_detector("haar"), min_face_px=125)[1] == [(tube, "too small")]
    assert run(video, open_detector("haar"), min_face_px=140)[1] == [(utterance, "annotated face too small")]
    assert run(video, boxes="annotation", min_face_px=210)[1] == [(utterance, "video too small")]
    assert run(video, boxes="annotation", growth=0.7, min_face_px=60)[1] == [(tube, "at the border")]
    clips, rejected = run(video, boxes="annotation", growth=0.7, min_face_px=60, border="shift")
    assert rejected == []
    left, top, right, bottom = clips[tube][1]["crop_box_xyxy_px"]
    assert left == 0
    assert abs((right - left) - (bottom - top)) <= 1


def test_skips_come_before_any_frame_is_decoded(tmp_path: Path) -> None:
    video = annotated(tmp_path, wander(30))
    seen = []
    settings = CropSettings(**{**SMALL, "min_face_px": 195})
    assert not list(
        crop_tubes(video, settings=settings, detector=open_detector("haar"), progress=lambda: seen.append(1))
    )
    assert seen == []


def test_a_video_shorter_than_its_annotation(tmp_path: Path) -> None:
    places = wander(50)
    video = annotated(tmp_path, places, frames=range(10, 60))
    for options in ({"boxes": "annotation"}, {"detector": open_detector("haar")}):
        clips, _ = run(video, **options)
        ((frames, meta),) = clips.values()
        assert (len(frames), meta["start"], meta["end"], meta["num_frames"]) == (40, 10, 50, 40)
    beyond = annotated(tmp_path, places, frames=range(500, 550))
    for options in ({"boxes": "annotation"}, {"detector": open_detector("haar")}):
        assert run(beyond, **options) == ({}, [(f"{PERSON}#{VIDEO}#00001.txt", "video too short")])


def test_damage_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "raw" / f"{VIDEO}.avi", portrait_frames(wander(30)), codec="mjpeg")
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"]
    data[starts[10] : starts[11] - 16] = bytes(starts[11] - 16 - starts[10])
    path.write_bytes(data)
    write_annotation(
        tmp_path / "txt" / PERSON / VIDEO / "00001.txt", range(30), face_boxes(wander(30)), height=240, person=PERSON
    )
    (video,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    clips, _ = run(video, boxes="annotation")
    assert [meta["num_frames"] for _, meta in clips.values()] == [29]
    assert f"{VIDEO}.avi: is damaged or cut off; skipped 1 packet" in caplog.text


def test_bad_inputs_are_told_apart(tmp_path: Path) -> None:
    video = annotated(tmp_path, wander(30))
    name = f"{PERSON}#{VIDEO}#00001.txt"
    annotation, path = video.utterances[0].annotation, video.path
    assert annotation is not None
    assert path is not None
    annotation.write_text("")
    assert run(video, boxes="annotation") == ({}, [(name, "bad annotation")])
    path.write_bytes(b"<html>gone</html>")
    assert run(video, boxes="annotation") == ({}, [(name, "broken video")])
    write_sound(tmp_path / "sound.m4a").rename(path)
    assert run(video, boxes="annotation") == ({}, [(name, "broken video")])
    path.unlink()
    assert run(video, boxes="annotation") == ({}, [(name, "no video")])
    (absent,) = annotated_videos(tmp_path / "raw", tmp_path / "txt")
    assert absent.path is None
    assert run(absent, boxes="annotation") == ({}, [(name, "no video")])


def test_a_detector_is_needed_where_faces_must_be_found(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no detector was given"):
        run(annotated(tmp_path, wander(30)))


def test_decoders_give_the_same_clip(tmp_path: Path) -> None:
    pytest.importorskip("decord")
    video = annotated(tmp_path, wander(40), lossless=False)
    ((one, _),) = run(video, boxes="annotation")[0].values()
    ((other, _),) = run(video, boxes="annotation", decoder="decord")[0].values()
    assert np.abs(one.astype(int) - other).max() <= 4


def write_metadata(tmp_path: Path, *rows: Sequence[object]) -> Path:
    path = tmp_path / "vox-metadata.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video_id", "start", "end", "bbox", "fps", "width", "height", "partition", "person_id"])
        writer.writerows(rows)
    return path


def test_metadata_gives_square_crops_of_the_named_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{VIDEO}.mkv", portrait_frames([(20.0, 30.0)] * 90), lossless=True)
    # a reference picture twice as large; 120 x 160, so 60 x 80 here, and its square is 80 x 80
    path = write_metadata(tmp_path, [VIDEO, 10, 80, "100-120-220-280", 25, 640, 480, "train", PERSON])
    (video,), _ = metadata_videos(tmp_path / "raw", path)
    settings: dict[str, Any] = {"growth": 0.0, "border": "shift", "min_face_px": 256}
    clips, rejected = run(video, **settings)
    assert rejected == []
    ((name, (frames, meta)),) = clips.items()
    assert name == f"{PERSON}#{VIDEO}#000010-000080.txt#000.mp4"
    assert len(frames) == 70
    assert meta["crop_box_xyxy_px"] == [40, 60, 120, 140]
    assert meta["boxes_from"] == "metadata"
    (plain,) = portrait_frames([(20.0, 30.0)])
    wanted = cv2.resize(plain[60:140, 40:120].astype(np.float32), (96, 96), interpolation=cv2.INTER_LINEAR)
    assert np.abs(frames[0] - wanted).mean() < 3


def test_metadata_boxes_beyond_the_picture_are_shifted_and_never_squashed(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{VIDEO}.mkv", portrait_frames([(70.0, 30.0)] * 40))
    row = [VIDEO, 0, 40, "100-100-280-300", 25, 320, 240, "train", PERSON]
    (video,), table = metadata_videos(tmp_path / "raw", write_metadata(tmp_path, row))
    assert table.num_beyond_frame == 1
    ((_, meta),) = run(video, growth=0.0, border="shift")[0].values()
    assert meta["crop_box_xyxy_px"] == [90, 40, 290, 240]


def test_metadata_beyond_the_end(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / f"{VIDEO}.mkv", portrait_frames([(70.0, 30.0)] * 40))
    rows = [[VIDEO, start, start + 70, "100-100-280-200", 25, 320, 240, "train", PERSON] for start in (0, 30, 200)]
    (video,), _ = metadata_videos(tmp_path / "raw", write_metadata(tmp_path, *rows))
    clips, rejected = run(video, growth=0.0, border="shift")
    assert [meta["num_frames"] for _, meta in clips.values()] == [40]
    assert [code for _, code in rejected] == ["too short", "video too short"]


# --- videos that nobody annotated ----------------------------------------------------------------------------------

FREE: dict[str, Any] = {"border": "shift", "scene_cuts": True, "max_gap_frames": 5}


def test_free_videos_are_cut_at_scenes(tmp_path: Path) -> None:
    first = portrait_frames([(20.0, 30.0)] * 30)
    second = (255 - frame[:, ::-1] // 2 for frame in portrait_frames([(70.0, 30.0)] * 8))
    third = portrait_frames([(25.0, 30.0)] * 30)
    write_video(tmp_path / "ann#talk.mp4", [*first, *second, *third])
    (video,) = free_videos(tmp_path)
    clips, rejected = run(video, open_detector("haar"), **FREE)
    starts = [(meta["start"], meta["end"]) for _, meta in clips.values()]
    assert starts == [(0, 30), (38, 68)]
    assert next(iter(clips)) == "ann#talk#00000.txt#000.mp4"
    assert all(code in ("too short", "no face") for _, code in rejected)


def test_smooth_boxes_follow_the_face(tmp_path: Path) -> None:
    count = 100
    places = [(5 + 130 * i / count, 40.0) for i in range(count)]
    write_video(tmp_path / "ann.mp4", portrait_frames(places))
    (video,) = free_videos(tmp_path / "ann.mp4")
    ((_, fixed),) = run(video, open_detector("haar"), **FREE, min_iou_with_first=0.0)[0].values()
    ((frames, meta),) = run(video, open_detector("haar"), **FREE, min_iou_with_first=0.0, smooth_box=True)[0].values()
    boxes = np.array(meta["crop_boxes_xyxy_px"])
    assert boxes.shape == (count, 4)
    middles = (boxes[:, 0] + boxes[:, 2]) / 2
    faces = face_boxes(places)
    wanted = (faces[:, 0] + faces[:, 2]) / 2
    assert np.abs(middles - wanted)[15:-15].max() < 8
    assert np.abs(np.diff(middles, n=2)).max() < 0.2  # no shake
    width = fixed["crop_box_xyxy_px"][2] - fixed["crop_box_xyxy_px"][0]
    assert np.diff(boxes[:, [0, 2]]).max() < 0.6 * width
    assert boxes[:, :2].min() >= 0
    assert boxes[:, 2].max() <= 320
    assert boxes[:, 3].max() <= 240
    detector = open_detector("haar")
    centres = []
    for found in detector.detect(frames[20:80:10]):
        left, top, right, bottom = found[0].box_xyxy_px
        centres.append(((left + right) / 2, (top + bottom) / 2))
    assert np.abs(np.array(centres) - 48).max() < 8


def test_following_near_the_last_box_searches_little_and_finds_what_a_full_search_finds(tmp_path: Path) -> None:
    class Counting(HaarDetector):
        full = 0

        def detect(self, frames: Any, **options: Any) -> list[list[Detection]]:
            self.full += len(frames)
            return super().detect(frames, **options)

    class Everywhere(Counting):
        looks_near = False

    there, back = [(20 + i, 30.0) for i in range(40)], [(75.0, 40.0)] * 30
    lost = [np.full((240, 320, 3), 90, np.uint8)] * 3
    write_video(tmp_path / "ann.mp4", [*portrait_frames(there), *lost, *portrait_frames(back)])
    settings = CropSettings(**SMALL, border="shift", max_gap_frames=5)
    near, everywhere = Counting(), Everywhere()
    with open_decoder(tmp_path / "ann.mp4") as decoder:
        (a,), (again,), (b,) = (free_tracks(decoder, settings, detector) for detector in (near, Counting(), everywhere))
    assert everywhere.full == 73
    assert 2 <= near.full < 10  # the first frame, the lost ones, the first one back
    assert np.array_equal(a.boxes, again.boxes)
    assert a.boxes.shape == b.boxes.shape == (73, 4)
    found = a.boxes.any(1)
    assert np.array_equal(found, b.boxes.any(1))
    assert iou(a.boxes[found], b.boxes[found]).min() > 0.8


def test_a_video_turned_on_its_side_is_set_upright(tmp_path: Path) -> None:
    from tests.support.videos import with_matrix

    frames = [np.ascontiguousarray(np.rot90(frame)) for frame in portrait_frames([(70.0, 30.0)] * 30)]
    path = write_video(tmp_path / "in" / "phone.mp4", frames)
    (tmp_path / "out").mkdir()
    with_matrix(path, tmp_path / "out" / "phone.mp4", 0, 1, -1, 0)
    (video,) = free_videos(tmp_path / "out")
    ((_, meta),) = run(video, open_detector("haar"), **FREE)[0].values()
    assert meta["video"]["width_px"] == 320
    assert iou(meta["face_box_xyxy_px"], face_boxes([(70.0, 30.0)])[0]) > 0.7


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("talk.mp4", ("talk", "talk", "00000")),
        ("id10001/-abc.mp4", ("id10001", "-abc", "00000")),
        ("mp4/id00012/21Uxsk56VDQ/00001.mp4", ("id00012", "21Uxsk56VDQ", "00001")),
        ("ann#talk.MOV", ("ann", "talk", "00000")),
        ("id1#v#000100#000200.mp4", ("id1", "v", "000100-000200")),
        ("id1#v#00004.txt#000.mp4", ("id1", "v", "00004-000")),
    ],
)
def test_who_it_is_from_the_name(tmp_path: Path, name: str, wanted: tuple[str, str, str]) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden.mp4").touch()
    (video,) = free_videos(tmp_path)
    assert (video.person_id, video.video_id, video.utterances[0].name) == wanted
    assert video.path == path


def test_who_it_is_from_a_table(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "sub/c.mkv"):
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    table = tmp_path / "who.csv"
    table.write_text("file,person_id,video_id\na.mp4,ann,first\nsub/c.mkv, bob ,\nd.mp4,eve,x\n")
    videos = free_videos(tmp_path / "raw", table)
    found = sorted((v.person_id, v.video_id, v.path and v.path.name) for v in videos)
    assert found == [("ann", "first", "a.mp4"), ("b", "b", "b.mp4"), ("bob", "c", "c.mkv"), ("eve", "x", None)]
    table.write_text("name,who\na.mp4,ann\n")
    with pytest.raises(CorruptSourceError, match=r"who\.csv: the identities lack the column file and person_id"):
        free_videos(tmp_path / "raw", table)
    table.write_text("file,person_id\na.mp4,ann#x\nb.mp4,\n")
    with pytest.raises(CorruptSourceError, match="line 3: it names no file or no person"):
        free_videos(tmp_path / "raw", table)


def test_nothing_to_crop(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="holds no video"):
        free_videos(tmp_path)
    with pytest.raises(SourceUnavailableError, match="no such folder or video"):
        free_videos(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size_px": 0}, "size_px is 0"),
        ({"max_frames": 10}, r"max_frames \(10\) is less than min_frames"),
        ({"border": "pad"}, "border is 'pad'; the known values are reject and shift"),
        ({"boxes": "x"}, "boxes is 'x'"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CropSettings(**changes)
