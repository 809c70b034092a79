"""MuseTalk: MP4 and WAV files, and a JSON file of boxes and 68 points for each."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.modalities import AUDIO, LANDMARKS, VIDEO
from mmvoxceleb.schema.face_points import CONTOURS, POINTS_68
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.sounds import encode_wav
from mmvoxceleb.trainers.trainer import ExportedClip, Trainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MUSETALK"]

_ROOT = "./dataset/HDTF"
"""Where MuseTalk's own preparation puts a dataset, and its loader looks for it (dataset.py, ``HDTFDataset``)."""

_CLIPS, _META = "video_audio_clip_root", "meta"
_OUTLINE = list(CONTOURS[0])
_LISTS = {"train": "train.txt", "test": "val.txt"}


class MuseTalk(Trainer):
    """``video_audio_clip_root/<clip>.mp4`` and ``.wav``, ``meta/<clip>.json``, ``train.txt`` and ``val.txt``."""

    name = "musetalk"
    source = "TMElyralab/MuseTalk 0a89dec: musetalk/data/dataset.py"
    needs = (VIDEO, AUDIO, LANDMARKS)
    fewest_frames = 10
    """``len_valid_clip < T * 10`` is passed over; T is 1 in the first stage. In the second, with 16, it
    passes over clips of fewer than 160 frames."""

    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        root, points = settings.root or _ROOT, clip.points_at(settings.size)
        outline = points[:, _OUTLINE]
        boxes = np.concatenate([np.floor(outline.min(axis=1)), np.ceil(outline.max(axis=1))], axis=1)
        height, width = clip.size_at(settings.size)
        boxes = np.clip(boxes, 0, [width, height, width, height]).astype(int)
        x1, y1, x2, y2 = boxes[0].tolist()
        meta = {
            "mp4_path": f"{root}/{_CLIPS}/{clip.name}.mp4",
            "wav_path": f"{root}/{_CLIPS}/{clip.name}.wav",
            "video_size": [height, width],
            "face_size": [y2 - y1, x2 - x1],
            "frames": clip.num_frames,
            "face_list": boxes.tolist(),
            "landmark_list": _pixels(points[:, list(POINTS_68)]),
            "isvalid": True,
        }
        return {
            f"{_CLIPS}/{clip.name}.mp4": clip.mp4(crf=settings.crf, change=clip.resizer(settings.size)),
            f"{_CLIPS}/{clip.name}.wav": encode_wav(clip.samples()),
            f"{_META}/{clip.name}.json": json.dumps(meta).encode(),
        }

    def lists(self, clips: Sequence[ExportedClip], settings: TrainerSettings, root: str) -> dict[str, bytes]:
        """List the JSON files. The loader passes over the first line, so that a heading stands there."""
        return {
            path: "\n".join(["file", *(f"{clip.name}.json" for clip in clips if clip.split == split), ""]).encode()
            for split, path in _LISTS.items()
        }

    def next_steps(self, out: str) -> str:
        return f"in a clone of MuseTalk: ln -s {out} dataset/HDTF, and dataset_key: HDTF in configs/training/*.yaml"


def _pixels(points: "NDArray[np.float32]") -> list[list[list[int]]]:
    """Whole px, as the original's ``astype(int32)``."""
    whole: list[list[list[int]]] = points.astype(np.int32).tolist()
    return whole


MUSETALK = MuseTalk()
