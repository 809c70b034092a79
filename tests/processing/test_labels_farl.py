"""FaRL against the published computation, and its alignment against plain geometry."""

import hashlib
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.devices import Batcher, Precision
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.alignment import TARGET_POINTS, align_faces, five_of_68, left_to_right, similarity
from mmvoxceleb.processing.labels.models import FaRLModel
from mmvoxceleb.processing.labels.stage import LabelStage
from mmvoxceleb.processing.networks.farl import FaRLAttributes
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.schema import ATTRIBUTES, Folder
from mmvoxceleb.stores import open_store
from tests.support.attribute_model import BrightFaces
from tests.support.corpus import png
from tests.support.farl_recipe import pictures, state_dict

REFERENCE = np.load(Path(__file__).parent / "reference" / "farl_seed0.npz")
LANDMARKS = REFERENCE["landmarks"]
TARGETS = [
    (93.10779968, 106.52508160), (130.39183360, 105.87946880), (111.80915200, 129.47226880),
    (95.28798720, 146.36222720), (129.60949120, 145.76723840),
]  # fmt: skip


Told = tuple[AttributePredictor, NDArray[np.float32]]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "face_attribute.farl.celeba.pt"
    torch.save(state_dict(), path)
    return path


def test_logits_equal_the_published_computation(checkpoint: Path) -> None:
    probabilities = AttributePredictor(checkpoint, device="cpu", batch_size=2)(pictures(), LANDMARKS)
    assert probabilities.dtype == np.float32
    logits = np.log(probabilities.astype(np.float64) / (1 - probabilities.astype(np.float64)))
    np.testing.assert_allclose(logits, REFERENCE["logits"], atol=2e-3, rtol=0)
    assert np.abs(logits - REFERENCE["logits"]).max() < 3e-4  # what we reach
    assert tuple(REFERENCE["labels"]) == ATTRIBUTES


@pytest.fixture(scope="module")
def told(checkpoint: Path) -> Told:
    """A predictor that was asked for batches of three on the CPU, and what it says of three frames."""
    predictor = AttributePredictor(checkpoint, device="cpu", batch_size=3)
    return predictor, predictor(pictures(), LANDMARKS)


def test_neither_batch_nor_place_nor_threads_change_a_bit_on_a_cpu(told: Told) -> None:
    (predictor, together), frames, before = told, pictures(), torch.get_num_threads()
    assert predictor.computation()["batch_sizes"] == [1]
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert np.array_equal(predictor(frames[2:], LANDMARKS[2:])[0], together[2])
    finally:
        torch.set_num_threads(before)
    # what one frame at a time is for
    with torch.inference_mode():
        model = predictor.model
        (at_once,) = model.compute(*model.prepare(torch.from_numpy(frames), torch.from_numpy(LANDMARKS)))
    assert not np.array_equal(at_once.numpy(), together)


