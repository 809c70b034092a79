"""Masks of real faces from models with permissive licences: landmarks, a person's outline and the clip's colours."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.processing.devices import check_frames, device_kind, resolve_device
from mmvoxceleb.processing.landmarks import FaceLandmarker, Landmarker, OneEuro
from mmvoxceleb.processing.landmarks.smoothing import kept_near
from mmvoxceleb.processing.masks.brows import brows_of
from mmvoxceleb.processing.masks.face_regions import OVAL, outline, painted
from mmvoxceleb.processing.masks.head_geometry import PARTS
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, Parser
from mmvoxceleb.processing.masks.person_outline import PersonOutline, SelfieSegmenter
from mmvoxceleb.processing.masks.person_parts import SeenPerson, learnt, parts_of, seen
from mmvoxceleb.schema import CLASSES, NO_MASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MODEL", "OpenParser", "resolve_islands"]

MODEL = "landmarks-outline-colours"
"""Its name in the provenance."""

_VERSION = 2
"""Goes up when the same frames give another mask by other rules or numbers, so that old masks are not taken for new."""

_LEARNT_FROM = 16
"""Frames of a clip, evenly spread, that teach its colours."""

_LARGEST_SHIFT = 0.01
"""In face sizes: so far the filter may move a point. Without this limit, it moves 99 of 100 points by less than 0.015
in four real videos of calm heads, and one of ten by more than 0.02 in one of a head that turns quickly."""

_SMALLEST_PX = 12
"""A face that is narrower or lower, in px of the frame, cannot be parsed and is taken for none."""

_IDS = np.array([CLASSES.index("background")] + [CLASSES.index(part) for part in PARTS[:-1]], np.uint8)


class OpenParser(Parser):
    """Parse real faces without weights for research only. MediaPipe's two model files have the licence Apache-2.0.

    The 478 landmarks give the brows, eyes, nose, lips and mouth, and the outline of the face below the forehead. A
    segmentation model gives the outline of the person. Forehead, hair, neck, clothes and ears are distinguished by
    where they can be and by their colours, which are learnt from the clip. Glasses, earrings, necklaces and hats are
    never found.

    Call the object with the frames of one clip, or one picture: uint8 [N, H, W, 3], RGB, of any size. It returns masks,
    uint8 [N, 512, 512], whose values are class ids; a frame without a face gives a mask in which all pixels are
    :data:`mmvoxceleb.schema.NO_MASK` (255). It always computes on the CPU, on one thread.

    Args:
        landmarker: Finds the landmarks if the call does not pass any. The default is MediaPipe's face landmarker.
        outline: Finds the outline of the person. The default is MediaPipe's selfie segmenter.
        smooth: Filter that steadies the landmarks. None leaves them unchanged.
    """

    follows_clips = True
    backend = "litert"

    def __init__(
        self,
        landmarker: Landmarker | None = None,
        outline: PersonOutline | None = None,
        *,
        smooth: OneEuro | None = OneEuro(),  # noqa: B008  frozen
    ) -> None:
        self.landmarker = FaceLandmarker(looks_twice=True) if landmarker is None else landmarker
        self.outline = SelfieSegmenter() if outline is None else outline
        self.smooth = smooth
        self.device = resolve_device("cpu")
        self.precision = "fp32"

    def identity(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "version": _VERSION,
            "landmarker": self.landmarker.settings(),
            "outline": self.outline.settings(),
            "learnt_from": _LEARNT_FROM,
            "steadied": vars(self.smooth) if self.smooth else None,
        }

    def computation(self) -> dict[str, Any]:
        import cv2

        libraries = {"opencv": cv2.__version__, "ai-edge-litert": version("ai-edge-litert")}
        return {"device": device_kind(self.device), "libraries": libraries}

    def setup(self) -> None:
        self.landmarker.setup()
        self.outline.setup()

    def teardown(self) -> None:
        self.landmarker.teardown()
        self.outline.teardown()

    def __call__(
        self,
        frames: "NDArray[np.uint8]",
        *,
        landmarks: FaceLandmarks | None = None,
        indices: "NDArray[np.int64] | None" = None,
    ) -> "NDArray[np.uint8]":
        frames = check_frames(frames)
        indices = np.arange(len(frames)) if indices is None else np.asarray(indices, np.int64)
        ids = np.full((len(frames), MASK_SIZE_PX, MASK_SIZE_PX), NO_MASK, np.uint8)
        points = self._points(frames, landmarks, indices)
        there = np.flatnonzero(np.ptp(points[..., :2], axis=1).min(axis=1) >= _SMALLEST_PX)
        if not len(there):
            return ids
        teaching = there[np.unique(np.linspace(0, len(there) - 1, _LEARNT_FROM).round().astype(int))]
        looked_at = {place: self._seen(frames[place], points[place]) for place in teaching.tolist()}
        colours = learnt(list(looked_at.values()))
        for place in there.tolist():
            person = looked_at.get(place) or self._seen(frames[place], points[place])
            scale = (MASK_SIZE_PX / frames.shape[2], MASK_SIZE_PX / frames.shape[1])
            ids[place] = _classes(frames[place], points[place, :, :2] * scale, parts_of(person, colours))
        return ids

    def _points(
        self, frames: "NDArray[np.uint8]", landmarks: FaceLandmarks | None, indices: "NDArray[np.int64]"
    ) -> "NDArray[np.float64]":
        """Take the points of the frames from ``landmarks``, or find them: float64 [N, 478, 3], NaN without a face."""
        if landmarks is None or not np.isin(indices, landmarks.indices).all():
            found = self.landmarker.find(frames)
            return self._steadied(found, indices)
        found = landmarks.points.astype(np.float64)
        steady = self._steadied(found, landmarks.indices.astype(np.int64))
        return np.asarray(steady[np.searchsorted(landmarks.indices, indices)])

    def _steadied(self, points: "NDArray[np.float64]", indices: "NDArray[np.int64]") -> "NDArray[np.float64]":
        if self.smooth is None:
            return points
        return kept_near(self.smooth(points, indices), points, share=_LARGEST_SHIFT)

    def _seen(self, frame: "NDArray[np.uint8]", points: "NDArray[np.float64]") -> SeenPerson:
        return seen(frame, points, self.outline(frame), self.landmarker.others(frame, points))


def _classes(
    frame: "NDArray[np.uint8]",
    points: "NDArray[np.float64]",
    parts: "NDArray[np.float32]",
) -> "NDArray[np.uint8]":
    """Decide the class of each pixel: uint8 [512, 512].

    Args:
        frame: uint8 [H, W, 3].
        points: float64 [478, 2] in px of the mask.
        parts: float32 [1 + len(PARTS), S, S]; what is not of this head counts as background.
    """
    import cv2

    shares = np.concatenate([parts[:1] + parts[-1:], parts[1:-1]])
    enlarged = cv2.resize(np.moveaxis(shares, 0, -1), (MASK_SIZE_PX, MASK_SIZE_PX), interpolation=cv2.INTER_LINEAR)
    ids = _IDS[enlarged.argmax(axis=-1)]
    brows = brows_of(frame, points)
    resolve_islands(ids, outline(points, OVAL, MASK_SIZE_PX), brows)
    for name, region in {**brows, **painted(points, MASK_SIZE_PX)}.items():
        ids[region > 0] = CLASSES.index(name)
    return np.asarray(ids, np.uint8)


def resolve_islands(ids: "NDArray[np.uint8]", oval: "NDArray[np.uint8]", brows: "dict[str, NDArray[np.uint8]]") -> None:
    """Turn hair in a face that hangs together with none around it into brow, where it touches one, or skin.

    Args:
        ids: uint8 [512, 512], class ids; changed.
        oval: uint8 [512, 512], not 0 in the face.
        brows: From :func:`brows_of`.
    """
    import cv2

    hair = (ids == CLASSES.index("hair")).astype(np.uint8)
    count, pieces = cv2.connectedComponents(hair, connectivity=8)
    is_outside = np.zeros(count, bool)
    is_outside[np.unique(pieces[oval == 0])] = True
    is_outside[0] = True
    if is_outside.all():
        return
    of_brow = np.full(count, CLASSES.index("skin"), np.uint8)
    for name, region in brows.items():
        near = cv2.dilate(region, np.ones((5, 5), np.uint8))
        of_brow[np.unique(pieces[near > 0])] = CLASSES.index(name)
    inside = ~is_outside[pieces]
    ids[inside] = of_brow[pieces[inside]]
