"""Watch a part of a video and note, frame by frame, where its face is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmvoxceleb.processing.crop.annotations import Annotation
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.processing.crop.resize import shrink_to_height
from mmvoxceleb.processing.crop.scenes import CutDetector
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.tubes import NO_FACE, FaceFollower, bridge_gaps, match_annotation
from mmvoxceleb.processing.decoders import FPS, Decoder
from mmvoxceleb.processing.decoders.timeline import Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.processing.detectors import Detection, Detector

__all__ = ["Track", "annotated_tracks", "free_tracks", "listed_tracks", "metadata_tracks", "whole_tracks"]

BATCH_FRAMES = 16
"""Frames that go to the detector together."""


@dataclass(frozen=True, eq=False)
class Track:
    """Where the face is in a stretch of a video, or in a part of one.

    Args:
        first: Frame number of the first box, 25 a second from the start of the video.
        boxes: float64 [N, 4], left, top, right, bottom in pixels of the video;
            :data:`mmvoxceleb.processing.crop.tubes.NO_FACE` if there is none.
        width_px: Width of the picture.
        height_px: Height of the picture.
        scores: float64 [N], the detector's; NaN where nothing was detected; None without a detector.
        overlaps: float64 [N], IoU of the chosen face with the annotated box; None without a comparison.
        cuts: Places in ``boxes`` where a new scene begins.
    """

    first: int
    boxes: "NDArray[np.float64]"
    width_px: int
    height_px: int
    scores: "NDArray[np.float64] | None" = None
    overlaps: "NDArray[np.float64] | None" = None
    cuts: tuple[int, ...] = ()


def annotated_tracks(
    decoder: Decoder, annotation: Annotation, settings: CropSettings, detector: "Detector | None"
) -> list[Track]:
    """Follow the annotated face: in every frame the detection that overlaps its annotated box best.

    Like the original, it takes the frames from the first annotated one up to and without the last one. Without a
    detector the annotated boxes serve.
    """
    first, stop = int(annotation.frames[0]), int(annotation.frames[-1])
    if detector is None:

        def boxes_of(part: Stretch) -> "NDArray[np.float64]":
            boxes = annotation.boxes_on_every_frame(part.width_px, part.height_px)
            return boxes[part.start - first : part.stop - first]

        return _known_tracks(decoder, first, stop, boxes_of, settings)
    notes: list[_Notes] = []
    annotated: NDArray[np.float64] | None = None
    for seen in _watch(decoder, first, stop, settings, detector):
        if seen.begins_stretch or annotated is None:
            notes.append(_Notes(seen.number, seen.width_px, seen.height_px))
            annotated = annotation.boxes_on_every_frame(seen.width_px, seen.height_px)
        face, overlap = match_annotation(seen.faces, annotated[seen.number - first])
        notes[-1].add(face, seen.is_cut, overlap)
    # the original clips detections at 0, and only there
    return [note.track(np.maximum(note.array(), 0), with_overlaps=True) for note in notes]


def metadata_tracks(decoder: Decoder, row: MetadataRow, settings: CropSettings) -> list[Track]:
    """Repeat the one box of a row, scaled from its reference picture to the video."""
    first, stop = round(row.start * FPS / row.fps), round(row.end * FPS / row.fps)

    def boxes_of(part: Stretch) -> "NDArray[np.float64]":
        scale = np.array([part.width_px / row.width_px, part.height_px / row.height_px] * 2)
        return np.tile(np.floor(np.array(row.box_xyxy_px) * scale), (part.stop - part.start, 1))

    return _known_tracks(decoder, first, stop, boxes_of, settings)


def listed_tracks(
    decoder: Decoder, clip: ListedClip, settings: CropSettings, detector: "Detector | None"
) -> list[Track]:
    """Repeat the box of a listed clip; follow the largest face through its time where it has none."""
    first = round(clip.start_seconds * FPS)
    stop = _FOREVER if clip.end_seconds is None else round(clip.end_seconds * FPS)
    if clip.box_xyxy is None:
        assert detector is not None
        return free_tracks(decoder, settings, detector, first=first, stop=stop)

    def boxes_of(part: Stretch) -> "NDArray[np.float64]":
        box = np.array(clip.box_px(part.width_px, part.height_px), np.float64)
        return np.tile(box, (part.stop - part.start, 1))

    return _known_tracks(decoder, first, stop, boxes_of, settings)


_FOREVER = 10**9


def free_tracks(
    decoder: Decoder, settings: CropSettings, detector: "Detector", *, first: int = 0, stop: int = _FOREVER
) -> list[Track]:
    """Follow the largest face through a video or a part of it.

    See :class:`mmvoxceleb.processing.crop.tubes.FaceFollower`. A detector that is quick near a known box searches the
    whole picture only for the first face, after a cut, and where the face is not near its last box.
    """
    watch = _watch_near if detector.looks_near else _watch
    notes: list[_Notes] = []
    follower = FaceFollower(max_gap_frames=settings.max_gap_frames)
    for seen in watch(decoder, first, stop, settings, detector):
        if seen.begins_stretch:
            notes.append(_Notes(seen.number, seen.width_px, seen.height_px))
            follower = FaceFollower(max_gap_frames=settings.max_gap_frames)
        if detector.looks_near:  # it was followed already
            face = seen.faces[0] if seen.faces else None
        else:
            face = follower.follow(seen.faces, is_cut=seen.is_cut)
        notes[-1].add(face, seen.is_cut)
    return [
        note.track(bridge_gaps(note.array(), max_gap_frames=settings.max_gap_frames, cuts=note.cuts)) for note in notes
    ]


def whole_tracks(decoder: Decoder, settings: CropSettings) -> list[Track]:
    """Take the square in the middle of the picture, all of it where it is square, through a whole video."""

    def boxes_of(part: Stretch) -> "NDArray[np.float64]":
        side = min(part.width_px, part.height_px)
        left, top = (part.width_px - side) // 2, (part.height_px - side) // 2
        return np.tile(np.array([left, top, left + side, top + side], np.float64), (part.stop - part.start, 1))

    return _known_tracks(decoder, 0, _FOREVER, boxes_of, settings)


class _Notes:
    """What was seen in a stretch, frame by frame."""

    def __init__(self, first: int, width_px: int, height_px: int) -> None:
        self.first = first
        self.size = width_px, height_px
        self.boxes: list[tuple[float, float, float, float]] = []
        self.scores: list[float] = []
        self.overlaps: list[float] = []
        self.cuts: list[int] = []

    def add(self, face: "Detection | None", is_cut: bool, overlap: float = 0.0) -> None:
        if is_cut:
            self.cuts.append(len(self.boxes))
        self.boxes.append(NO_FACE if face is None else face.box_xyxy_px)
        self.scores.append(np.nan if face is None else face.score)
        self.overlaps.append(overlap)

    def array(self) -> "NDArray[np.float64]":
        return np.array(self.boxes, np.float64).reshape(-1, 4)

    def track(self, boxes: "NDArray[np.float64]", *, with_overlaps: bool = False) -> Track:
        overlaps = np.array(self.overlaps) if with_overlaps else None
        return Track(self.first, boxes, *self.size, np.array(self.scores), overlaps, tuple(self.cuts))


class _Seen(NamedTuple):
    """A frame with its faces, in pixels of the video."""

    number: int
    faces: "list[Detection]"
    is_cut: bool
    begins_stretch: bool
    width_px: int
    height_px: int


class _Small(NamedTuple):
    """A frame for detection."""

    number: int
    picture: "NDArray[np.uint8]"
    is_cut: bool
    begins_stretch: bool
    width_px: int
    height_px: int

    def seen(self, faces: "Iterable[Detection]") -> _Seen:
        """Say where faces, which were found in the small picture, are in the large one."""
        factors = self.width_px / self.picture.shape[1], self.height_px / self.picture.shape[0]
        scaled = [face.scaled(*factors) for face in faces]
        return _Seen(self.number, scaled, self.is_cut, self.begins_stretch, self.width_px, self.height_px)

    def min_face_px(self, settings: CropSettings) -> float:
        """A face of less than half the size wanted cannot overlap one of that size enough to be in a tube with it."""
        return 0.5 * settings.min_face_px * settings.detection_height_px / self.height_px


def _shrunk(decoder: Decoder, first: int, stop: int, settings: CropSettings) -> Iterator[_Small]:
    """Yield frames for detection, and whether a scene begins with them."""
    cut_detector = CutDetector()
    for frame in decoder.shown(first, stop):
        height, width = frame.picture.shape[:2]
        small = shrink_to_height(frame.picture, settings.detection_height_px)
        if frame.begins_stretch:
            cut_detector = CutDetector()
        is_cut = settings.scene_cuts and cut_detector.is_cut(small)
        yield _Small(frame.number, small, is_cut, frame.begins_stretch, width, height)


def _watch(decoder: Decoder, first: int, stop: int, settings: CropSettings, detector: "Detector") -> Iterator[_Seen]:
    """Yield all faces of every frame."""
    batch: list[_Small] = []

    def flush() -> Iterator[_Seen]:
        if batch:
            found = detector.detect([small.picture for small in batch], min_face_px=batch[0].min_face_px(settings))
            for small, faces in zip(batch, found, strict=True):
                yield small.seen(faces)
        batch.clear()

    for small in _shrunk(decoder, first, stop, settings):
        if small.begins_stretch or len(batch) == BATCH_FRAMES:
            yield from flush()
        batch.append(small)
    yield from flush()


def _watch_near(
    decoder: Decoder, first: int, stop: int, settings: CropSettings, detector: "Detector"
) -> Iterator[_Seen]:
    """Yield the followed face of every frame, looked for near its last box first."""
    follower = FaceFollower(max_gap_frames=settings.max_gap_frames)
    last: Detection | None = None
    for small in _shrunk(decoder, first, stop, settings):
        if small.begins_stretch:
            follower, last = FaceFollower(max_gap_frames=settings.max_gap_frames), None
        min_face_px = small.min_face_px(settings)
        faces: list[Detection] = []
        if last is not None and not small.is_cut:
            faces = detector.detect_near(small.picture, last.box_xyxy_px, min_face_px=min_face_px)
        if not faces:
            (faces,) = detector.detect([small.picture], min_face_px=min_face_px)
        last = follower.follow(faces, is_cut=small.is_cut)
        yield small.seen([] if last is None else [last])


def _known_tracks(
    decoder: Decoder,
    first: int,
    stop: int,
    boxes_of: "Callable[[Stretch], NDArray[np.float64]]",
    settings: CropSettings,
) -> list[Track]:
    """Lay known boxes over the stretches that the numbers from ``first`` up to ``stop`` touch, as far as they reach."""
    tracks = []
    for stretch in decoder.timeline.stretches():
        part = replace(stretch, start=max(first, stretch.start), stop=min(stop, stretch.stop))
        if part.start >= part.stop:
            continue
        cuts: list[int] = []
        if settings.scene_cuts:
            shrunk = [small.is_cut for small in _shrunk(decoder, part.start, part.stop, settings)]
            part, cuts = replace(part, stop=part.start + len(shrunk)), [i for i, cut in enumerate(shrunk) if cut]
            if not shrunk:
                continue
        tracks.append(Track(part.start, boxes_of(part), part.width_px, part.height_px, cuts=tuple(cuts)))
    return tracks
