"""MediaPipe's landmarker: bad weights are named; with the real ones, in ../shared, its own numbers come out."""

import itertools
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing import FaceLandmarker
from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.weights import PUBLISHED, sha256_of
from mmvoxceleb.schema.face_points import BLENDSHAPES, MIRRORED_BLENDSHAPES, MIRRORED_POINTS, five_of_478

SHARED = Path(os.environ.get("MMVOXCELEB_SHARED", Path(__file__).resolve().parents[4] / "shared"))
TASK = SHARED / "weights" / "face_landmarker.task"
VIDEO = SHARED / "data" / "raw" / "d19.mp4"
FACES = np.load(Path(__file__).parent / "mediapipe_d19.npz") if VIDEO.exists() else None

real = pytest.mark.skipif(not (TASK.exists() and VIDEO.exists()), reason="needs ../shared")


@pytest.fixture(scope="module")
def landmarker() -> FaceLandmarker:
    pytest.importorskip("ai_edge_litert", reason="needs the extra mmvoxceleb[landmarks]")
    return FaceLandmarker(TASK)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    import av

    with av.open(str(VIDEO), "r") as container:
        first = itertools.islice(container.decode(video=0), 12)
        return np.stack([frame.to_ndarray(format="rgb24") for frame in first])


def test_a_file_that_is_no_task_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.task"
    path.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match=r"mine\.task: not MediaPipe's face_landmarker\.task"):
        FaceLandmarker(path).setup()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("face_detector.tflite", b"x")
    with pytest.raises(WeightsError, match="face_landmarks_detector"):
        FaceLandmarker(path).setup()
    with pytest.raises(WeightsError, match="no such weights file"):
        FaceLandmarker(tmp_path / "absent.task").settings()
    assert PUBLISHED["face-landmarker"].sha256 is not None


@real
def test_without_litert_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ImportError, match=r"LiteRT: pip install '\.\[landmarks\]'"):
        FaceLandmarker(TASK).setup()


@real
def test_the_published_hash_is_that_of_the_file() -> None:
    weights = PUBLISHED["face-landmarker"]
    assert (TASK.stat().st_size, sha256_of(TASK)) == (weights.size_bytes, weights.sha256)


@real
def test_it_finds_what_mediapipe_finds(landmarker: FaceLandmarker, frames: np.ndarray) -> None:
    """The references are of mediapipe 1.2.3 in its mode IMAGE, which looks for the face anew in every frame."""
    assert FACES is not None
    for frame, points, blendshapes, matrix in zip(
        frames[:3], FACES["points"], FACES["blendshapes"], FACES["matrix"], strict=True
    ):
        found = landmarker(frame[None])
        assert np.abs(found.points[0] - points).max() < 0.2  # px of 480
        assert np.abs(found.blendshapes[0] - blendshapes).max() < 0.02
        forward = matrix[:3, 2] / np.linalg.norm(matrix[:3, 2])
        assert found.head_pose[0, 0] == pytest.approx(np.degrees(np.arctan2(forward[0], forward[2])), abs=0.2)
        assert found.head_pose[0, 1] == pytest.approx(np.degrees(np.arcsin(forward[1])), abs=0.2)


@real
def test_it_follows_a_face_and_keeps_nothing_from_clip_to_clip(landmarker: FaceLandmarker, frames: np.ndarray) -> None:
    first = landmarker(frames)
    landmarker(frames[:, ::-1, ::-1])
    black = np.zeros_like(frames[:1])
    again = landmarker(np.concatenate([frames[:6], black, frames[6:]]))
    assert again.has_face.tolist() == [True] * 6 + [False] + [True] * 6
    assert np.array_equal(again.points[:6], first.points[:6])
    assert np.abs(again.points[7:] - first.points[6:])[..., :2].mean() < 2
    assert not landmarker(np.random.default_rng(0).integers(0, 255, (2, 64, 90, 3)).astype(np.uint8)).has_face.any()
    assert not landmarker(np.zeros((1, 1, 1, 3), np.uint8)).has_face.any()


@real
def test_mirrored_and_turned_pictures(landmarker: FaceLandmarker, frames: np.ndarray) -> None:
    import cv2

    first = landmarker(frames[:4])
    mirrored = landmarker(np.ascontiguousarray(frames[:4, :, ::-1]))
    back = mirrored.points[:, MIRRORED_POINTS] * (-1, 1, 1) + (480, 0, 0)
    assert np.abs(back - first.points)[..., :2].mean() < 2
    assert np.abs(mirrored.head_pose * (-1, 1, -1) - first.head_pose).max() < 2
    blinks = [BLENDSHAPES.index("eyeBlinkLeft"), BLENDSHAPES.index("mouthSmileRight")]
    assert np.abs(mirrored.blendshapes[:, MIRRORED_BLENDSHAPES] - first.blendshapes)[:, blinks].max() < 0.2
    turn = cv2.getRotationMatrix2D((240, 240), -20, 1)  # OpenCV counts against the clock
    turned = landmarker(np.stack([cv2.warpAffine(frame, turn, (480, 480)) for frame in frames[:4]]))
    assert np.abs(turned.head_pose[:, 2] - first.head_pose[:, 2] - 20).max() < 2


@real
def test_the_nearest_of_two_faces_is_followed(landmarker: FaceLandmarker, frames: np.ndarray) -> None:
    """A large face to the left of the middle, a small one on the right; then the large one is gone for a frame."""
    import cv2

    wide = np.full((6, 480, 960, 3), 200, np.uint8)
    wide[:, :, 160:640] = frames[:6]
    wide[:, 40:240, 740:940] = [cv2.resize(frame, (200, 200), interpolation=cv2.INTER_AREA) for frame in frames[:6]]
    assert len(landmarker.faces(wide[0])) == 2
    found = landmarker(wide)
    assert (found.points[:, 4, 0] < 640).all()
    small = landmarker(wide[:, :, 640:])
    assert (small.points[:, 4, 0] > 100).all()


@real
def test_it_gives_labels_their_five_points(landmarker: FaceLandmarker, frames: np.ndarray) -> None:
    detector = open_detector("mediapipe", weights=TASK)
    assert detector.settings()["name"] == "mediapipe"
    ours = [found[0].landmarks_px for found in detector.detect(frames[:3])]
    assert np.allclose(np.array(ours[0]), five_of_478(landmarker(frames[:1]).points[0]), atol=1e-4)
    yunet = open_detector("yunet", weights=SHARED / "weights" / "face_detection_yunet_2023mar.onnx")
    theirs = [found[0].landmarks_px for found in yunet.detect(frames[:3])]
    assert np.abs(np.array(ours) - np.array(theirs)).max() < 12  # of a face 250 px wide
