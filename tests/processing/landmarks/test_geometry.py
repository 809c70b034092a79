"""Faces out of the detector's numbers, squares around them, and how a head is turned: all without weights."""

import math
import struct

import numpy as np
import pytest

from mmvoxceleb.processing.landmarks.detection import Face, faces_in
from mmvoxceleb.processing.landmarks.face_landmarker import in_order_of_interest
from mmvoxceleb.processing.landmarks.geometry import CanonicalFace, angles_of, read_canonical_face
from mmvoxceleb.processing.landmarks.regions import Region, around_box, letterbox

RNG = np.random.default_rng(3)
CANONICAL = CanonicalFace(RNG.uniform(-1, 1, (468, 3)) * (7, 9, 4), RNG.uniform(0, 1, 468))


def rotation_of(yaw: float, pitch: float, roll: float) -> np.ndarray:
    def about(axis: int, degrees: float) -> np.ndarray:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        matrix = np.eye(3)
        one, other = (axis + 1) % 3, (axis + 2) % 3
        matrix[one, one] = matrix[other, other] = cosine
        matrix[one, other], matrix[other, one] = -sine, sine
        return matrix

    return np.asarray(about(1, yaw) @ about(0, -pitch) @ about(2, -roll))


def photographed(rotation: np.ndarray, height: int, width: int) -> np.ndarray:
    """Landmarks [478, 3] of the canonical face before a camera of 63 degrees."""
    x, y, z = (CANONICAL.points @ rotation.T + (0, 0, -60)).T
    focal = height / 2 / math.tan(math.radians(63 / 2))
    depth = -(z - z.mean()) * focal / 60
    seen = np.column_stack([width / 2 + focal * x / -z, height / 2 - focal * y / -z, depth])
    return np.concatenate([seen, seen[:10]])


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (30, 0, 0), (0, 20, 0), (0, 0, 25), (-40, 15, -20), (20, -25, 60), (70, 10, 5)],
)
@pytest.mark.parametrize(("height", "width"), [(256, 256), (720, 1280), (908, 480)])
def test_a_head_is_turned_as_it_was_turned(yaw: float, pitch: float, roll: float, height: int, width: int) -> None:
    assert np.allclose(angles_of(rotation_of(yaw, pitch, roll)), (yaw, pitch, roll), atol=1e-9)
    found = angles_of(CANONICAL.turning(photographed(rotation_of(yaw, pitch, roll), height, width), height, width))
    assert np.abs(found - (yaw, pitch, roll)).max() < 2


def test_signs_are_those_of_the_picture() -> None:
    """A nose in front of a head: to the right for yaw, up for pitch; the head's top goes to the right for roll."""
    nose, top = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation_of(20, 0, 0) @ nose)[0] > 0
    assert (rotation_of(0, 20, 0) @ nose)[1] > 0
    assert (rotation_of(0, 0, 20) @ top)[0] > 0
    mirror = np.diag([-1.0, 1, 1])
    assert np.allclose(angles_of(mirror @ rotation_of(20, 10, 5) @ mirror), (-20, 10, -5))


def test_the_canonical_face_is_read_from_its_file() -> None:
    def field(number: int, content: bytes) -> bytes:
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes([length & 127 | 128]), length >> 7
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    vertices = np.zeros((468, 5), "<f4")
    vertices[:, :3] = CANONICAL.points
    mesh = field(1, b"\x08\x00" + field(3, vertices.tobytes()))
    basis = b"".join(field(2, bytes([8, number, 0x15]) + struct.pack("<f", number / 10)) for number in (4, 33, 61))
    found = read_canonical_face(b"\x18\x03" + mesh + basis)
    assert np.allclose(found.points, CANONICAL.points, atol=1e-5)
    assert np.flatnonzero(found.weights).tolist() == [4, 33, 61]
    assert found.weights[33] == pytest.approx(3.3)
    for wrong in (b"", mesh, basis, mesh[:100], b"\xff" * 20, b"\x0b", b"not a protocol buffer at all"):
        with pytest.raises(ValueError, match=r"has|ends"):
            read_canonical_face(wrong)


def test_boxes_of_one_face_are_merged_and_placed_in_the_picture() -> None:
    values, logits = np.zeros((896, 16), np.float32), np.full(896, -200, np.float32)
    first = 2 * (5 * 16 + 7)  # the first of two anchors of the cell in column 7, row 5
    for anchor in (first, first + 1):
        values[anchor] = [4, -4, 32, 40, *(-8, -8, 8, -8), *([0, 0] * 4)]
        logits[anchor] = 3
    values[600, 2:4], logits[600] = 10, 1
    frame = np.zeros((100, 200, 3), np.uint8)
    faces = faces_in(values, logits, letterbox(frame))
    assert len(faces) == 2
    scale = 200 / 128
    x, y = (7.5 * 8) * scale, (5.5 * 8) * scale - 50
    assert np.allclose(faces[0].box, (x - 12 * scale, y - 24 * scale, x + 20 * scale, y + 16 * scale))
    assert np.allclose(faces[0].points[:2], ((x - 8 * scale, y - 8 * scale), (x + 8 * scale, y - 8 * scale)))
    assert faces[0].score == pytest.approx(1 / (1 + math.exp(-3)))
    assert faces[0].region == around_box(faces[0].box, faces[0].points[0], faces[0].points[1])
    assert faces[0].region.side == pytest.approx(60 * scale)
    assert not faces_in(values, np.full(896, -9, np.float32), letterbox(frame))


def test_a_turned_square_is_cut_upright_and_its_points_find_their_way_back() -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[70:74, 90:94] = 255
    region = Region(80, 60, 64, math.radians(30))
    shown = region.cut(frame, 128, is_edge_repeated=False)
    y, x = (values.mean() for values in np.nonzero(shown[..., 0] > 128))
    found = region.points_in_picture(np.array([[x / 128, y / 128, 0.5]]))
    assert np.allclose(found, [[91.5, 71.5, 32]], atol=0.5)
    edge = Region(0, 0, 40).cut(np.full((50, 50, 3), 9, np.uint8), 16, is_edge_repeated=True)
    assert (edge == 9).all()


def test_a_clip_follows_the_large_face_in_the_middle_and_then_the_one_that_is_near() -> None:
    def face(x: float, y: float, side: float) -> Face:
        return Face((x - side / 2, y - side / 2, x + side / 2, y + side / 2), np.zeros((6, 2)), 0.9)

    middle, corner, small = face(120, 120, 80), face(225, 30, 100), face(128, 128, 20)
    assert in_order_of_interest([corner, small, middle], 256, 256, None) == [middle, corner, small]
    assert in_order_of_interest([middle, small, corner], 256, 256, Region(220, 40, 90))[0] == corner