def test_a_gpus_batches_are_filled_up_and_halved_with_their_landmarks(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor, together = told
    # a GPU's batches, computed on the CPU
    monkeypatch.setattr(predictor.model, "batcher", Batcher(torch.device("cuda"), 4, most=16, bytes_per_frame=1))
    sizes, compute = [], predictor.model.compute

    def tight(frames: Any, places: Any) -> Any:
        sizes.append((len(frames), len(places)))
        if len(frames) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return compute(frames, places)

    monkeypatch.setattr(predictor.model, "compute", tight)
    np.testing.assert_allclose(predictor(pictures(), LANDMARKS), together, atol=1e-5)
    assert sizes == [(4, 4), (2, 2), (2, 2)]
    assert predictor.computation()["batch_sizes"] == [2]


def test_unusable_landmarks_are_named_by_the_frame_of_the_call(checkpoint: Path) -> None:
    landmarks = LANDMARKS.copy()
    landmarks[2] = 7
    with pytest.raises(ConfigError, match="frame 2 are not five points"):
        AttributePredictor(checkpoint, device="cpu")(pictures(), landmarks)


def test_aligned_input_equals_the_published_one() -> None:
    faces = align_faces(torch.from_numpy(pictures()), LANDMARKS).numpy()
    assert faces.shape == (3, 3, 224, 224)
    picked = faces[tuple(REFERENCE["sample_idx"].astype(int).T)]
    np.testing.assert_allclose(picked, REFERENCE["sample_val"], atol=1e-3, rtol=0)


def test_matrix_equals_the_published_one() -> None:
    np.testing.assert_allclose(similarity(LANDMARKS), REFERENCE["matrix"], atol=1e-4)
    np.testing.assert_allclose(TARGET_POINTS, TARGETS, atol=1e-7)


def test_similarity_recovers_a_known_turn_of_a_non_square_picture() -> None:
    angle, scale, shift = 0.4, 2.5, np.array([300.0, 40.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity([TARGET_POINTS @ turn.T + shift])[0]
    np.testing.assert_allclose(np.linalg.inv(matrix)[:2], np.column_stack([turn, shift]), atol=1e-9)


def test_alignment_is_the_affine_warp_of_opencv_on_a_wide_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    points = np.array([[[60, 40], [90, 42], [76, 55], [64, 70], [88, 71]]], np.float32)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    matrix = np.linalg.inv(half) @ similarity(points)[0] @ half
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    warped = cv2.warpAffine(picture.astype(np.float32) / 255, matrix[:2], (224, 224), flags=cv2.INTER_LINEAR)
    ours = align_faces(torch.from_numpy(picture[None]), points)[0].permute(1, 2, 0).numpy()
    # OpenCV 4 rounds positions to 1/32 of a pixel
    assert np.abs(ours - (warped - mean) / deviation).mean() < 0.03
    assert np.allclose(ours[0, 0], -np.array(mean) / deviation, atol=1e-5)  # outside the picture is black


def test_landmarks_come_into_the_order_of_the_picture() -> None:
    points = np.array([[90, 42], [60, 40], [76, 55], [64, 70], [88, 71]], np.float32)
    ordered = left_to_right(points)
    assert ordered[:2, 0].tolist() == [60, 90]
    assert ordered[2:].tolist() == points[2:].tolist()
    assert left_to_right(np.stack([points, ordered]))[0].tolist() == ordered.tolist()


def test_five_of_68_points() -> None:
    points = np.zeros((68, 2), np.float32)
    points[36:42] = [[8, 10], [9, 9], [11, 9], [12, 10], [11, 11], [9, 11]]
    points[42:48] = points[36:42] + np.array([20, 0])
    points[30], points[48], points[54] = (20, 20), (12, 30), (28, 30)
    assert five_of_68(points).tolist() == [[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]]
    with pytest.raises(ConfigError, match="68 points"):
        five_of_68(np.zeros((5, 2)))


def test_network_has_the_published_tensors() -> None:
    with torch.device("meta"):
        network = FaRLAttributes()
    state = network.state_dict()
    assert len(state) == 158
    assert sum(tensor.numel() for tensor in state.values()) == 85_833_259
    assert not list(network.buffers())


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.full((1, 5, 2), np.nan), "frame 0 are not five points"),
        (np.full((1, 5, 2), 7.0), "frame 0 are not five points"),
        (np.zeros((1, 4, 2)), r"\[N, 5, 2\]"),
    ],
)
def test_unusable_landmarks(points: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        align_faces(torch.zeros(1, 8, 8, 3, dtype=torch.uint8), points)


def test_wrong_arguments_of_the_predictor(tmp_path: Path) -> None:
    predictor = AttributePredictor(tmp_path / "absent.pt", device="cpu")
    frames = np.zeros((2, 8, 12, 3), np.uint8)
    with pytest.raises(WeightsError, match=r"absent\.pt: there is no such weights file"):
        predictor(frames, LANDMARKS[:2])
    with pytest.raises(ConfigError, match="needs landmarks"):
        predictor(frames)
    with pytest.raises(ConfigError, match=r"landmarks must be \[2, 5, 2\]"):
        predictor(frames, LANDMARKS)
    with pytest.raises(ConfigError, match=r"uint8 \[N, H, W, 3\] in RGB order, got float32"):
        predictor(frames.astype(np.float32), LANDMARKS[:2])
    with pytest.raises(ConfigError, match="unknown precision 'int8'"):
        AttributePredictor(precision=cast(Precision, "int8"))
    assert predictor(frames[:0], LANDMARKS[:0]).shape == (0, 40)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"head.final_fc.weight": torch.zeros(10, 768), "fc.bias": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match=r"does not fit FaRLAttributes: 157 missing.*1 unexpected: fc\.bias"):
        AttributePredictor(path, device="cpu")(pictures()[:1], LANDMARKS[:1])


