"""A folder of small raw videos with VoxCeleb annotations, and the pipeline that the tests of the engines run on it."""

from pathlib import Path

from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import annotated_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.pipeline import Pipeline
from tests.support.stages import Grey, Label, Text
from tests.support.talking import add_sound
from tests.support.videos import face_boxes, portrait_frames, write_annotation, write_video

CROP = CropStage(CropSettings(size_px=64, min_frames=10, min_face_px=60, boxes="annotation"))
FRAMES = {"00001": range(0, 25), "00002": range(30, 48)}
CLIPS_A_VIDEO = len(FRAMES)


def make_raw_videos(root: Path, count: int, *, with_sound: bool = False) -> Path:
    """Write ``count`` videos with two utterances each, 24 and 17 frames long once they are clips."""
    for number in range(count):
        video_id = f"{number:02d}aaaaaaaaa"
        places = [(20.0 + 5 * (number % 9) + i % 7, 25.0) for i in range(50)]
        path = write_video(root / "raw" / f"{video_id}.mp4", portrait_frames(places))
        if with_sound:
            add_sound(path)
        for utterance, frames in FRAMES.items():
            person_id = f"id1000{number % 3}"
            path = root / "txt" / person_id / video_id / f"{utterance}.txt"
            boxes = face_boxes(places)[frames.start : frames.stop]
            write_annotation(path, frames, boxes, height=240, person=person_id, video=video_id)
    return root


def videos_of(root: Path) -> list[SourceVideo]:
    return annotated_videos(root / "raw", root / "txt")


def small_pipeline() -> Pipeline:
    """Crop, a drawing, a label and a text: every kind of stage, with next to nothing to compute."""
    return Pipeline([CROP, Grey(), Label(), Text()])
