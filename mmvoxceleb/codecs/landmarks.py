"""Landmarks of a clip to a file and back.

A file is a header of 20 bytes and a zlib stream. The header, little-endian: ``MMLM``, version (uint16, 1), points of a
face (uint16, 478), blendshapes (uint16, 52), the exponent e of the points' step (int16: a step has 2**e px), rows
(uint32), crc32 of all this and the stream's content (uint32). The content, one row for each frame looked at:

====================  =======================  =============================================================
frame indices         int32 [N]                ascending
there is a face       uint8 [N]                0 or 1; without one the row's other values are the row's before
points                uint16 [N, 478, 3]       x, y, z in steps
blendshapes           uint16 [N, 52]           in steps of 1 / 65535
head pose             uint16 [N, 3]            yaw, pitch, roll in steps of 1 / 128 degree
====================  =======================  =============================================================

The last three hold the difference to the row before, in two's complement, of which the sign is moved into the lowest
bit, and lie there as two planes: first all low bytes, then all high ones. That makes files less than half as large as a
compressed ``.npz`` of float16, which is also less accurate: a step has 1/32 px in frames up to 1,000 px, so that a
coordinate is off by 1/64 px at most, and doubles with the frame's size from there.
"""

import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import ConfigError, CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.schema.face_points import BLENDSHAPES, NUM_POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceLandmarks", "decode_landmarks", "encode_landmarks"]

_MAGIC, _VERSION = b"MMLM", 1
_HEADER, _CRC = struct.Struct("<4sHHHhI"), struct.Struct("<I")
_FINEST, _COARSEST = -5, 4
_LARGEST = 32767
_SHAPE_STEP, _ANGLE_STEP = 1 / 65535, 1 / 128
_WIDTHS = (NUM_POINTS * 3, len(BLENDSHAPES), 3)
_ROW_BYTES = 5 + 2 * sum(_WIDTHS)
_MOST_BYTES = 256 << 20
_LEVEL = 6


@dataclass(frozen=True)
class FaceLandmarks:
    """What the frames of a clip show of one face. Rows of frames without one are NaN.

    Args:
        indices: int32 [N], frame index of each row, ascending.
        points: float32 [N, 478, 3]: x and y in px of the frame, from its upper left corner; z in px of the same
            size, smaller is nearer, 0 about the middle of the head.
        blendshapes: float32 [N, 52], 0 to 1, of :data:`mmvoxceleb.schema.face_points.BLENDSHAPES`.
        head_pose: float32 [N, 3], yaw, pitch and roll in degrees, -180 to 180. Yaw is positive where the face looks to
            the right in the picture, pitch where it looks up, roll where the head is turned clockwise.

    Raises:
        ConfigError: Another shape, indices that do not ascend, or a row that is partly NaN.
    """

    indices: "NDArray[np.int32]"
    points: "NDArray[np.float32]"
    blendshapes: "NDArray[np.float32]"
    head_pose: "NDArray[np.float32]"

    def __post_init__(self) -> None:
        count = len(self.indices)
        for name, shape in (
            ("points", (count, NUM_POINTS, 3)),
            ("blendshapes", (count, len(BLENDSHAPES))),
            ("head_pose", (count, 3)),
        ):
            if getattr(self, name).shape != shape:
                raise ConfigError(f"landmarks: {name} must have the shape {shape}, got {getattr(self, name).shape}")
        if count and (np.diff(self.indices).min(initial=1) < 1 or self.indices[0] < 0):
            raise ConfigError("landmarks: frame indices must ascend from 0 on")
        whole = np.isfinite(np.concatenate([_flat(part) for part in self._parts], axis=1))
        if not (whole.all(axis=1) | ~whole.any(axis=1)).all():
            raise ConfigError("landmarks: a row is either finite or, without a face, NaN")

    @property
    def _parts(self) -> "tuple[NDArray[np.float32], ...]":
        return self.points, self.blendshapes, self.head_pose

    @property
    def has_face(self) -> "NDArray[np.bool_]":
        """Bool [N], whether there is a face in the frame."""
        return ~np.isnan(self.head_pose[:, 0])

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, frames: "NDArray[np.int64]") -> "FaceLandmarks":
        """Return the rows of those of ``frames`` (ascending) that there are."""
        kept = np.isin(self.indices, frames)
        return FaceLandmarks(self.indices[kept], self.points[kept], self.blendshapes[kept], self.head_pose[kept])