def test_stage_uses_the_frames_that_have_a_face(checkpoint: Path, tmp_path: Path) -> None:
    frames = np.stack([np.zeros_like(pictures()[0]), pictures()[0]])  # a black frame, then a face
    clip_id = "id10001#video#00001.txt#000.mp4"
    files = [(f"{index * 5:07d}.png", png(frame)) for index, frame in enumerate(frames)]
    StoreWriter(tmp_path).write(Folder("video"), clip_id, files)
    predictor = AttributePredictor(checkpoint, device="cpu")
    detector = BrightFaces(LANDMARKS[0][[1, 0, 2, 4, 3]])  # names the sides the other way round
    stage = LabelStage(predictor, detector, thresholds={"Male": 0.99})
    work = Work(StoredClips(open_store(tmp_path)), StoreWriter(tmp_path), [stage])
    run_local(work).raise_if_failed()
    meta = Provenance(tmp_path).read(clip_id)
    assert meta["label"]["frames_used"] == [5]
    expected = REFERENCE["probs"][0]
    probabilities = list(meta["label"]["probabilities"].values())
    np.testing.assert_allclose(probabilities, expected, atol=5e-4)
    label = [int(value > 0.5) for value in expected]
    label[ATTRIBUTES.index("Male")] = int(expected[ATTRIBUTES.index("Male")] > 0.99)
    written = (tmp_path / "label" / f"{clip_id}.txt").read_text()
    assert written == ",".join(map(str, label))
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert meta["label_source"] == f"predicted:farl-celeba@{sha256}"


def test_bf16_on_a_cpu_stays_close_and_is_told(checkpoint: Path, tmp_path: Path) -> None:
    clip_id = "id10001#video#00001.txt#000.mp4"
    StoreWriter(tmp_path).write(Folder("video"), clip_id, [("0000000.png", png(pictures()[0]))])
    predictor = AttributePredictor(checkpoint, device="cpu", precision="bf16")
    stage = LabelStage(predictor, BrightFaces(LANDMARKS[0]))
    run_local(Work(StoredClips(open_store(tmp_path)), StoreWriter(tmp_path), [stage])).raise_if_failed()
    meta = Provenance(tmp_path).read(clip_id)["label"]
    assert meta["settings"]["precision"] == "bf16"
    assert meta["computation"]["device"].startswith("cpu ")
    apart = np.abs(np.array(list(meta["probabilities"].values())) - REFERENCE["probs"][0])
    assert 5e-4 < apart.max() < 0.05  # rounded, as asked for


@pytest.mark.gpu
def test_half_precision_on_the_device_stays_close(checkpoint: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    limits: dict[Precision, float] = {"fp32": 2e-3, "auto": 0.05, "bf16": 0.2}
    for precision, limit in limits.items():
        predictor = AttributePredictor(checkpoint, device="cuda", precision=precision)
        predictor(pictures(), LANDMARKS)
        assert isinstance(predictor.model, FaRLModel)
        tensors = torch.from_numpy(pictures()), torch.from_numpy(LANDMARKS)
        with torch.inference_mode():
            logits = predictor.model.logits(*predictor.model.prepare(*tensors)).cpu().numpy()
        assert np.abs(logits - REFERENCE["logits"]).max() < limit
