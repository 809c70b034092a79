"""How a head is turned, from its landmarks: the canonical face of the weights is laid onto them.

As MediaPipe's face geometry module does it: a camera with a vertical field of view of 63 degrees looks at a face of
known size, and the turning is that of the weighted orthogonal Procrustes problem.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CanonicalFace", "angles_of", "read_canonical_face"]

NUM_VERTICES = 468
"""Landmarks that the canonical face has; the ten of the irises are not among them."""

_VERTICAL_FIELD = math.radians(63)
_VALUES_OF_A_VERTEX = 5
_MESH, _BASIS, _VERTICES, _ID, _WEIGHT = 1, 2, 3, 1, 2
"""Field numbers in the file."""


@dataclass(frozen=True)
class CanonicalFace:
    """A mean face.

    Args:
        points: float64 [468, 3] in cm: x to the person's left, y up, z to the front.
        weights: float64 [468], how much each counts.
    """

    points: "NDArray[np.float64]"
    weights: "NDArray[np.float64]"

    def turning(self, landmarks: "NDArray[np.float64]", height: int, width: int) -> "NDArray[np.float64]":
        """Return the rotation [3, 3] that takes the canonical face to a picture's, x right, y up, z to the viewer.

        Args:
            landmarks: float64 [478, 3], x, y and z in px of the picture.
            height: Of the picture, in px.
            width: Likewise.
        """
        near_height = 2 * math.tan(_VERTICAL_FIELD / 2)
        scale = near_height / height
        x, y, z = landmarks[:NUM_VERTICES].T * scale
        flat = np.column_stack([x - width * scale / 2, near_height / 2 - y, z])
        depth = float(z.mean())
        first = self._fitted(flat * (1, 1, -1))[1]
        second = self._fitted(_unprojected(flat, depth, first))[1]
        return self._fitted(_unprojected(flat, depth, first * second))[0]

    def _fitted(self, targets: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], float]":
        """Solve for the rotation [3, 3] and the scale that take the canonical points to ``targets`` [468, 3]."""
        shares = self.weights / self.weights.sum()
        sources = self.points - shares @ self.points
        targets = targets - shares @ targets
        left, _, right = np.linalg.svd((targets * shares[:, None]).T @ sources)
        if np.linalg.det(left) * np.linalg.det(right) < 0:
            left[:, 2] *= -1
        rotation = left @ right
        scale = (shares[:, None] * (sources @ rotation.T) * targets).sum() / (shares[:, None] * sources**2).sum()
        return rotation, float(scale)


def _unprojected(flat: "NDArray[np.float64]", depth: float, scale: float) -> "NDArray[np.float64]":
    """Bring points from the near plane, at distance 1, to where they are if the face is smaller by ``scale``."""
    z = (flat[:, 2] - depth + 1) / scale
    return np.column_stack([flat[:, :2] * z[:, None], -z])


def angles_of(rotation: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return yaw, pitch and roll in degrees, float64 [3], of a head's rotation [3, 3].

    Yaw is positive where the face looks to the right in the picture, pitch where it looks up, roll where the head is
    turned clockwise as seen. The face looks along ``(sin yaw cos pitch, sin pitch, cos yaw cos pitch)``, with x to the
    right, y up and z to the viewer: ``R = Ry(yaw) Rx(-pitch) Rz(-roll)``. In a mirrored picture yaw and roll change
    their sign.
    """
    x, y, z = rotation[:, 2].tolist()
    yaw, pitch = math.atan2(x, z), math.asin(min(1.0, max(-1.0, y)))
    return np.degrees([yaw, pitch, math.atan2(-rotation[1, 0], rotation[1, 1])])


def read_canonical_face(data: bytes) -> CanonicalFace:
    """Read ``geometry_pipeline_metadata_landmarks.binarypb``.

    Raises:
        ValueError: It is something else.
    """
    points: NDArray[np.float64] | None = None
    weights = np.zeros(NUM_VERTICES)
    for number, content in _fields(data):
        if number == _MESH and isinstance(content, bytes):
            vertices = b"".join(
                part if isinstance(part, bytes) else b"" for field, part in _fields(content) if field == _VERTICES
            )
            points = np.frombuffer(vertices, "<f4").reshape(-1, _VALUES_OF_A_VERTEX)[:, :3].astype(np.float64)
        elif number == _BASIS and isinstance(content, bytes):
            basis = dict(_fields(content))
            weights[int(basis.get(_ID, 0))] = struct.unpack("<f", basis[_WEIGHT])[0]  # type: ignore[arg-type]  # bytes, as the field says
    if points is None or points.shape != (NUM_VERTICES, 3) or not weights.any():
        raise ValueError(f"has no canonical face of {NUM_VERTICES} points")
    return CanonicalFace(points, weights)


def _fields(data: bytes) -> "Iterator[tuple[int, int | bytes]]":
    """List the fields of a protocol buffer: number, and bytes or a whole number."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, place = _varint(data, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"has a field of the unknown kind {kind}")
        if place + length > len(data):
            raise ValueError("ends too early")
        yield tag >> 3, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(data):
            raise ValueError("ends too early")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("has a number that is too long")
