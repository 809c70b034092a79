import pickle
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.processing.detectors import DETECTORS, Detection, YuNetDetector, open_detector
from mmvoxceleb.processing.detectors.s3fd import S3FDDetector
from mmvoxceleb.processing.detectors.yunet import parse_faces
from tests.support.videos import portrait, resized


def test_haar_finds_the_portrait_and_scales_with_the_picture() -> None:
    picture = resized(portrait(), 512, 512)
    detector = open_detector("haar")
    small = resized(portrait(), 360, 360)
    big_faces, small_faces = detector.detect(picture[None])[0], detector.detect([small])[0]
    left, top, right, bottom = big_faces[0].box_xyxy_px
    # the eyes are near (194, 222) and (308, 228), the chin near (250, 400)
    assert left < 180 < 320 < right
    assert top < 210 < 340 < bottom < 420
    grown = small_faces[0].scaled(512 / 360, 512 / 360).box_xyxy_px
    assert np.allclose(grown, big_faces[0].box_xyxy_px, atol=12)


def test_haar_gives_the_same_for_a_picture_in_any_batch_and_none_for_an_empty_one() -> None:
    picture = portrait()
    flat = np.full_like(picture, 90)
    detector = pickle.loads(pickle.dumps(open_detector("haar")))
    alone = detector.detect([picture])[0]
    batch = detector.detect(np.stack([flat, picture, picture]))
    assert batch[0] == []
    for faces in batch[1:]:
        assert [(face.box_xyxy_px, face.score) for face in faces] == [(face.box_xyxy_px, face.score) for face in alone]


def test_haar_gives_faces_that_are_higher_than_wide() -> None:
    (face, *_) = open_detector("haar").detect([resized(portrait(), 360, 360)])[0]
    left, top, right, bottom = face.box_xyxy_px
    assert (right - left) / (bottom - top) == pytest.approx(0.9)
    middle = (left + right) / 2, (top + bottom) / 2
    # the eyes are near (136, 156) and (217, 160), the chin near (176, 281)
    assert abs(middle[0] - 176) < 10
    assert 184 < middle[1] < 205


def test_haar_finds_a_face_near_its_last_box_and_only_there() -> None:
    wall = np.full((360, 640, 3), 90, np.uint8)
    wall[52:308, :256], wall[52:308, 384:] = portrait(), portrait()
    detector = open_detector("haar")
    faces = detector.detect([wall])[0]
    assert len(faces) == 2
    for face in faces:
        left, top, right, bottom = face.box_xyxy_px
        (near,) = detector.detect_near(wall, (left + 25, top - 20, right + 25, bottom - 20))
        assert np.allclose(near.box_xyxy_px, face.box_xyxy_px, atol=10)
        side = bottom - top
        assert detector.detect_near(wall, (left, top, left + side / 5, top + side / 5)) == []
        assert detector.detect_near(wall, face.box_xyxy_px, min_face_px=2 * side) == []
    assert detector.detect_near(wall, (290, 120, 350, 190)) == []
    assert detector.detect_near(wall, (700, 400, 800, 500)) == []


def test_the_cascade_takes_no_weights() -> None:
    with pytest.raises(ConfigError, match="takes no weights"):
        open_detector("haar", weights="x.xml")


def test_an_unknown_detector_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="s3fd, yunet, mediapipe, haar"):
        open_detector("mtcnn")
    assert set(DETECTORS) == {"s3fd", "yunet", "mediapipe", "haar"}


def test_scaling_a_detection_scales_its_points() -> None:
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    scaled = Detection((1, 2, 3, 6), 0.5, points).scaled(2, 3)
    assert scaled.box_xyxy_px == (2, 6, 6, 18)
    assert scaled.area_px == 48
    assert scaled.landmarks_px is not None
    assert scaled.landmarks_px.dtype == np.float32
    assert np.array_equal(scaled.landmarks_px, points * (2, 3))


