"""Watch a part of a video and note, frame by frame, where its face is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.processing.crop.annotations import Annotation
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.processing.crop.resize import shrink_to_height
from mmvoxceleb.processing.crop.scenes import CutDetector
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.tubes import NO_FACE, FaceFollower, bridge_gaps, match_annotation
from mmvoxceleb.processing.decoders import FPS, Decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.processing.detectors import Detection, Detector

__all__ = ["Track", "annotated_track", "free_track", "metadata_track"]

BATCH_FRAMES = 16
"""Frames that go to the detector together."""


@dataclass(frozen=True, eq=False)
class Track:
    """Where the face is.

    Args:
        first: Frame number of the first box, 25 a second from the start of the video.
        boxes: float64 [N, 4], left, top, right, bottom in pixels of the video;
            :data:`mmvoxceleb.processing.crop.tubes.NO_FACE` where there is none.
        scores: float64 [N], the detector's; NaN where nothing was detected; None without a detector.
        overlaps: float64 [N], IoU of the chosen face with the annotated box; None without a comparison.
        cuts: Places in ``boxes`` where a new scene begins.
    """

    first: int
    boxes: "NDArray[np.float64]"
    scores: "NDArray[np.float64] | None" = None
    overlaps: "NDArray[np.float64] | None" = None
    cuts: tuple[int, ...] = ()


def annotated_track(
    decoder: Decoder, annotation: Annotation, settings: CropSettings, detector: "Detector | None"
) -> Track:
    """Follow the annotated face: in every frame the detection that overlaps its annotated box best.

    Like the original, it takes the frames from the first annotated one up to and without the last one. Without a
    detector the annotated boxes serve.
    """
    info = decoder.info
    first, stop = int(annotation.frames[0]), int(annotation.frames[-1])
    annotated = annotation.boxes_on_every_frame(info.width_px, info.height_px)[: stop - first]
    if detector is None:
        cuts, count = _cuts(decoder, first, stop, settings) if settings.scene_cuts else ((), len(annotated))
        return Track(first, annotated[: min(count, _frames_left(decoder, first))], cuts=cuts)
    boxes, scores, overlaps, places = [], [], [], []
    for place, (faces, is_cut) in enumerate(_watch(decoder, first, stop, settings, detector)):
        face, overlap = match_annotation(faces, annotated[place])
        boxes.append(NO_FACE if face is None else face.box_xyxy_px)
        scores.append(np.nan if face is None else face.score)
        overlaps.append(overlap)
        if is_cut:
            places.append(place)
    # the original clips detections at 0, and only there
    array = np.maximum(np.array(boxes, np.float64).reshape(-1, 4), 0)
    return Track(first, array, np.array(scores), np.array(overlaps), tuple(places))


def metadata_track(decoder: Decoder, row: MetadataRow, settings: CropSettings) -> Track:
    """Repeat the one box of a row, scaled from its reference picture to the video."""
    info = decoder.info
    first, stop = round(row.start * FPS / row.fps), round(row.end * FPS / row.fps)
    scale = np.array([info.width_px / row.width_px, info.height_px / row.height_px] * 2)
    box = np.floor(np.array(row.box_xyxy_px) * scale)
    cuts, count = _cuts(decoder, first, stop, settings) if settings.scene_cuts else ((), stop - first)
    count = max(0, min(count, _frames_left(decoder, first)))
    return Track(first, np.tile(box, (count, 1)), cuts=cuts)


def free_track(decoder: Decoder, settings: CropSettings, detector: "Detector") -> Track:
    """Follow the largest face through a whole video; see :class:`mmvoxceleb.processing.crop.tubes.FaceFollower`.

    A detector that is quick near a known box searches the whole picture only for the first face, after a cut, and
    where the face is not near its last box.
    """
    follow = _follow_near if detector.looks_near else _follow
    boxes, scores, places = [], [], []
    for place, (face, is_cut) in enumerate(follow(decoder, settings, detector)):
        boxes.append(NO_FACE if face is None else face.box_xyxy_px)
        scores.append(np.nan if face is None else face.score)
        if is_cut:
            places.append(place)
    array = np.array(boxes, np.float64).reshape(-1, 4)
    array = bridge_gaps(array, max_gap_frames=settings.max_gap_frames, cuts=places)
    return Track(0, array, np.array(scores), cuts=tuple(places))


_FOREVER = 10**9


def _follow(
    decoder: Decoder, settings: CropSettings, detector: "Detector"
) -> "Iterator[tuple[Detection | None, bool]]":
    """Yield the followed face of every frame in pixels of the video, and whether a scene begins with it."""
    follower = FaceFollower(max_gap_frames=settings.max_gap_frames)
    for faces, is_cut in _watch(decoder, 0, _FOREVER, settings, detector):
        yield follower.follow(faces, is_cut=is_cut), is_cut


def _follow_near(
    decoder: Decoder, settings: CropSettings, detector: "Detector"
) -> "Iterator[tuple[Detection | None, bool]]":
    """Do the same, looking for the face near its last box first."""
    info = decoder.info
    follower = FaceFollower(max_gap_frames=settings.max_gap_frames)
    cut_detector = CutDetector() if settings.scene_cuts else None
    min_face_px = _min_face_px(decoder, settings)
    last: Detection | None = None
    for frame in decoder.frames(0, _FOREVER):
        small = shrink_to_height(frame, settings.detection_height_px)
        is_cut = cut_detector is not None and cut_detector.is_cut(small)
        faces: list[Detection] = []
        if last is not None and not is_cut:
            faces = detector.detect_near(small, last.box_xyxy_px, min_face_px=min_face_px)
        if not faces:
            (faces,) = detector.detect([small], min_face_px=min_face_px)
        last = follower.follow(faces, is_cut=is_cut)
        yield last and last.scaled(info.width_px / small.shape[1], info.height_px / small.shape[0]), is_cut


def _min_face_px(decoder: Decoder, settings: CropSettings) -> float:
    """A face of less than half the size wanted cannot overlap one of that size enough to be in a tube with it."""
    return 0.5 * settings.min_face_px * settings.detection_height_px / decoder.info.height_px


def _watch(
    decoder: Decoder, first: int, stop: int, settings: CropSettings, detector: "Detector"
) -> "Iterator[tuple[list[Detection], bool]]":
    """Yield the faces of every frame in pixels of the video, and whether a scene begins with it."""
    info = decoder.info
    cut_detector = CutDetector() if settings.scene_cuts else None
    batch: list[NDArray[np.uint8]] = []
    min_face_px = _min_face_px(decoder, settings)

    def flush() -> "Iterator[tuple[list[Detection], bool]]":
        for small, faces in zip(batch, detector.detect(batch, min_face_px=min_face_px), strict=True):
            factors = info.width_px / small.shape[1], info.height_px / small.shape[0]
            is_cut = cut_detector is not None and cut_detector.is_cut(small)
            yield [face.scaled(*factors) for face in faces], is_cut
        batch.clear()

    for frame in decoder.frames(first, stop):
        batch.append(shrink_to_height(frame, settings.detection_height_px))
        if len(batch) == BATCH_FRAMES:
            yield from flush()
    if batch:
        yield from flush()


def _cuts(decoder: Decoder, first: int, stop: int, settings: CropSettings) -> tuple[tuple[int, ...], int]:
    detector = CutDetector()
    places, count = [], 0
    for place, frame in enumerate(decoder.frames(first, stop)):
        count = place + 1
        if detector.is_cut(shrink_to_height(frame, settings.detection_height_px)):
            places.append(place)
    return tuple(places), count


def _frames_left(decoder: Decoder, first: int) -> int:
    """An upper bound, from the header, of the frames from ``first`` to the end of the video."""
    seconds = decoder.info.duration_seconds_from_header
    return _FOREVER if seconds is None else max(0, int(seconds * FPS) + 1 - first)
