"""The two networks compute what the originals computed, from the same keys; see tests/support/pseudo_weights.py."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.processing.drawings import DrawStage, PortraitDrawer
from mmvoxceleb.processing.masks import FaceParser, MaskStage, make_parser
from mmvoxceleb.processing.masks.parser import first_largest
from mmvoxceleb.processing.networks.bisenet import BiSeNet
from mmvoxceleb.processing.networks.portrait import PortraitGenerator
from mmvoxceleb.processing.resize import resize_bilinear, resize_bilinear_pillow, resized_on
from mmvoxceleb.processing.weights import fit_state_dict
from tests.conftest import SHARED
from tests.support.pseudo_weights import REFERENCE, digest, fill, picture, read_keys

SEED0 = np.load(REFERENCE / "seed0.npz")
FULL = SHARED / "reference" / "seed0"
needs_full = pytest.mark.skipif(not FULL.is_dir(), reason="the full references are not beside the repository")


def different(ids: Any, path: Path) -> int:
    return int((np.asarray(Image.open(path)) != ids).sum())


def grey_levels_apart(drawing: Any, expected: Any) -> tuple[int, int]:
    apart = np.abs(drawing.astype(int) - expected.astype(int))
    return int(apart.max()), int((apart > 0).sum())


@pytest.fixture(params=["torch", "ncnn"])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param == "ncnn":
        pytest.importorskip("ncnn")
    return str(request.param)


def test_recipe_gives_the_weights_of_the_references() -> None:
    assert digest(fill(read_keys("bisenet"))) == "9fe5aff2b1f5974f04bcd07e349097aa1a93b38fc2c96d777a5762aef0004b8f"
    assert digest(fill(read_keys("drawing"))) == "93ebcde17c871811e1dc50b586f74b31234187947842be089984e323576f9526"


@pytest.mark.parametrize(("network", "name"), [(BiSeNet, "bisenet"), (PortraitGenerator, "drawing")])
def test_keys_and_shapes_are_the_published_ones(network: type[torch.nn.Module], name: str) -> None:
    with torch.device("meta"):
        state = network().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == read_keys(name)


def test_masks_are_the_originals(mask_weights: Path, backend: str) -> None:
    ids = FaceParser(mask_weights, "cpu", backend=backend)(picture(0)[None])
    assert ids.shape == (1, 512, 512)
    assert different(ids[0], REFERENCE / "classes_0.png") <= 26  # 99.99 % of 262,144 pixels


def normalised(parser: FaceParser) -> torch.Tensor:
    """The first picture as the network gets it."""
    return parser._normalised(*parser.prepare(torch.from_numpy(picture(0)[None])))


def test_logits_and_all_three_heads(mask_weights: Path) -> None:
    network = BiSeNet()
    fit_state_dict(network, torch.load(mask_weights, weights_only=True))
    network.eval()
    pictures = normalised(FaceParser(mask_weights, "cpu"))
    rows, columns = SEED0["positions"].T.astype(int)
    with torch.inference_mode():
        plain, *auxiliary = network.forward_with_auxiliary(pictures)
        folded = network.fold()(pictures)
    for logits in (plain, folded):
        large = functional.interpolate(logits, (512, 512), mode="bilinear", align_corners=True)
        assert np.abs(large[0][:, rows, columns].T.numpy() - SEED0["logits"]).max() < 1e-3
    assert [tuple(logits.shape) for logits in auxiliary] == [(1, 19, 64, 64), (1, 19, 32, 32)]
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.cp.modules())


def test_ncnn_gives_the_logits_of_the_original(mask_weights: Path) -> None:
    pytest.importorskip("ncnn")
    parser = FaceParser(mask_weights, "cpu", backend="ncnn")
    parser.setup()
    rows, columns = SEED0["positions"].T.astype(int)
    with torch.inference_mode():
        large = parser._enlarged(*parser.prepare(torch.from_numpy(picture(0)[None])))
    assert np.abs(large[0][:, rows, columns].T.numpy() - SEED0["logits"]).max() < 1e-3


@pytest.mark.parametrize(
    "options", [{"precision": "bf16"}, {"compile": True}, {"device": "cuda"}], ids=["precision", "compile", "device"]
)
def test_ncnn_is_taken_where_it_can_compute_alone(options: dict[str, Any]) -> None:
    pytest.importorskip("ncnn")
    if options.get("device") == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert FaceParser(device="cpu").backend == PortraitDrawer(device="cpu").backend == "ncnn"
    options = {"device": "cpu", **options}
    assert FaceParser(**options).backend == PortraitDrawer(**options).backend == "torch"
    for make in (FaceParser, PortraitDrawer):
        with pytest.raises(ConfigError, match=r"ncnn backend computes fp32 on the CPU"):
            make(backend="ncnn", **options)


def test_provenance_tells_the_backend(mask_weights: Path, drawing_weights: Path, backend: str) -> None:
    drawer = PortraitDrawer(drawing_weights, device="cpu", backend=backend)
    for stage in (MaskStage(FaceParser(mask_weights, "cpu", backend=backend)), DrawStage(drawer)):
        assert stage.settings()["backend"] == backend


def test_drawings_are_the_originals_in_two_styles(drawing_weights: Path, backend: str) -> None:
    drawings = PortraitDrawer(drawing_weights, ("style1", "style2"), "cpu", backend=backend)(picture(0)[None])
    assert list(drawings) == ["style1", "style2"]
    y, x = SEED0["crop_corner"]
    rows, columns = SEED0["positions"].T.astype(int)
    for number, drawing in enumerate(drawings.values()):
        expected = SEED0["drawing_crops"][number]
        largest, count = grey_levels_apart(drawing[0, y : y + 64, x : x + 96], expected)
        assert largest <= 1
        assert count <= 20
        sampled = (SEED0["drawing"][number] + 1) / 2 * 255
        assert np.abs(drawing[0, rows, columns] + 0.5 - sampled).max() < 0.52  # truncated, so half a level below


@needs_full
def test_masks_meet_the_full_references(mask_weights: Path, backend: str) -> None:
    ids = FaceParser(mask_weights, "cpu", backend=backend)(np.stack([picture(index) for index in range(3)]))
    assert max(different(ids[index], FULL / f"classes_{index}.png") for index in range(3)) <= 26


@needs_full
def test_drawing_meets_the_full_reference(drawing_weights: Path, backend: str) -> None:
    drawing = PortraitDrawer(drawing_weights, ("style3",), "cpu", backend=backend)(picture(1)[None])["style3"][0]
    largest, count = grey_levels_apart(drawing, np.asarray(Image.open(FULL / "draw3_1.png")))
    assert largest <= 1
    assert count <= 262


def test_a_frame_gives_the_same_mask_in_any_batch(mask_weights: Path, backend: str) -> None:
    frames = np.stack([np.roll(picture(index % 3), index * 17, axis=1) for index in range(3)])
    parser = FaceParser(mask_weights, "cpu", backend=backend)
    together = parser(frames)
    assert np.array_equal(together[2], parser(frames[2:3])[0])
    by_twos = FaceParser(mask_weights, "cpu", batch_size=2, backend=backend)
    assert np.array_equal(by_twos(frames)[2], by_twos(frames[2:3])[0])


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_threads_do_not_change_a_bit(mask_weights: Path, backend: str, set_threads: Callable[[int], None]) -> None:
    logits, ids = [], []
    for threads in (1, 2):
        set_threads(threads)
        parser = FaceParser(mask_weights, "cpu", backend=backend)
        ids.append(parser(picture(0)[None]))
        with torch.inference_mode():
            logits.append(parser._logits(normalised(parser)))
    assert torch.equal(*logits)
    assert np.array_equal(ids[0], ids[1])


def test_the_first_of_equal_classes_wins() -> None:
    scores = torch.from_numpy(np.random.default_rng(0).integers(-4, 4, (2, 19, 5, 7))).float()
    assert np.array_equal(first_largest(scores).numpy(), scores.numpy().argmax(axis=1))


def test_no_frames_give_no_masks_and_load_nothing(tmp_path: Path) -> None:
    assert FaceParser(tmp_path / "absent.pth", "cpu")(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 512, 512)
    drawn = PortraitDrawer(tmp_path / "absent.pth", device="cpu")(np.empty((0, 8, 8, 3), np.uint8))
    assert drawn["style1"].shape == (0, 512, 512)


def test_wrong_frames_are_explained(mask_weights: Path) -> None:
    parser = FaceParser(mask_weights, "cpu")
    with pytest.raises(ConfigError, match=r"uint8 \[N, H, W, 3\].*got float32 \[1, 4, 4, 3\]"):
        parser(np.zeros((1, 4, 4, 3), np.float32))
    with pytest.raises(ConfigError, match=r"got uint8 \[4, 4, 3\]"):
        parser(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"got uint8 \[1, 4, 4, 1\]"):
        parser(np.zeros((1, 4, 4, 1), np.uint8))


def test_wrong_names_are_explained() -> None:
    with pytest.raises(ConfigError, match=r"'style9'.*style1, style2, style3"):
        PortraitDrawer(styles=("style9",))
    with pytest.raises(ConfigError, match="'int4'"):
        FaceParser(precision="int4")
    with pytest.raises(ConfigError, match="unknown backend 'abacus'"):
        FaceParser(backend="abacus")
    with pytest.raises(ConfigError, match="ncnn backend goes with the bisenet parser"):
        make_parser("transformers:somebody/some-model", backend="ncnn")
    with pytest.raises(ConfigError, match="unknown device 'abacus'"):
        FaceParser(device="abacus")
    with pytest.raises(ConfigError, match="'cuda:99' is not on this machine"):
        FaceParser(device="cuda:99")


def test_weights_of_another_network_are_refused(mask_weights: Path, drawing_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"200_net_G_A\.pth: does not fit BiSeNet: 191 missing: cp\.resnet"):
        FaceParser(drawing_weights, "cpu")(picture(0)[None])
    with pytest.raises(WeightsError, match=r"79999_iter\.pth: does not fit PortraitGenerator: 50 missing: model0"):
        PortraitDrawer(mask_weights, device="cpu")(picture(0)[None])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((256, 256), (512, 512)),
        ((224, 224), (512, 512)),
        ((720, 640), (512, 512)),
        ((480, 512), (512, 512)),
        ((1024, 700), (512, 512)),
        ((37, 1111), (512, 512)),
        ((1, 3), (512, 512)),
        ((300, 200), (224, 190)),
        ((200, 300), (224, 512)),
    ],
)
def test_resize_on_the_device_is_pillows(source: tuple[int, int], target: tuple[int, int]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, *source, 3), dtype=np.uint8)
    expected = resize_bilinear_pillow(pictures, *target)
    assert expected.shape == (2, *target, 3)
    assert np.array_equal(resize_bilinear(torch.from_numpy(pictures), *target).numpy(), expected)
    assert np.array_equal(resized_on(torch.device("cpu"), torch.from_numpy(pictures), *target).numpy(), expected)


def test_non_square_frames_are_squashed_as_the_original_did(mask_weights: Path) -> None:
    wide = np.ascontiguousarray(picture(0)[:100, :180])
    square = np.asarray(Image.fromarray(wide).resize((512, 512), Image.Resampling.BILINEAR))
    parser = FaceParser(mask_weights, "cpu")
    assert np.array_equal(parser(wide[None]), parser(square[None]))


@pytest.mark.gpu
def test_gpu_agrees_with_the_cpu(mask_weights: Path, drawing_weights: Path) -> None:
    if not torch.cuda.is_available():
        if os.environ.get("MMVOXCELEB_REQUIRE_GPU"):
            pytest.fail("MMVOXCELEB_REQUIRE_GPU is set and there is no CUDA device")
        pytest.skip("no CUDA device")
    frames = np.stack([picture(index) for index in range(3)])
    exact = FaceParser(mask_weights, "cpu")(frames)
    assert np.array_equal(
        FaceParser(mask_weights, "cuda", "fp32")(frames), FaceParser(mask_weights, "cuda", "fp32")(frames)
    )
    assert (FaceParser(mask_weights, "cuda", "fp32")(frames) != exact).sum(axis=(1, 2)).max() <= 50
    assert (FaceParser(mask_weights, "cuda")(frames) == exact).mean() >= 0.99
    drawn = PortraitDrawer(drawing_weights, device="cpu")(frames[:1])["style1"].astype(int)
    half = PortraitDrawer(drawing_weights, device="cuda")(frames[:1])["style1"].astype(int)
    assert np.abs(drawn - half).mean() <= 1
