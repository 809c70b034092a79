"""One utterance of an open video: find its tracks, judge its tubes, and crop the frames of the good ones."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MMVoxCelebError
from mmvoxceleb.processing.crop.annotations import Annotation, read_annotation
from mmvoxceleb.processing.crop.boxes import grow_to_square, move_inside, overhang_px, smooth_boxes, union
from mmvoxceleb.processing.crop.quality import QualityMeter
from mmvoxceleb.processing.crop.resize import crop_and_resize
from mmvoxceleb.processing.crop.result import IGNORED_TURN, CroppedClip, Rejection, Unwanted, missing_of
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.tracks import (
    Track,
    annotated_tracks,
    free_tracks,
    listed_tracks,
    metadata_tracks,
    whole_tracks,
)
from mmvoxceleb.processing.crop.tubes import Tube, cut_tubes
from mmvoxceleb.processing.crop.uprightness import UprightnessMeter
from mmvoxceleb.processing.crop.videos import SourceVideo, Utterance
from mmvoxceleb.processing.decoders import FPS, Decoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.processing.detectors import Detector

__all__ = ["Rejection", "UtteranceCrop"]

DETECTION_SLACK = 1.5
"""A detected face may be this much larger than the annotated one; an utterance is skipped unseen only beyond that."""

MOST_OBLONG = 1.1
"""Longer by shorter side of a picture that is taken whole: the square in its middle is kept, the rest is background."""

REACH_PX = 16
"""So far may a listed box reach beyond the picture: codecs round sides up to blocks."""

SMOOTH_CENTRE_FRAMES = 12.0
SMOOTH_SIDE_FRAMES = 25.0


class UtteranceCrop:
    """The crop of one utterance of an open video."""

    def __init__(
        self,
        video: SourceVideo,
        utterance: Utterance,
        settings: CropSettings,
        detector: "Detector | None",
        decoder: Decoder,
        source: dict[str, object],
    ) -> None:
        self.video = video
        self.utterance = utterance
        self.settings = settings
        self.detector = detector if settings.needs_detector(utterance) else None
        self.decoder = decoder
        self.source = source
        self.annotation: Annotation | None = None
        self.is_over = False
        """Whether the video is closed, or another utterance's turn has come."""

    def clips(self, reject: Callable[[Rejection], None]) -> Iterator[CroppedClip]:
        tracks = self._tracks()
        if not tracks:
            seconds = self._first_number() / FPS
            raise self._unwanted("video too short", f"it ends before {seconds:.2f} s, where the utterance starts")
        if self.detector is not None and not any(track.boxes.any() for track in tracks):
            raise self._unwanted("no face", f"in none of {sum(len(track.boxes) for track in tracks)} frames")
        number = 0
        label = None if self.utterance.listed is None else self.utterance.listed.label
        for track in tracks:
            tubes = cut_tubes(
                track.boxes,
                min_iou_with_first=self.settings.min_iou_with_first,
                max_frames=self.settings.max_frames if self.utterance.row is None else len(track.boxes),
                cuts=track.cuts,
            )
            for tube in tubes:
                clip_id = self.video.clip_id(self.utterance, self._number(number))
                number += 1
                verdict = self._judge(tube, track)
                if isinstance(verdict, tuple):
                    reject(Rejection(clip_id, *verdict))
                    continue
                meta = self._meta(tube, track, verdict)
                yield CroppedClip(clip_id, self._frames(track.first + tube.start, verdict, meta), meta, label)

    def _number(self, tube: int) -> int:
        row = self.utterance.row
        if row is None:
            return tube
        # rows of the same frames are numbered already; what they are cut into must not meet
        alike = sum(other.name == self.utterance.name for other in self.video.utterances)
        return row.chunk + tube * alike

    def _first_number(self) -> int:
        if self.utterance.row is not None:
            return round(self.utterance.row.start * FPS / self.utterance.row.fps)
        if self.utterance.listed is not None:
            return round(self.utterance.listed.start_seconds * FPS)
        return 0 if self.annotation is None else int(self.annotation.frames[0])

    def _unwanted(self, code: str, detail: str) -> Unwanted:
        return Unwanted(Rejection(self.video.input_name(self.utterance), code, detail))

    def _tracks(self) -> list[Track]:
        if self.utterance.row is not None:
            return metadata_tracks(self.decoder, self.utterance.row, self.settings)
        if self.settings.boxes == "whole":
            return whole_tracks(self.decoder, self.settings)
        if self.utterance.listed is not None:
            tracks = listed_tracks(self.decoder, self.utterance.listed, self.settings, self.detector)
            for track in tracks if self.detector is None else ():
                self._check_reach(track)
            return tracks
        if self.utterance.annotation is None:
            assert self.detector is not None
            return free_tracks(self.decoder, self.settings, self.detector)
        try:
            self.annotation = read_annotation(self.utterance.annotation)
        except MMVoxCelebError as error:
            raise self._unwanted("bad annotation", str(error)) from error
        self._check_annotation(self.annotation)
        return annotated_tracks(self.decoder, self.annotation, self.settings, self.detector)

    def _check_reach(self, track: Track) -> None:
        """Refuse a box that was measured in a larger picture than that of the video, or lies beside the picture."""
        right, bottom = track.boxes[0, 2:]
        if min(right, bottom) <= 0:
            raise self._unwanted("box beyond the picture", f"it ends at {right:.0f}x{bottom:.0f}; correct the list")
        if right > track.width_px + REACH_PX or bottom > track.height_px + REACH_PX:
            detail = f"it ends at {right:.0f}x{bottom:.0f}, the picture at {track.width_px}x{track.height_px}"
            raise self._unwanted("box beyond the picture", f"{detail}; get the video in its highest resolution")

    def _check_annotation(self, annotation: Annotation) -> None:
        """Refuse, before any frame is decoded, what can never become a clip."""
        settings, info = self.settings, self.decoder.info
        if annotation.identity and _differ(annotation.identity, self.video.person_id):
            detail = f"its header says {annotation.identity}, its folder {self.video.person_id}"
            raise self._unwanted("wrong identity", detail)
        num_frames = int(annotation.frames[-1] - annotation.frames[0])
        if num_frames < settings.min_frames:
            raise self._unwanted("too short", f"{counted(num_frames, 'annotated frame')}, {settings.min_frames} wanted")
        first, last = int(annotation.frames[0]), int(annotation.frames[-1])
        sizes = [
            (part.width_px, part.height_px)
            for part in self.decoder.timeline.stretches()
            if part.start < last and first < part.stop
        ]
        width, height = max(sizes or [(info.width_px, info.height_px)], key=min)
        shorter = min(width, height)
        needed = int((1 + 2 * settings.growth) * settings.min_face_px) - 1
        if settings.border == "reject" and shorter < needed:
            detail = f"a crop takes {needed} px, the video has {width}x{height}"
            raise self._unwanted("video too small", detail)
        left, top, right, bottom = union(annotation.boxes_px(width, height))
        longest = max(right - left, bottom - top)
        if longest * (1.0 if self.detector is None else DETECTION_SLACK) < settings.min_face_px:
            detail = f"the annotated face covers {longest:.0f} px of {width}x{height}"
            raise self._unwanted("annotated face too small", f"{detail}, {settings.min_face_px} wanted")

    def _judge(self, tube: Tube, track: Track) -> "NDArray[np.float64] | tuple[str, str]":
        """Give the crop box of every frame, float64 [1 or N, 4], or the code and detail of a rejection."""
        settings = self.settings
        known = self.detector is None and (self.utterance.annotation is None or settings.boxes == "whole")
        longer, shorter = max(track.width_px, track.height_px), min(track.width_px, track.height_px)
        if settings.boxes == "whole" and longer > MOST_OBLONG * shorter:
            return "not square", f"{track.width_px}x{track.height_px}; find its face, without --cropped"
        if not tube.has_face:
            return "no face", f"in {counted(tube.num_frames, 'frame')}"
        if tube.num_frames < settings.min_frames:
            end = ", up to a scene cut" if tube.stop in track.cuts else ""
            return "too short", f"{counted(tube.num_frames, 'frame')}{end}, {settings.min_frames} wanted"
        part = slice(tube.start, tube.stop)
        if track.overlaps is not None and not track.overlaps[part].any():
            return "wrong face", "no face overlaps the annotated box"
        if settings.smooth_box and not known:
            return self._smooth(track.boxes[part], track)
        left, top, right, bottom = tube.box_xyxy_px
        longest = max(right - left, bottom - top)
        if longest < settings.min_face_px and not known:
            return "too small", f"the face covers {longest:.0f} px, {settings.min_face_px} wanted"
        is_listed = self.utterance.listed is not None and known  # around head and hair already
        box = grow_to_square(tube.box_xyxy_px, 0.0 if is_listed else settings.growth)
        beyond = overhang_px(box, track.width_px, track.height_px)
        if beyond > 0 and settings.border == "reject":
            return "at the border", f"the crop reaches {beyond:.0f} px beyond the picture"
        if beyond > 0:
            box = move_inside(box, track.width_px, track.height_px)
        return np.array([box], np.float64)

    def _smooth(self, boxes: "NDArray[np.float64]", track: Track) -> "NDArray[np.float64] | tuple[str, str]":
        settings = self.settings
        centres = smooth_boxes(boxes, SMOOTH_CENTRE_FRAMES)
        sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        side = smooth_boxes(np.repeat(sides[:, None], 4, axis=1), SMOOTH_SIDE_FRAMES)[:, 0]
        if np.median(side) < settings.min_face_px:
            return "too small", f"the face covers {np.median(side):.0f} px, {settings.min_face_px} wanted"
        half = np.minimum(side * (0.5 + settings.growth), min(track.width_px, track.height_px) / 2)
        x, y = (centres[:, 0] + centres[:, 2]) / 2, (centres[:, 1] + centres[:, 3]) / 2
        beyond = max(
            overhang_px(box, track.width_px, track.height_px)
            for box in np.stack([x - half, y - half, x + half, y + half], axis=1)
        )
        if beyond > 0 and settings.border == "reject":
            return "at the border", f"the crop reaches {beyond:.0f} px beyond the picture"
        x, y = np.clip(x, half, track.width_px - half), np.clip(y, half, track.height_px - half)
        return np.stack([x - half, y - half, x + half, y + half], axis=1)

    def _frames(self, first: int, boxes: "NDArray[np.float64]", meta: dict[str, Any]) -> "Iterator[NDArray[np.uint8]]":
        meter, uprightness = QualityMeter(), UprightnessMeter(self.detector, meta["end"] - first)
        count = 0
        self._require_open()
        before = self.decoder.counts
        for frame in self.decoder.shown(first, meta["end"]):
            if frame.number != first + count or (frame.begins_stretch and count):
                seconds = (first + count) / FPS
                raise CorruptSourceError(
                    f"{self.decoder.info.path}: at {seconds:.2f} s frames are missing, or the picture changes its size "
                    "where no header says so; re-encode the video with ffmpeg"
                )
            box = boxes[min(count + 1, len(boxes)) - 1]
            cropped = crop_and_resize(frame.picture, box, self.settings.size_px)
            meter.add(cropped)
            uprightness.add(count, cropped)
            count += 1
            yield cropped
            self._require_open()
        meta["end"] = first + count
        meta["num_frames"] = count
        meta["frames"] = asdict(self.decoder.counts - before)
        meta["quality"].update(meter.figures())
        meta.update(uprightness.figures())

    def _require_open(self) -> None:
        """Refuse to go on with a clip whose video is closed: FFmpeg would end the process."""
        if self.is_over:
            raise ConfigError(f"{self.video.key}: take the frames of a clip before you ask for the next one")

    def _meta(self, tube: Tube, track: Track, boxes: "NDArray[np.float64]") -> dict[str, Any]:
        info = self.decoder.info
        part = slice(tube.start, tube.stop)
        face = track.boxes[part]
        faces = face[face.any(1)]
        quality: dict[str, float] = {}
        if self.settings.boxes != "whole":
            quality["face_px"] = round(float(np.median((faces[:, 2:] - faces[:, :2]).max(1))), 1)
        if track.scores is not None:
            scores = track.scores[part]
            found = scores[np.isfinite(scores)]
            quality["detection_score"] = round(float(found.mean()), 4) if len(found) else 0.0
            quality["detected_share"] = round(len(found) / len(scores), 4)
        if track.overlaps is not None:
            quality["annotation_iou"] = round(float(track.overlaps[part].mean()), 4)
        meta = {
            "source": self.source,
            "video": {
                "width_px": track.width_px,
                "height_px": track.height_px,
                "codec": info.codec,
                **({"stream": info.stream, "video_streams": info.streams} if info.streams > 1 else {}),
                **self.decoder.timeline.look_at((track.first + tube.start) / FPS).picture.changes(),
                **({} if info.ignored_turn_degrees is None else {IGNORED_TURN: info.ignored_turn_degrees}),
                **missing_of(info, self.decoder.timeline),
            },
            "fps": FPS,
            "start": track.first + tube.start,
            "end": track.first + tube.stop,
            "face_box_xyxy_px": [round(float(edge), 2) for edge in tube.box_xyxy_px],
            "boxes_from": self._boxes_from(),
            "quality": quality,
        }
        if len(boxes) == 1:
            meta["crop_box_xyxy_px"] = [int(edge) for edge in boxes[0]]
        else:
            meta["crop_boxes_xyxy_px"] = [[round(float(edge), 2) for edge in box] for box in boxes]
        if self.annotation is not None:
            meta["annotation"] = self.annotation.header
        return meta

    def _boxes_from(self) -> str:
        if self.utterance.row is not None:
            return "metadata"
        if self.settings.boxes == "whole":
            return "whole picture"
        if self.utterance.listed is not None and self.detector is None:
            return "list"
        return "annotation" if self.detector is None else "detection"


def _differ(identity: str, person_id: str) -> bool:
    """Whether two names of a person contradict each other; a name and a number do not."""
    numbers = [name.removeprefix("id") for name in (identity, person_id)]
    return all(number.isdigit() for number in numbers) and int(numbers[0]) != int(numbers[1])