def test_rows_of_yunet_become_boxes_and_points_with_the_surest_first() -> None:
    row = [10, 20, 30, 40, 15, 30, 35, 31, 25, 40, 17, 50, 33, 51]
    faces = np.array([[*row, 0.7], [*row, 0.9]], np.float32)
    first, second = parse_faces(faces)
    assert (first.score, second.score) == pytest.approx((0.9, 0.7))
    assert first.box_xyxy_px == (10, 20, 40, 60)
    assert first.landmarks_px is not None
    assert first.landmarks_px.tolist() == [[15, 30], [35, 31], [25, 40], [17, 50], [33, 51]]
    left_eye, right_eye, nose, left_mouth, right_mouth = first.landmarks_px
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert parse_faces(None) == []


@pytest.mark.parametrize("name", ["yunet", "s3fd"])
def test_missing_weights_name_the_file(name: str, tmp_path: Path) -> None:
    if name == "s3fd":
        pytest.importorskip("face_alignment")
    detector = open_detector(name, weights=tmp_path / "absent.bin")
    with pytest.raises(WeightsError, match=r"absent\.bin"):
        detector.detect([np.zeros((64, 64, 3), np.uint8)])


@pytest.mark.parametrize("name", ["yunet", "s3fd"])
def test_a_file_that_is_no_network_is_refused(name: str, tmp_path: Path) -> None:
    if name == "s3fd":
        pytest.importorskip("face_alignment")
    path = tmp_path / "weights.bin"
    path.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(WeightsError, match=r"weights\.bin"):
        open_detector(name, weights=path).setup()


# --- YuNet through OpenCV's real FaceDetectorYN, on a hand-made network of the same outputs ------------------------


def _field(number: int, payload: int | float | str | bytes) -> bytes:
    if isinstance(payload, int):
        return _varint(number << 3) + _varint(payload)
    if isinstance(payload, float):
        return _varint(number << 3 | 5) + struct.pack("<f", payload)
    payload = payload.encode() if isinstance(payload, str) else payload
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _ints(name: str, *values: int) -> bytes:
    return _field(5, _field(1, name) + b"".join(_field(8, value) for value in values) + _field(20, 7))


def _node(kind: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    body = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(3, output) + _field(4, kind)
    return _field(1, body + b"".join(attributes))


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = {"float32": 1, "int64": 7}[str(array.dtype)]
    body = b"".join(_field(1, size) for size in array.shape) + _field(2, kind) + _field(8, name)
    return _field(5, body + _field(9, array.tobytes()))


def _value(number: int, name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_field(1, _field(1, size)) for size in shape)
    return _field(number, _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims))))


def write_yunet_like(path: Path, size: int = 64) -> Path:
    """An ONNX file with YuNet's 12 outputs: a cell is a face where its picture is red, of one cell's size."""
    graph = b""
    for stride in (8, 16, 32):
        for head, channels in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            weight = np.zeros((channels, 3, stride, stride), np.float32)
            bias = np.zeros(channels, np.float32)
            if head in ("cls", "obj") and stride == 8:
                weight[:, 2] = 1 / (255 * stride * stride)  # the third channel of BGR
                weight[:, 0] = weight[:, 1] = -1 / (255 * stride * stride)
            elif head == "kps":
                bias[:] = [-0.25, -0.25, 0.25, -0.25, 0, 0, -0.25, 0.25, 0.25, 0.25]
            name = f"{head}_{stride}"
            graph += _tensor(name + "_w", weight) + _tensor(name + "_b", bias)
            graph += _tensor(name + "_s", np.array([1, -1, channels], np.int64))
            attributes = _ints("strides", stride, stride), _ints("kernel_shape", stride, stride)
            graph += _node("Conv", ["input", name + "_w", name + "_b"], name + "_c", *attributes)
            graph += _node("Transpose", [name + "_c"], name + "_t", _ints("perm", 0, 2, 3, 1))
            graph += _node("Reshape", [name + "_t", name + "_s"], name)
            graph += _value(12, name, (1, (size // stride) ** 2, channels))
    graph = _field(2, "like") + graph + _value(11, "input", (1, 3, size, size))
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13)))
    return path