def encode_landmarks(value: FaceLandmarks) -> bytes:
    """Make a file.

    Raises:
        ConfigError: A point is over 500,000 px away, a blendshape not within 0 to 1, or an angle not within 180.
    """
    faces = value.has_face
    largest = float(np.abs(value.points[faces]).max(initial=0.0))
    exponent = next((e for e in range(_FINEST, _COARSEST + 1) if largest <= _LARGEST * 2.0**e), None)
    shapes = value.blendshapes[faces]
    low, high = float(shapes.min(initial=0)), float(shapes.max(initial=0))
    turned = float(np.abs(value.head_pose[faces]).max(initial=0))
    if exponent is None or low < 0 or high > 1 or turned > 180:
        raise ConfigError(
            f"landmarks out of range: points up to {largest:,.0f} px, blendshapes {low:.3f} to {high:.3f}, "
            f"angles up to {turned:.1f} degrees"
        )
    content = [value.indices.astype("<i4").tobytes(), faces.astype(np.uint8).tobytes()]
    for part, step in zip(value._parts, (2.0**exponent, _SHAPE_STEP, _ANGLE_STEP), strict=True):
        content.append(_packed(_flat(part), step, faces))
    joined = b"".join(content)
    header = _HEADER.pack(_MAGIC, _VERSION, NUM_POINTS, len(BLENDSHAPES), exponent, len(value))
    return header + _CRC.pack(zlib.crc32(joined, zlib.crc32(header))) + zlib.compress(joined, _LEVEL)


def decode_landmarks(data: "bytes | memoryview", *, where: str) -> FaceLandmarks:
    """Read a file.

    Args:
        data: Its content.
        where: Clip and file, for messages.

    Raises:
        CorruptSourceError: It is damaged, or of a later version.
        UnsafeArchiveError: It says that it unpacks to over 256 MB.
    """
    start = _HEADER.size + _CRC.size
    if len(data) < start or bytes(data[:4]) != _MAGIC:
        raise _damaged(where, f"it starts with {bytes(data[:4])!r}, not {_MAGIC!r}")
    _, version, num_points, num_shapes, exponent, count = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise CorruptSourceError(
            f"{where}: landmarks of the version {version}; this release reads {_VERSION}. Update mmvoxceleb"
        )
    if (num_points, num_shapes) != (NUM_POINTS, len(BLENDSHAPES)) or not _FINEST <= exponent <= _COARSEST:
        raise _damaged(where, f"its header says {num_points} points, {num_shapes} blendshapes, step 2**{exponent} px")
    if count * _ROW_BYTES > _MOST_BYTES:
        raise UnsafeArchiveError(f"{where}: landmarks of {count:,} frames, over {_MOST_BYTES >> 20} MB; refused")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data[start:], count * _ROW_BYTES + 1)
    except zlib.error as error:
        raise _damaged(where, str(error)) from error
    if len(content) != count * _ROW_BYTES or not unpacker.eof or unpacker.unused_data:
        raise _damaged(where, f"its content is no {count:,} rows")
    if zlib.crc32(content, zlib.crc32(data[: _HEADER.size])) != _CRC.unpack_from(data, _HEADER.size)[0]:
        raise _damaged(where, "its content is not what was written")
    return _unpacked(content, count, 2.0**exponent, where)


def _unpacked(content: bytes, count: int, point_step: float, where: str) -> FaceLandmarks:
    indices = np.frombuffer(content, "<i4", count).astype(np.int32)
    faces = np.frombuffer(content, np.uint8, count, 4 * count)
    place, parts = 5 * count, []
    for width, step in zip(_WIDTHS, (point_step, _SHAPE_STEP, _ANGLE_STEP), strict=True):
        size = count * width
        low, high = np.frombuffer(content, np.uint8, 2 * size, place).reshape(2, count, width).astype(np.uint16)
        folded = low | high << 8
        differences = folded >> 1 ^ -(folded & 1).astype(np.uint16)
        steps = np.cumsum(differences, axis=0, dtype=np.uint16)
        numbers = (steps if step == _SHAPE_STEP else steps.astype(np.int16)).astype(np.float64) * step
        numbers[faces == 0] = np.nan
        parts.append(numbers.astype(np.float32))
        place += 2 * size
    points, blendshapes, head_pose = parts
    try:
        if faces.max(initial=0) > 1 or np.abs(np.nan_to_num(head_pose)).max(initial=0) > 180:
            raise ConfigError("a value is out of its range")
        return FaceLandmarks(indices, points.reshape(count, NUM_POINTS, 3), blendshapes, head_pose)
    except ConfigError as error:
        raise _damaged(where, str(error)) from error


def _flat(rows: "NDArray[np.float32]") -> "NDArray[np.float32]":
    return rows.reshape(len(rows), math.prod(rows.shape[1:]))


def _packed(rows: "NDArray[np.float32]", step: float, faces: "NDArray[np.bool_]") -> bytes:
    """Pack numbers [N, K] as the module says."""
    steps = np.zeros(rows.shape, np.int64)
    steps[faces] = np.rint(rows[faces].astype(np.float64) / step)
    last = np.maximum.accumulate(np.where(faces, np.arange(len(rows)), -1))
    steps = np.where(last[:, None] >= 0, steps[last], 0)
    differences = np.diff(steps, axis=0, prepend=0).astype(np.uint16)
    folded = differences << 1 ^ -(differences >> 15).astype(np.uint16)
    return (folded & 255).astype(np.uint8).tobytes() + (folded >> 8).astype(np.uint8).tobytes()


def _damaged(where: str, why: str) -> CorruptSourceError:
    return CorruptSourceError(f"{where}: no landmarks ({why}); make them anew with mmvoxceleb regenerate landmarks")
