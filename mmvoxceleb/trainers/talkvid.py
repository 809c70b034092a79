"""TalkVid's trainer (V-Express): videos, their sound, and a file of boxes and points for each."""

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.modalities import AUDIO, LANDMARKS, VIDEO
from mmvoxceleb.schema.face_points import CONTOURS, LIPS_20, five_of_478
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.sounds import encode_m4a
from mmvoxceleb.trainers.trainer import ExportedClip, Trainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TALKVID"]

_SIZE_PX = 512
_VIDEOS, _CROPPED, _SOUNDS, _FACES, _EMBEDDINGS = (
    "videos", "videos-crop", "audios", "new_face_info", "short_clip_aud_embeds",
)  # fmt: skip
_OUTLINE = list(CONTOURS[0])
_NUM_POINTS, _LIPS = 106, slice(52, 72)
"""The loader takes the lips out of InsightFace's 106 points (talking_face_video.py, ``get_lip_mask``)."""


class TalkVid(Trainer):
    """``<split>/videos-crop/<clip>.mp4``, ``audios``, ``new_face_info``, and ``<split>.json``, 24 frames a second.

    Box and points come from our landmarks, instead of InsightFace's: of the 106 points the lips, which the loader
    takes, and NaN for the others. The loader also reads embeddings of the sound (wav2vec 2.0), which TalkVid's own
    ``extract_audio_emb.sh`` makes from ``videos`` and ``audios``.
    """

    name = "talkvid"
    source = "FreedomIntelligence/TalkVid b3e15e6: src/dataset/talking_face_video.py, src/data_preprocess/readme.md"
    needs = (VIDEO, AUDIO, LANDMARKS)
    frames_per_second = 24
    fewest_frames = 20 + 30
    """``num_frames`` of the second stage, and after them a reference ``reference_margin`` away (src/configs). The third
    stage, with 8 frames, would take 38."""

    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        size = settings.size or _SIZE_PX
        video = clip.mp4(crf=settings.crf, change=clip.resizer(size))
        return {
            f"{clip.split}/{_CROPPED}/{clip.name}.mp4": video,
            f"{clip.split}/{_SOUNDS}/{clip.name}.m4a": encode_m4a(clip.sound),
            f"{clip.split}/{_FACES}/{clip.name}.pt": _face_info(clip.points_at(size)),
        }

    def lists(self, clips: Sequence[ExportedClip], settings: TrainerSettings, root: str) -> dict[str, bytes]:
        """List the files of each clip, with the embeddings that TalkVid's script is going to make."""
        return {
            f"{split}.json": json.dumps(
                [
                    {
                        key: f"{settings.root or root}/{split}/{folder}/{clip.name}.{suffix}"
                        for key, folder, suffix in (
                            ("video", _CROPPED, "mp4"), ("face_info", _FACES, "pt"), ("audio_embeds", _EMBEDDINGS, "pt")
                        )
                    }
                    for clip in clips
                    if clip.split == split
                ],
                indent=1,
            ).encode()
            for split in dict.fromkeys(clip.split for clip in clips)
        }  # fmt: skip

    def next_steps(self, out: str) -> str:
        return (
            f"in a clone of TalkVid: make {_EMBEDDINGS} with extract_audio_emb.sh (INPUT_DIR={out}/train/{_CROPPED}, "
            f"AUDIO_DIR={out}/train/{_SOUNDS}, MODE_AUDIO=true); then meta_paths: {out}/train.json"
        )


def _face_info(points: "NDArray[np.floating[Any]]") -> bytes:
    """Make the file of ``face_info[frame][0]``: tensors, so that it is read with ``weights_only``.

    Args:
        points: [N, 478, 2], px of the exported frames.
    """
    import torch

    five = five_of_478(points)
    outline = points[:, _OUTLINE]
    boxes = np.concatenate([outline.min(axis=1), outline.max(axis=1)], axis=1).astype(np.float32)
    many = np.full((len(points), _NUM_POINTS, 2), np.nan, np.float32)
    many[:, _LIPS] = points[:, list(LIPS_20)]
    frames = [
        [{"bbox": torch.from_numpy(box), "kps": torch.from_numpy(kps), "landmark_2d_106": torch.from_numpy(all_points)}]
        for box, kps, all_points in zip(boxes.copy(), five.copy(), many, strict=True)
    ]
    buffer = io.BytesIO()
    torch.save(frames, buffer)
    return buffer.getvalue()


TALKVID = TalkVid()
