"""MediaPipe's face landmarker, run by LiteRT: detector, landmarks and blendshapes from ``face_landmarker.task``."""

import io
import math
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing.landmarks.detection import INPUT_PX, Face, faces_in
from mmvoxceleb.processing.landmarks.geometry import CanonicalFace, angles_of, read_canonical_face
from mmvoxceleb.processing.landmarks.interface import Landmarker
from mmvoxceleb.processing.landmarks.regions import Region, around_points, letterbox
from mmvoxceleb.processing.networks.lite import LiteNetwork
from mmvoxceleb.processing.weights import locate, sha256_of
from mmvoxceleb.schema.face_points import NUM_POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceLandmarker"]

WEIGHTS = "face-landmarker"

_FILES = ("face_detector.tflite", "face_landmarks_detector.tflite", "face_blendshapes.tflite")
_CANONICAL = "geometry_pipeline_metadata_landmarks.binarypb"
_LARGEST_BYTES = 64 << 20
_LANDMARKS_PX = 256
_MIN_PRESENCE_LOGIT = 0.0
"""A face is there from a probability of 0.5 on."""

_STAYED = 0.05
"""A face that has moved less than this share of its square is seen well where it was."""

_FOR_BLENDSHAPES = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80, 81,
    82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153, 154,
    155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263,
    267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321,
    323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip


