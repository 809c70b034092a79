"""The landmarks of the face in a clip, its blendshapes, and how the head is turned."""

import io
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.views import View
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MMVoxCelebError
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.file_modality import FileModality, SampleContext
from mmvoxceleb.modalities.over_time import Curve, Outline
from mmvoxceleb.schema.face_points import (
    BLENDSHAPES,
    CONTOURS,
    MIRRORED_BLENDSHAPES,
    MIRRORED_POINTS,
    NUM_POINTS,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from mmvoxceleb.codecs.landmarks import FaceLandmarks

__all__ = ["LANDMARKS"]

_COLUMNS = ("landmarks", "blendshapes", "head_pose")
_INDICES = "landmark_indices"
_WIDTHS = ((NUM_POINTS, 3), (len(BLENDSHAPES),), (3,))
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_FARTHEST_PX = 2 * 8192
_LINE, _EDGE, _DOT = (64, 224, 208), (12, 32, 48), (255, 214, 10)
_OVERSAMPLED = 3
_AXES = ((235, 87, 87), (88, 196, 112), (82, 140, 255))
"""Colours of the axes of the head: to the right in the picture, up, ahead."""
_BETWEEN_EYES, _TOP, _CHIN = 168, 10, 152
_JAW, _EYES = "jawOpen", ("eyeBlinkLeft", "eyeBlinkRight")


class Landmarks(FileModality):
    """``landmarks/<clip>.landmarks``; see :mod:`mmvoxceleb.codecs.landmarks` for the format."""

    name = "landmarks"
    made_by = "landmarks"
    aliases = ("landmark",)
    suffix = ".landmarks"
    is_light = False
    largest_file_bytes = 64 << 20
    title = "face landmarks"
    tasks = ("keypoint-detection",)
    tags = ("face-landmarks", "head-pose")
    sample_keys = _COLUMNS
    problem_titles = {  # noqa: RUF012
        "landmarks": "landmarks that cannot be used",
        "landmarks_frames": "landmarks of other frames than the clip's",
        "landmarks_faces": "clips with a face in less than half of their frames",
        "landmarks_far": "landmarks far beside the picture",
    }

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return (*_COLUMNS, _INDICES)

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import List, Value

        number = Value("float32")
        return {
            "landmarks": List(List(List(number))),
            "blendshapes": List(List(number)),
            "head_pose": List(List(number)),
            _INDICES: List(Value("int32")),
        }

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {
            "landmarks": "of each frame 478 points of the face: x, y in px of the frame, depth; null without a face",
            "blendshapes": "of each frame 52 values, 0 to 1; null without a face",
            "head_pose": "of each frame yaw (to the right in the picture), pitch (up) and roll (clockwise) in degrees",
            _INDICES: "frame index of each of these",
        }

    def parse(self, data: bytes, *, clip_id: str) -> "FaceLandmarks":
        """Read the file.

        Raises:
            CorruptSourceError: It is damaged.
            UnsafeArchiveError: It is too large.
        """
        from mmvoxceleb.codecs.landmarks import decode_landmarks

        self.check_size(data, clip_id=clip_id)
        return decode_landmarks(data, where=f"clip {clip_id}, its landmarks")

    def at_frames(self, value: "FaceLandmarks", frames: Collection[int]) -> "FaceLandmarks":
        return value.at(np.array(sorted(frames), np.int64))

    def fields(
        self, value: "FaceLandmarks", options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        faces = value.has_face.tolist()
        columns = zip(_COLUMNS, (value.points, value.blendshapes, value.head_pose), strict=True)
        return {
            **{
                name: [row if face else None for row, face in zip(rows.tolist(), faces, strict=True)]
                for name, rows in columns
            },
            _INDICES: value.indices.tolist(),
        }

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> "FaceLandmarks":
        from mmvoxceleb.codecs.landmarks import FaceLandmarks

        indices = np.asarray(record[_INDICES], np.int32)
        parts = []
        for name, shape in zip(_COLUMNS, _WIDTHS, strict=True):
            rows = np.full((len(indices), *shape), np.nan, np.float32)
            try:
                for place, row in enumerate(record[name]):
                    if row is not None:
                        rows[place] = row
            except (ValueError, TypeError, IndexError) as error:
                raise CorruptSourceError(f"clip {clip_id}: its {name} have another form ({error})") from error
            parts.append(rows)
        try:
            return FaceLandmarks(indices, *parts)
        except ConfigError as error:
            raise CorruptSourceError(f"clip {clip_id}: {error}") from error

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        from mmvoxceleb.codecs.landmarks import encode_landmarks

        return encode_landmarks(self.value_of(record, clip_id=str(record.get("clip_id", ""))))

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        """Give a ``landmarks.npz`` of arrays that are named as the columns; NaN if there is no face."""
        value = self.value_of({name: light.pop(name) for name in self.columns()}, clip_id=light.get("clip_id", ""))
        arrays = zip(self.columns(), (value.points, value.blendshapes, value.head_pose, value.indices), strict=True)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays:
                file = io.BytesIO()
                np.save(file, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE), file.getvalue(), zipfile.ZIP_DEFLATED)
        return [("landmarks.npz", buffer.getvalue())]

    def frames_of(self, value: "FaceLandmarks") -> "NDArray[np.int64]":
        return value.indices.astype(np.int64)

    def sampled(self, value: "FaceLandmarks", context: SampleContext) -> dict[str, Any]:
        """Take the rows of the frames shown: ``landmarks`` [N, 478, 3] in px of the sample's pictures, ``blendshapes``
        [N, 52] and ``head_pose`` [N, 3], float32; NaN if there is no face, or nothing of that frame.
        """  # noqa: D205
        import torch

        frames = np.asarray(context.frames, np.int64)
        places = np.minimum(np.searchsorted(value.indices, frames), max(0, len(value) - 1))
        there = value.indices[places] == frames if len(value) else np.zeros(len(frames), bool)
        found = []
        for rows, shape in zip((value.points, value.blendshapes, value.head_pose), _WIDTHS, strict=True):
            taken = np.full((len(frames), *shape), np.nan, np.float32)
            taken[there] = rows[places[there]]
            found.append(taken)
        points, blendshapes, head_pose = found
        size = context.options.height_width
        if size is not None or context.view.mirrored:
            points = _seen(points, context.view, context.frame_size(), size)
        if context.view.mirrored:
            blendshapes = blendshapes[:, MIRRORED_BLENDSHAPES]
            head_pose = head_pose * np.array((-1, 1, -1), np.float32)
        return {
            name: torch.from_numpy(np.ascontiguousarray(rows))
            for name, rows in zip(_COLUMNS, (points, blendshapes, head_pose), strict=True)
        }

    def problems(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        try:
            value = self.parse(data, clip_id=clip_id)
        except MMVoxCelebError as error:
            yield self.name, str(error)
            return
        count, faces = len(value), int(value.has_face.sum())
        if 2 * faces < count:
            yield "landmarks_faces", f"has a face in {faces:,} of {count:,} frames"
        farthest = float(np.nan_to_num(np.abs(value.points[..., :2])).max(initial=0.0))
        if farthest > _FARTHEST_PX:
            yield "landmarks_far", f"has a point at {farthest:,.0f} px"

    def problems_beside(self, data: bytes, frames: Collection[int], *, clip_id: str) -> Iterator[tuple[str, str]]:
        try:
            indices = set(self.parse(data, clip_id=clip_id).indices.tolist())
        except MMVoxCelebError:
            return  # said of the file itself
        lacking, unknown = len(set(frames) - indices), len(indices - set(frames))
        if lacking or unknown:
            parts = [f"lacks {lacking:,} of {len(set(frames)):,} frames" if lacking else ""]
            parts.append(f"has {unknown:,} frames that the clip has not" if unknown else "")
            yield "landmarks_frames", f"{' and '.join(part for part in parts if part)}; make it again"

    def shown(self, value: "FaceLandmarks") -> Shown | None:
        faces = value.has_face
        lines = [f"a face in {faces.sum():,} of {len(value):,} frames"]
        if faces.any():
            ranges = zip(("yaw", "pitch", "roll"), value.head_pose[faces].T, strict=True)
            turned = [f"{name} {angles.min():.0f} to {angles.max():.0f}" for name, angles in ranges]
            lines.append(f"{', '.join(turned)} degrees")
        return Shown("head pose", lines=tuple(lines))

    def curves(self, value: "FaceLandmarks") -> list[Curve]:
        indices = value.indices.astype(np.int64)
        poses = zip(("yaw", "pitch", "roll"), value.head_pose.T, strict=True)
        shapes = {name: value.blendshapes[:, BLENDSHAPES.index(name)] for name in (_JAW, *_EYES)}
        moves: dict[str, Any] = {
            "mouth open": shapes[_JAW],
            "eyes closed": np.mean([shapes[eye] for eye in _EYES], axis=0),
        }
        return [
            *(Curve("head pose, degrees", name, indices, angles) for name, angles in poses),
            *(Curve("face, 0 to 1", name, indices, each, (0, 1)) for name, each in moves.items()),
        ]

    def outlines(self, value: "FaceLandmarks") -> list[Outline]:
        """Give the points with the contours, and three axes of the head from between the eyes: to the right in the
        picture, up, and where the face looks.
        """  # noqa: D205
        indices, points = value.indices.astype(np.int64), value.points[..., :2]
        middle = points[:, _BETWEEN_EYES]
        length = 0.4 * np.linalg.norm(points[:, _TOP] - points[:, _CHIN], axis=1)[:, None, None]
        axes = _axes(value.head_pose) * length
        return [
            Outline(self.title, indices, points, tuple((_LINE, tuple(line)) for line in CONTOURS), _DOT),
            Outline(
                "head pose", indices, np.concatenate([middle[:, None], middle[:, None] + axes], axis=1),
                tuple((colour, (0, number)) for number, colour in enumerate(_AXES, 1)),
            ),
        ]  # fmt: skip

    def drawn(self, value: "FaceLandmarks", index: int, frame: "Image") -> "Image":
        from PIL import Image, ImageDraw

        place = int(np.searchsorted(value.indices, index))
        if place == len(value) or value.indices[place] != index or not value.has_face[place]:
            return frame
        scale = max(1, _OVERSAMPLED * 256 // max(frame.size))
        large = frame.resize((frame.width * scale, frame.height * scale), Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(large)
        points = value.points[place, :, :2] * scale
        unit = max(1.0, max(large.size) / 384)
        for x, y in points.tolist():
            draw.ellipse((x - unit, y - unit, x + unit, y + unit), fill=_DOT)
        for width, colour in ((4 * unit, _EDGE), (2 * unit, _LINE)):
            for line in CONTOURS:
                corners = [(x, y) for x, y in points[list(line)].tolist()]
                draw.line(corners, fill=colour, width=round(width), joint="curve")
        return large.resize(frame.size, Image.Resampling.LANCZOS)


def _axes(head_pose: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return where three axes of the head point in the picture, x and y of unit vectors, y down: float32 [N, 3, 2].

    Args:
        head_pose: float32 [N, 3], yaw, pitch, roll in degrees: ``R = Ry(yaw) Rx(-pitch) Rz(-roll)`` with x to the
            right in the picture, y up and z to the viewer.
    """
    yaw, pitch, roll = np.radians(head_pose).T
    (sin_y, cos_y), (sin_p, cos_p), (sin_r, cos_r) = ((np.sin(angle), np.cos(angle)) for angle in (yaw, pitch, roll))
    right = np.stack([cos_y * cos_r + sin_y * sin_p * sin_r, cos_p * sin_r], axis=1)
    up = np.stack([cos_y * sin_r - sin_y * sin_p * cos_r, -cos_p * cos_r], axis=1)
    ahead = np.stack([sin_y * cos_p, -sin_p], axis=1)
    return np.asarray(np.stack([right, up, ahead], axis=1), np.float32)


def _seen(
    points: "NDArray[np.float32]", view: View, frame: tuple[int, int], size: tuple[int, int] | None
) -> "NDArray[np.float32]":
    """Follow the picture: cut, scaled and mirrored."""
    height, width = size or frame
    x1, y1, x2, y2 = view.box(*frame, None if size is None else width / height)
    scale = np.array((width / (x2 - x1), height / (y2 - y1), width / (x2 - x1)), np.float32)
    moved = (points - np.array((x1, y1, 0), np.float32)) * scale
    if view.mirrored:
        moved = moved[:, MIRRORED_POINTS]
        moved[..., 0] = width - moved[..., 0]
    return np.asarray(moved, np.float32)


LANDMARKS = Landmarks()
