"""The open drawer: where lines are and are not, and how masks of the same run or an earlier one guide it."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from datasets import load_dataset
from PIL import Image

import mmvoxceleb  # noqa: F401  makes load_dataset know the name
from mmvoxceleb.cli.export import known_models
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.hub.card_facts import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.preview.clip_view import view_clip
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.drawings import DrawStage, OpenDrawer, make_drawer
from mmvoxceleb.processing.masks import MaskStage, make_parser
from mmvoxceleb.schema import CLASSES
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.corpus import clip_id_of

SIDE = 256
CLIP = clip_id_of(0)


def face(shade: int = 0) -> np.ndarray:
    """A bright disc on grey, with two pupils, a mouth and a nose: uint8 [256, 256, 3]."""
    picture = np.full((SIDE, SIDE, 3), (120, 130, 140), np.uint8)
    cv2.circle(picture, (128, 128), 90, (225, 190, 170), -1, cv2.LINE_AA)
    for x in (95, 161):
        cv2.circle(picture, (x, 105), 5, (40, 30, 30), -1, cv2.LINE_AA)
    cv2.line(picture, (95, 175), (161, 175), (120, 40, 40), 3, cv2.LINE_AA)
    cv2.line(picture, (128, 120), (128, 145), (150, 110, 100), 2, cv2.LINE_AA)
    return picture - np.uint8(shade)


def near(rows: Any, columns: Any) -> np.ndarray:
    """Mark the pixels of a drawing within 12 px of places given in px of the frame."""
    marked = np.zeros((512, 512), np.uint8)
    marked[np.clip(np.multiply(rows, 2).astype(int), 0, 511), np.clip(np.multiply(columns, 2).astype(int), 0, 511)] = 1
    return cv2.dilate(marked, np.ones((25, 25), np.uint8)) > 0


@pytest.fixture(scope="module")
def drawer() -> OpenDrawer:
    return OpenDrawer(("lines", "sketch"), device="cpu")


@pytest.fixture(scope="module")
def drawn(drawer: OpenDrawer) -> dict[str, np.ndarray]:
    return drawer(face()[None])


def test_lines_are_at_the_features_and_nowhere_else(drawn: dict[str, np.ndarray]) -> None:
    lines = drawn["lines"][0]
    angles = np.linspace(0, 2 * np.pi, 400)
    outline = near(128 + 90 * np.sin(angles), 128 + 90 * np.cos(angles))
    mouth, nose = near(np.full(67, 175), np.arange(95, 162)), near(np.arange(120, 146), np.full(26, 128))
    eyes = near([105, 105], [95, 161]) | near(105 + 9 * np.sin(angles), 95 + 9 * np.cos(angles))
    eyes |= near(105 + 9 * np.sin(angles), 161 + 9 * np.cos(angles))
    for name, place in {"outline": outline, "mouth": mouth, "nose": nose, "eyes": eyes}.items():
        assert (lines[place] < 100).mean() > 0.03, name
    assert (lines[~(outline | mouth | nose | eyes)] >= 250).all()
    assert lines[210, 190] < 100, "a pupil is black inside"


@pytest.mark.parametrize("turns", [1, 2])
def test_a_turned_face_gives_the_turned_drawing(drawer: OpenDrawer, drawn: dict[str, np.ndarray], turns: int) -> None:
    turned = drawer(np.rot90(face(), turns).copy()[None])["lines"][0].astype(int)
    apart = np.abs(turned - np.rot90(drawn["lines"][0], turns).astype(int))
    assert (apart > 40).mean() < 0.001


def test_noise_gives_no_specks_and_a_dark_face_the_same_lines(drawer: OpenDrawer, drawn: dict[str, np.ndarray]) -> None:
    noise = np.random.RandomState(0).normal(128, 5, (1, SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
    assert (drawer(noise)["lines"] < 250).mean() < 0.001
    dark = drawer(face()[None] // 5)["lines"]
    assert abs((dark < 128).mean() - (drawn["lines"] < 128).mean()) < 0.01


def test_a_mask_takes_the_background_away_and_keeps_the_outline() -> None:
    busy = face()
    busy[::16, :30] = busy[::16, -30:] = 20
    ids = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(ids, (128, 128), 90, CLASSES.index("skin"), -1)
    white = OpenDrawer(("lines", "sketch"), device="cpu", background="white")
    without, guided = white(busy[None]), white(busy[None], ids[None])
    far = cv2.dilate(cv2.resize(ids, (512, 512), interpolation=cv2.INTER_NEAREST), np.ones((31, 31), np.uint8)) == 0
    assert (without["lines"][0][far] < 128).mean() > 0.02
    assert (guided["lines"][0][far] == 255).all()
    assert (guided["sketch"][0][far] == 255).all()
    edge = near(128 + 90 * np.sin(np.arange(7)), 128 + 90 * np.cos(np.arange(7)))
    assert (guided["lines"][0][edge] < 100).mean() > 0.03


def test_a_drawing_depends_on_its_frame_alone(drawer: OpenDrawer, drawn: dict[str, np.ndarray]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        batch = OpenDrawer(("sketch", "lines"), device="cpu", batch_size=2)(np.stack([face(30), face(), face(7)]))
    finally:
        torch.set_num_threads(threads)
    assert list(batch) == ["lines", "sketch"]
    for style, pictures in batch.items():
        np.testing.assert_array_equal(pictures[1], drawn[style][0])


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (512, 512), (1024, 1024), (90, 240)])
def test_any_size_and_a_grey_picture_are_drawn(drawer: OpenDrawer, shape: tuple[int, int]) -> None:
    picture: Any = cv2.resize(face(), shape[::-1], interpolation=cv2.INTER_AREA)
    grey = np.repeat(picture[..., :1], 3, axis=2)
    lines = drawer(grey[None])["lines"]
    assert lines.shape == (1, 512, 512)
    assert lines.dtype == np.uint8
    assert (lines == 255).all() if shape == (1, 1) else (lines < 128).any()


def test_what_it_cannot_do_is_refused() -> None:
    for options, message in (
        ({"styles": ["style1"]}, "unknown style 'style1'; the known ones are lines, sketch"),
        ({"weights": "x.pth"}, "takes no weights"),
        ({"backend": "ncnn"}, "takes no ncnn backend"),
        ({"precision": "fp16"}, "computes in fp32"),
        ({"compile": True}, "no network to compile"),
        ({"background": "blue"}, "unknown background 'blue'; use keep or white"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_drawer("open", **options)
    with pytest.raises(ConfigError, match="only the open drawer"):
        make_drawer("sample", background="white")
    with pytest.raises(ConfigError, match="masks must be uint8"):
        make_drawer("open", device="cpu")(face()[None], np.zeros((2, 8, 8), np.uint8))
    with pytest.raises(ConfigError, match="uses no masks"):
        make_drawer("sample", device="cpu")(face()[None], np.zeros((1, 8, 8), np.uint8))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    clip = tmp_path / "store" / "video" / CLIP
    clip.mkdir(parents=True)
    for index in range(2):
        Image.fromarray(np.roll(face(), index, axis=1)).save(clip / f"{index:07d}.png")
    return tmp_path / "store"


def draw_stage(**options: Any) -> DrawStage:
    return DrawStage(make_drawer("open", device="cpu", **options), stride=1)


def drawings_in(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((place / "draw" / "lines" / CLIP).iterdir())}


def section(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "meta" / f"{CLIP}.json").read_text())["draw/lines"]
    return found


def test_masks_of_this_run_and_of_an_earlier_one_guide_alike(store: Path, tmp_path: Path) -> None:
    parse = MaskStage(make_parser("sample", device="cpu"), stride=1)
    Pipeline([parse, draw_stage()]).run(store, tmp_path / "together", layout="packed").raise_if_failed()
    Pipeline([parse]).run(store, tmp_path / "apart").raise_if_failed()
    Pipeline([draw_stage()]).run(store, tmp_path / "apart").raise_if_failed()
    Pipeline([draw_stage()]).run(store, tmp_path / "without").raise_if_failed()
    guided = section(tmp_path / "apart")
    assert guided["guided_by_masks"] == 2
    assert guided["input"]["mask"]["files"] == 2
    assert section(tmp_path / "together") == guided
    assert section(tmp_path / "without")["guided_by_masks"] == 0
    assert section(tmp_path / "without")["input"]["mask"] is None
    assert drawings_in(tmp_path / "apart") != drawings_in(tmp_path / "without")
    again = Pipeline([parse, draw_stage()]).run(store, tmp_path / "together")
    assert again.skipped == 1

    mask = tmp_path / "apart" / "mask" / CLIP / "0000001.png"
    mask.write_bytes(encode_palette_mask(np.ones((512, 512), np.uint8)))
    changed = Pipeline([draw_stage()]).run(store, tmp_path / "apart")
    with pytest.raises(ProcessingError, match=r"its mask changed; replace it with --overwrite"):
        changed.raise_if_failed()
    Pipeline([draw_stage()]).run(store, tmp_path / "apart", overwrite=True).raise_if_failed()


def test_without_a_mask_no_background_is_left_out(store: Path) -> None:
    summary = Pipeline([draw_stage(background="white")]).run(store, store)
    with pytest.raises(ProcessingError, match=r"2 of 2 frames have no mask.*regenerate mask"):
        summary.raise_if_failed()


def test_its_styles_are_read_shown_and_checked(store: Path, tmp_path: Path) -> None:
    Pipeline([draw_stage(styles=("lines", "sketch"))]).run(store, store).raise_if_failed()
    wanted: dict[str, Any] = {"data_dir": str(store), "modalities": ("video", "drawing"), "split": "train"}
    both = load_dataset("mmvoxceleb", styles=("lines", "sketch"), **wanted)[0]
    assert both["drawing_indices_lines"] == [0, 1]
    assert both["drawings_sketch"][0].size == (512, 512)
    one = load_dataset("mmvoxceleb", styles=("lines",), **wanted)[0]
    assert one["drawings"][0].mode == "L"
    assert view_clip(open_store(store), CLIP, style="sketch")
    assert not [problem for problem in validate_store(open_store(store), deep=True).problems if "draw" in str(problem)]
    settings = ExportSettings(modalities=("video", "drawing"), styles=("sketch",))
    export_store(store, tmp_path / "export", settings, facts=CardFacts(models=known_models()))
    card = (tmp_path / "export" / "README.md").read_text()
    assert "| draw/lines+sketch | coherent line drawing, without weights | `none: coherent-lines` | MIT;" in card