def test_yunet_runs_in_opencv_with_rgb_order_pixels_and_landmarks(tmp_path: Path) -> None:
    detector = YuNetDetector(weights=write_yunet_like(tmp_path / "like.onnx"))
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    frames[1, 16:24, 40:48] = (255, 0, 0)  # one red cell: columns 40 to 48, rows 16 to 24
    frames[0, 16:24, 40:48] = (0, 0, 255)
    nothing, faces = detector.detect(frames)
    assert nothing == []
    (face,) = faces
    # the box is 8 px wide around the corner (40, 16) of the cell, as YuNet's anchors are
    assert np.allclose(face.box_xyxy_px, (36, 12, 44, 20), atol=0.01)
    assert face.score == pytest.approx(1)
    assert face.landmarks_px is not None
    assert np.allclose(face.landmarks_px, [[38, 14], [42, 14], [40, 16], [38, 18], [42, 18]], atol=0.01)
    settings = detector.settings()
    assert len(settings["weights_sha256"]) == 64
    assert settings["name"] == "yunet"


# --- S3FD through face-alignment's real network, with weights made by hand -----------------------------------------


@pytest.fixture(scope="module")
def s3fd_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of the real network in which a cell of stride 4 is a face where red shines through."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("face_alignment")
    from face_alignment.detection.sfd.net_s3fd import s3fd

    state = {name: torch.zeros_like(value) for name, value in s3fd().state_dict().items()}
    state["conv1_1.weight"][0, 2, 1, 1] = 1  # the third channel of BGR
    for name in ("conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3"):
        state[f"{name}.weight"][0, 0, 1, 1] = 1
    state["conv3_3_norm.weight"][:] = 10
    state["conv3_3_norm_mbox_conf.weight"][3, 0, 1, 1] = 1
    state["conv3_3_norm_mbox_conf.bias"][3] = -5
    for name in ("conv4_3_norm", "conv5_3_norm", "fc7", "conv6_2", "conv7_2"):
        state[f"{name}_mbox_conf.bias"][0] = 9  # no face at the other strides
    path = tmp_path_factory.mktemp("weights") / "s3fd.pth"
    torch.save(state, path)
    return path


def test_s3fd_sees_rgb_pictures_as_the_network_wants_them(s3fd_weights: Path) -> None:
    detector = open_detector("s3fd", weights=s3fd_weights, device="cpu")
    frames = np.zeros((3, 64, 96, 3), np.uint8)
    frames[1, 32:36, 60:64] = (255, 0, 0)  # red: one cell of stride 4
    frames[2, 32:36, 60:64] = (0, 0, 255)  # blue is nothing to this network
    red = detector.detect(frames)
    assert [len(faces) for faces in red] == [0, 1, 0]
    # a box of 16 px around the middle of the cell, continuous coordinates
    assert np.allclose(red[1][0].box_xyxy_px, (54, 26, 70, 42), atol=0.01)
    assert red[1][0].score == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-4)
    assert red[1][0].landmarks_px is None
    assert detector.settings()["min_score"] == 0.5
    computation = detector.computation()
    assert computation["device"].startswith("cpu ")
    assert computation["batch_sizes"] == [8]
    assert set(computation["libraries"]) == {"face-alignment", "torch"}


def test_s3fd_batches_do_not_mix_pictures(s3fd_weights: Path) -> None:
    detector = open_detector("s3fd", weights=s3fd_weights, device="cpu")
    rng = np.random.default_rng(0)
    frames = np.zeros((5, 64, 64, 3), np.uint8)
    for frame in frames[:4]:
        y, x = 4 * rng.integers(2, 13, 2)
        frame[y : y + 4, x : x + 4] = (255, 0, 0)
    assert isinstance(detector, S3FDDetector)
    detector.batch_size = 3
    together = detector.detect(frames)
    alone = [detector.detect([frame])[0] for frame in frames]
    boxes = [[face.box_xyxy_px for face in faces] for faces in together]
    assert boxes == [[face.box_xyxy_px for face in faces] for faces in alone]
    assert [len(faces) for faces in boxes] == [1, 1, 1, 1, 0]


def test_s3fd_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[s3fd\]'"):
        open_detector("s3fd", weights=tmp_path).setup()
