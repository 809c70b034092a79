"""Figures of the face: its size, sharpness and brightness, and whether it is the only one."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.modalities import LANDMARKS
from mmvoxceleb.processing.detectors import YuNetDetector
from mmvoxceleb.processing.labels.stage import spread_evenly
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.material import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceScorer", "OneFaceScorer", "SizeScorer"]

_SIZE_PX = 128
_BLACK, _WHITE = 2, 253
_LOOKED_AT = 16
_SMALLEST_PX = 4.0


class SizeScorer(Scorer):
    """Read the size of the face in the source video from the provenance of the crop."""

    name = "size"
    figures = figures_named("face_px")
    reads_frames = False

    def measure(self, material: Material) -> Mapping[str, Measured]:
        crop = material.meta.get("crop")
        quality = crop.get("quality") if isinstance(crop, Mapping) else None
        found = quality.get("face_px") if isinstance(quality, Mapping) else None
        if isinstance(found, int | float) and not isinstance(found, bool) and np.isfinite(found):
            return {"face_px": float(found)}
        if crop is None:
            return {"face_px": "no provenance of the crop: face_frame_px tells the size in the clip's own frames"}
        return {"face_px": "the provenance of the crop tells no size: nothing looked for the face"}


class FaceScorer(Scorer):
    """Measure the part of the frames inside the landmarks."""

    name = "face"
    figures = figures_named(
        "face_frame_px", "face_sharpness", "face_brightness", "face_black_share", "face_white_share"
    )
    reads = (LANDMARKS.folder(),)

    def measure(self, material: Material) -> Mapping[str, Measured]:
        if material.without_face:
            return {figure.name: material.without_face for figure in self.figures}
        sizes = [float(np.ptp(points, axis=0).max()) for _, points in material.faces]
        found: dict[str, Measured] = {"face_frame_px": float(np.median(sizes))}
        seen = [_look_at(material.grey[place], points) for place, points in material.faces]
        rows = np.array([one for one in seen if one is not None])
        names = [figure.name for figure in self.figures[1:]]
        if not len(rows):
            return found | dict.fromkeys(names, "no face within the frames: its landmarks lie beside them")
        sharpness, brightness = np.median(rows[:, :2], axis=0).tolist()
        black, white = rows[:, 2:].mean(axis=0).tolist()
        return found | dict(zip(names, (sharpness, brightness, black, white), strict=True))


def _look_at(grey: "NDArray[np.uint8]", points: "NDArray[np.float32]") -> tuple[float, float, float, float] | None:
    """Measure sharpness, brightness, black share and white share of a face in a grey frame, uint8 [H, W].

    The points are float32 [478, 2]. The result is None if the face is outside the frame.
    """
    import cv2

    height, width = grey.shape
    low = np.clip(np.floor(points.min(axis=0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(points.max(axis=0)), 0, (width, height)).astype(int)
    if (high - low).min() < _SMALLEST_PX:
        return None
    box = grey[low[1] : high[1], low[0] : high[0]]
    shrinks = min(box.shape) > _SIZE_PX
    resized = cv2.resize(box, (_SIZE_PX, _SIZE_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    sharpness = float(cv2.Laplacian(resized, cv2.CV_64F).var())
    outline = cv2.convexHull((points - low).astype(np.float32)).round().astype(np.int32)
    inside = np.zeros(box.shape, np.uint8)
    cv2.fillConvexPoly(inside, outline, 1)
    pixels = box[inside.astype(bool)]
    if not len(pixels):
        return None
    return sharpness, float(pixels.mean()), float((pixels <= _BLACK).mean()), float((pixels >= _WHITE).mean())


class OneFaceScorer(Scorer):
    """Count the faces in some frames with YuNet."""

    name = "one_face"
    figures = figures_named("one_face_share")
    models = ("yunet",)

    def __init__(self, *, device: str = "auto") -> None:
        super().__init__(device=device)

    @cached_property
    def _detector(self) -> YuNetDetector:
        return YuNetDetector()

    def settings(self) -> dict[str, Any]:
        return {"detector": self._detector.settings(), "frames": _LOOKED_AT}

    def setup(self) -> None:
        self._detector.setup()

    def measure(self, material: Material) -> Mapping[str, Measured]:
        if not len(material.frames):
            return {"one_face_share": "no frames"}
        places = spread_evenly(range(len(material.frames)), _LOOKED_AT)
        found = self._detector.detect([material.frames[place] for place in places])
        return {"one_face_share": float(np.mean([len(faces) == 1 for faces in found]))}
