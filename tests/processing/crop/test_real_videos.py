"""Runs where the real videos lie beside the repository; skipped elsewhere."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.processing.crop import crop_tubes
from mmvoxceleb.processing.crop.boxes import iou
from mmvoxceleb.processing.crop.resize import shrink_to_height
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.decoders import open_decoder
from mmvoxceleb.processing.detectors import open_detector

RAW = Path(os.environ.get("MMVOXCELEB_SHARED", Path(__file__).resolve().parents[4] / "shared")) / "data" / "raw"
pytestmark = pytest.mark.skipif(not RAW.is_dir(), reason="the real videos are not here")

FITTED = {
    ("s18", 0): (648, 125, 882, 400),
    ("s18", 100): (620, 125, 850, 400),
    ("s18", 220): (590, 125, 825, 398),
    ("s20", 0): (98, 165, 300, 375),
    ("s20", 110): (115, 200, 272, 358),
    ("s20", 240): (122, 200, 260, 342),
    ("d12", 20): (122, 140, 345, 422),
    ("d19", 100): (115, 140, 388, 415),
    ("d20", 40): (138, 145, 345, 387),
    ("d20", 150): (115, 60, 318, 293),
}
CHECKED = {
    ("s18", 50): (635, 138, 864, 404),
    ("s18", 160): (587, 138, 812, 402),
    ("s20", 60): (122, 212, 290, 392),
    ("s20", 175): (132, 216, 260, 363),
    ("d12", 70): (221, 155, 419, 415),
    ("d12", 120): (139, 128, 350, 420),
    ("d12", 160): (95, 180, 297, 438),
    ("d19", 30): (124, 144, 376, 416),
    ("d19", 65): (124, 144, 376, 416),
    ("d19", 180): (122, 145, 374, 412),
    ("d20", 5): (143, 180, 333, 396),
    ("d20", 95): (133, 106, 318, 334),
}
MARKED = {**FITTED, **CHECKED}
"""Faces marked by eye on frames with a grid, before any detector was run on them: left, top, right, bottom in pixels
of the video, from cheek (or ear) to cheek and from the middle of the forehead to the chin; frames at 25 a second. The
face box of Haar was fitted to the first ten; the others only check it."""


def look(name: str, frame: int) -> tuple[Any, tuple[float, float]]:
    """Return the frame at the height at which faces are looked for, and what makes its boxes those of the video."""
    with open_decoder(RAW / f"{name}.mp4") as decoder:
        (picture,) = decoder.frames(frame, frame + 1)
    small = shrink_to_height(picture, 360)
    return small, (picture.shape[1] / small.shape[1], picture.shape[0] / small.shape[0])


@pytest.mark.parametrize(("name", "frame"), MARKED)
def test_the_detected_face_is_the_marked_one(name: str, frame: int) -> None:
    small, factors = look(name, frame)
    (face, *_) = open_detector("haar").detect([small])[0]
    assert float(iou(face.scaled(*factors).box_xyxy_px, MARKED[name, frame])) >= 0.7


@pytest.mark.parametrize(("name", "frame"), MARKED)
def test_a_face_looked_for_near_its_last_box_is_the_marked_one(name: str, frame: int) -> None:
    small, factors = look(name, frame)
    left, top, right, bottom = np.array(MARKED[name, frame]) / (factors * 2)
    shift = 0.1 * (bottom - top)
    (face, *_) = open_detector("haar").detect_near(small, (left + shift, top - shift, right + shift, bottom - shift))
    assert float(iou(face.scaled(*factors).box_xyxy_px, MARKED[name, frame])) >= 0.7


def test_a_clip_holds_the_whole_face_steadily() -> None:
    (video,) = free_videos(RAW / "s18.mp4")
    settings = CropSettings.for_free_videos(smooth_box=True, detection_height_px=180)
    clips = crop_tubes(video, settings=settings, detector=open_detector("haar"))
    clip = next(clips)
    frames = [frame for _, frame in zip(range(30), clip.frames, strict=False)]
    assert {frame.shape for frame in frames} == {(256, 256, 3)}
    boxes = np.array(clip.meta["crop_boxes_xyxy_px"])
    assert len(boxes) == 235
    assert np.abs(np.diff(boxes, axis=0)).max() < 3  # pixels of 1280x720 a frame
    for (name, frame), (left, top, right, bottom) in MARKED.items():
        if name == "s18":
            box = boxes[frame]
            assert (box[0] < left, box[1] < top, box[2] > right, box[3] > bottom) == (True,) * 4
            middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
            assert np.abs(middle - [(left + right) / 2, (top + bottom) / 2]).max() < 0.1 * (box[2] - box[0])


YUNET = RAW.parents[1] / "weights" / "face_detection_yunet_2023mar.onnx"


@pytest.mark.skipif(not YUNET.is_file(), reason="the published YuNet is not here")
@pytest.mark.parametrize(("name", "frame"), MARKED)
def test_yunet_finds_the_marked_face_and_its_landmarks(name: str, frame: int) -> None:
    small, factors = look(name, frame)
    (face,) = open_detector("yunet", weights=YUNET).detect([small])[0]
    face = face.scaled(*factors)
    assert float(iou(face.box_xyxy_px, MARKED[name, frame])) >= 0.7
    # as shares of the marked box; the points were looked at on all these frames
    left, top, right, bottom = MARKED[name, frame]
    assert face.landmarks_px is not None
    points = (face.landmarks_px - (left, top)) / (right - left, bottom - top)
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert 0.1 < left_eye[0] < 0.5 < right_eye[0] < 1
    assert 0.2 < min(left_eye[1], right_eye[1]) <= max(left_eye[1], right_eye[1]) < 0.6 < left_mouth[1] < 0.95
    assert abs(left_mouth[1] - right_mouth[1]) < 0.2
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert left_mouth[0] < right_mouth[0]


@pytest.mark.skipif(not YUNET.is_file(), reason="the published YuNet is not here")
@pytest.mark.parametrize(("name", "frames"), [("d12", 159), ("d19", 209), ("d20", 142), ("s18", 235)])
def test_yunet_follows_the_face_without_losing_it(name: str, frames: int) -> None:
    (video,) = free_videos(RAW / f"{name}.mp4")
    clips = [
        (sum(1 for _ in clip.frames), clip.meta["quality"]["detected_share"])
        for clip in crop_tubes(video, detector=open_detector("yunet", weights=YUNET))
    ]
    assert clips == [(frames, 1.0)]