class FaceLandmarker(Landmarker):
    """Find landmarks, blendshapes and head pose of one face with MediaPipe's face landmarker.

    Like MediaPipe, it detects the face once and then tracks it: in each frame, it looks where the face was in the frame
    before. ``FaceLandmarker()(frames)`` takes the frames of one clip in order, uint8 [N, H, W, 3], RGB, and returns
    :class:`mmvoxceleb.codecs.landmarks.FaceLandmarks`: for each frame 478 points (x, y and z in px), 52 blendshapes
    (0 to 1), and yaw, pitch and roll in degrees. Frames without a face are NaN.

    In a picture with several faces, it takes the one with the largest box, where the area of a box counts less the
    farther it is from the middle of the picture: half at half the way to a corner. If the face is lost, it takes the
    face nearest to its last place. The model runs on the CPU, on one thread, so that the numbers do not depend on the
    machine's load.

    Args:
        weights: Path of ``face_landmarker.task``. With None, the published file is downloaded and verified.
        looks_twice: Whether to run the landmark network again at the new place of a face that has moved. Use it for
            frames that are far apart in time.
    """

    def __init__(self, weights: str | os.PathLike[str] | None = None, *, looks_twice: bool = False) -> None:
        self.weights = weights
        self.looks_twice = looks_twice
        self._path: Path | None = None
        self._networks: list[LiteNetwork] = []
        self._canonical: CanonicalFace | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what ``setup`` loaded when the object is pickled."""
        return {**vars(self), "_networks": [], "_canonical": None}

    def settings(self) -> dict[str, Any]:
        settings = {"model": "mediapipe-face-landmarker", "weights_sha256": sha256_of(self._locate())}
        return {**settings, "looks_twice": True} if self.looks_twice else settings

    def computation(self) -> dict[str, Any]:
        from importlib.metadata import version

        return {"device": "cpu", "libraries": {"ai-edge-litert": version("ai-edge-litert")}}

    def setup(self) -> None:
        """Load the networks.

        Raises:
            ImportError: LiteRT is not installed.
            WeightsError: The weights are missing, or not a ``face_landmarker.task``.
            SourceUnavailableError: The weights cannot be downloaded.
        """
        if self._networks:
            return
        path = self._locate()
        try:
            contents = _unpacked(path, (*_FILES, _CANONICAL))
            self._canonical = read_canonical_face(contents[_CANONICAL])
            self._networks = [LiteNetwork(contents[name]) for name in _FILES]
        except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"{path}: not MediaPipe's face_landmarker.task ({error}); leave the weights out to download it"
            ) from error

    def teardown(self) -> None:
        self._networks, self._canonical = [], None

    def faces(self, frame: "NDArray[np.uint8]") -> list[Face]:
        """Detect all faces in a picture.

        Args:
            frame: uint8 [H, W, 3], RGB.

        Returns:
            Box, six points and score (0 to 1) of each face, the highest score first.
        """
        self.setup()
        seen = letterbox(frame)
        shown = seen.cut(frame, INPUT_PX, is_edge_repeated=False)
        values, logits = self._networks[0](np.asarray(shown[None] / np.float32(127.5) - 1, np.float32))
        return faces_in(values[0], logits[0, :, 0], seen)

    def points_in(self, frame: "NDArray[np.uint8]", region: Region) -> "NDArray[np.float64] | None":
        """Find the points of the face in one region of a picture.

        Args:
            frame: uint8 [H, W, 3], RGB.
            region: A square around the face, such as :attr:`Face.region` of a face from :meth:`faces`.

        Returns:
            float64 [478, 3]: x, y and z in px of the picture. None if there is no face in the region.
        """
        self.setup()
        shown = region.cut(frame, _LANDMARKS_PX, is_edge_repeated=True)
        values, presence = self._networks[1](np.asarray(shown[None] / np.float32(255), np.float32))[:2]
        if not float(presence.reshape(-1)[0]) >= _MIN_PRESENCE_LOGIT:
            return None
        return region.points_in_picture(values.reshape(NUM_POINTS, 3).astype(np.float64) / _LANDMARKS_PX)

    def others(self, frame: "NDArray[np.uint8]", points: "NDArray[np.float64]") -> "list[NDArray[np.float64]]":
        low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
        corners = [np.array(face.box, np.float64).reshape(2, 2) for face in self.faces(frame)]
        middles = [box.mean(axis=0) for box in corners]
        is_other = [bool(((middle < low) | (middle > high)).any()) for middle in middles]
        return [box for box, other in zip(corners, is_other, strict=True) if other]

    def find(self, frames: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        found = np.full((len(frames), NUM_POINTS, 3), np.nan)
        region: Region | None = None
        is_followed = False
        for place, frame in enumerate(frames):
            points = self._followed(frame, region) if region is not None and is_followed else None
            if points is None:
                points = self._found_anew(frame, region)
            is_followed = points is not None
            if points is not None:
                found[place] = points
                region = around_points(points)
        return found

    def _followed(self, frame: "NDArray[np.uint8]", region: Region) -> "NDArray[np.float64] | None":
        points = self.points_in(frame, region)
        if points is None or not self.looks_twice:
            return points
        now = around_points(points)
        if math.hypot(now.x - region.x, now.y - region.y) < _STAYED * region.side:
            return points
        return self.points_in(frame, now)

    def _found_anew(self, frame: "NDArray[np.uint8]", last: Region | None) -> "NDArray[np.float64] | None":
        for face in in_order_of_interest(self.faces(frame), frame.shape[0], frame.shape[1], last):
            points = self.points_in(frame, face.region)
            if points is not None:
                return points
        return None

    def describe(
        self, points: "NDArray[np.float64]", height: int, width: int
    ) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        self.setup()
        assert self._canonical is not None
        (blendshapes,) = self._networks[2](points[_FOR_BLENDSHAPES, :2].astype(np.float32)[None])
        rotation = self._canonical.turning(points, height, width)
        return blendshapes.reshape(-1).astype(np.float64), angles_of(rotation)

    def _locate(self) -> Path:
        if self._path is None:
            self._path = locate(WEIGHTS, self.weights)
        return self._path


def in_order_of_interest(faces: Iterable[Face], height: int, width: int, last: Region | None) -> list[Face]:
    """Sort faces, the one first that :class:`FaceLandmarker` takes.

    Args:
        faces: The faces in one picture.
        height: Height of the picture, in px.
        width: Width of the picture, in px.
        last: Region in which the tracked face was last seen; None at the beginning.
    """

    def distance(face: Face, x: float, y: float) -> float:
        x1, y1, x2, y2 = face.box
        return math.hypot((x1 + x2) / 2 - x, (y1 + y2) / 2 - y)

    def interest(face: Face) -> float:
        if last is not None:
            return -distance(face, last.x, last.y)
        x1, y1, x2, y2 = face.box
        share = distance(face, width / 2, height / 2) / (math.hypot(height, width) / 2)
        return (x2 - x1) * (y2 - y1) * max(0.0, 1 - share)

    return sorted(faces, key=lambda face: (-interest(face), face.box))


def _unpacked(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Read members of the archive that the weights are.

    Raises:
        BadZipFile: It is none, or damaged.
        KeyError: It lacks one.
        ValueError: One is too large.
    """
    contents = {}
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        for name in names:
            if archive.getinfo(name).file_size > _LARGEST_BYTES:
                raise ValueError(f"{name} is over {_LARGEST_BYTES >> 20} MB")
            contents[name] = archive.read(name)
    return contents
