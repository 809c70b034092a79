"""LatentSync: a folder of MP4 files of aligned faces, with their sound."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.modalities import AUDIO, LANDMARKS, VIDEO
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.trainer import Trainer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LATENTSYNC", "Aligner"]

_SIZE_PX = 256
_BROWS, _NOSE = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336)), (195, 48, 278, 4)
"""Points whose means LatentSync aligns by: upper edges of the brows; ridge, wings and tip of the nose. They stand for
those of InsightFace's 106 that it takes (image_processor.py)."""

_TEMPLATE = np.array([(17.0, 20.0), (58.0, 20.0), (37.5, 40.0)]) * 2.8
_FACE_WIDTH, _FACE_HEIGHT = 210, 280
_TEMPLATE_SIZE_PX = 256
"""Where the three lie in a face of 210x280 px, at a size of 256 px (affine_transform.py, ``AlignRestore``)."""

_GREY = (127, 127, 127)
_OLD_SHARE = 0.2


class Aligner:
    """Turns, scales and moves each face of a clip to the same place, as LatentSync's ``AlignRestore`` does.

    Args:
        size: Side of the aligned pictures, in px.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        ratio = size / _TEMPLATE_SIZE_PX
        self._template = _TEMPLATE * ratio
        self._face = int(_FACE_WIDTH * ratio), int(_FACE_HEIGHT * ratio)
        self._bias: NDArray[np.float64] | None = None

    def matrix(self, points: "NDArray[np.floating[Any]]") -> "NDArray[np.float64]":
        """Return float64 [2, 3]: px of the frame to px of the face. Call it for the frames of a clip in order.

        The similarity that lays the three points on the template in the least squares' sense, by singular values; what
        remains at the nose is added with a fifth of what it was in the frame before.

        Args:
            points: float [478, 2], px.
        """
        three = np.rint([points[list(brow)].mean(0) for brow in _BROWS] + [points[list(_NOSE)].mean(0)])
        source, target = three - three.mean(0), self._template - self._template.mean(0)
        # of all six numbers, as torch.std
        source_scale, target_scale = source.std(ddof=1), target.std(ddof=1)
        source, target = source / source_scale, target / target_scale
        left, _, right = np.linalg.svd(source.T @ target)
        rotation = right.T @ left.T
        if np.linalg.det(rotation) < 0:
            right[-1] *= -1
            rotation = right.T @ left.T
        turned = target_scale / source_scale * rotation
        shift = self._template.mean(0) - turned @ three.mean(0)
        bias = target[2] - source[2]
        if self._bias is not None:
            bias = self._bias * _OLD_SHARE + bias * (1 - _OLD_SHARE)
        self._bias = bias
        return np.concatenate([turned, (shift + bias)[:, None]], axis=1)

    def aligned(self, picture: "NDArray[np.uint8]", points: "NDArray[np.floating[Any]]") -> "NDArray[np.uint8]":
        """Align a picture: uint8 [size, size, 3], RGB, grey where the frame ends."""
        import cv2

        face = cv2.warpAffine(
            picture, self.matrix(points), self._face, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
            borderValue=_GREY,
        )  # fmt: skip
        return np.asarray(cv2.resize(face, (self.size, self.size), interpolation=cv2.INTER_LANCZOS4), np.uint8)


class LatentSync(Trainer):
    """``<split>/<clip>.mp4``, 256 px, aligned, 25 frames a second, with sound."""

    name = "latentsync"
    source = "bytedance/LatentSync a229c39: latentsync/data/unet_dataset.py, syncnet_dataset.py"
    needs = (VIDEO, AUDIO, LANDMARKS)
    fewest_frames = 3 * 16
    """``len(vr) < 3 * num_frames`` is passed over, at the 16 frames of all configurations in configs/unet."""

    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        aligner, points = Aligner(settings.size or _SIZE_PX), clip.points
        data = clip.mp4(crf=settings.crf, change=lambda number, picture: aligner.aligned(picture, points[number]))
        return {f"{clip.split}/{clip.name}.mp4": data}

    def next_steps(self, out: str) -> str:
        return f'in configs/unet/*.yaml: train_data_dir: {out}/train, and train_fileslist: "" (empty)'


LATENTSYNC = LatentSync()
