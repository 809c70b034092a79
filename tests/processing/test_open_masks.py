"""Masks from landmarks, a person's outline and colours: on a drawn head with real landmarks, and as a stage."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mmvoxceleb import load_dataset
from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import LandmarkStage, MaskStage, Pipeline
from mmvoxceleb.processing.landmarks import OneEuro
from mmvoxceleb.processing.landmarks.smoothing import kept_near
from mmvoxceleb.processing.masks import OpenParser, make_parser
from mmvoxceleb.processing.masks.face_regions import painted
from mmvoxceleb.processing.masks.head_geometry import PARTS, head_of
from mmvoxceleb.processing.masks.open_parser import resolve_islands
from mmvoxceleb.processing.masks.person_outline import SelfieSegmenter
from mmvoxceleb.schema import CLASSES, NO_MASK, SIDE_PAIRS
from tests.support.drawn_heads import CLIPS, FixedFace, Silhouette, drawn_head, points, write_drawn_clips
from tests.support.trees import contents

FEATURES = [
    CLASSES.index(name) for name in CLASSES if name in ("nose", "mouth") or name[1:] in ("_eye", "_brow", "_lip")
]


def open_parser() -> OpenParser:
    return OpenParser(FixedFace(), Silhouette())


def iou(ids: NDArray[Any], truth: NDArray[Any], name: str) -> float:
    ours, theirs = ids == CLASSES.index(name), truth == CLASSES.index(name)
    return float((ours & theirs).sum() / max(1, (ours | theirs).sum()))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_drawn_clips(tmp_path / "in", frames=6, without=(0, 3))


def test_a_drawn_head_comes_apart_as_it_was_drawn() -> None:
    frames, truths = zip(*(drawn_head(shift=shift) for shift in range(4)), strict=True)
    ids = open_parser()(np.stack(frames))
    assert ids.shape == (4, 512, 512)
    for mask, truth in zip(ids, truths, strict=True):
        plain = np.where(np.isin(mask, FEATURES), CLASSES.index("skin"), mask)
        for name, least in (("hair", 0.9), ("skin", 0.9), ("neck", 0.8), ("cloth", 0.9), ("background", 0.95)):
            assert iou(plain, truth, name) > least, name
        columns = {name: np.nonzero(mask == CLASSES.index(name))[1].mean() for name in CLASSES if name[1:] in
                   ("_eye", "_brow")}  # fmt: skip
        assert columns["l_eye"] > columns["r_eye"] + 50
        assert columns["l_brow"] > columns["r_brow"] + 50


def test_masks_of_a_head_that_turns_back_do_not_lag() -> None:
    shifts = [0, 10, 20, 30, 20, 10, 0, -10, -20, -10, 0, 10, 20, 10, 0]
    frames = np.stack([drawn_head(shift=shift)[0] for shift in shifts])
    indices = np.arange(len(shifts)) * 4

    def eyes(parser: OpenParser) -> NDArray[np.float64]:
        ids = parser(frames, indices=indices)
        is_eye = np.isin(ids, [CLASSES.index("l_eye"), CLASSES.index("r_eye")])
        return np.array([np.nonzero(each)[1].mean() for each in is_eye])

    found = eyes(OpenParser(FixedFace(), Silhouette(), smooth=None))
    lag_px = np.abs(eyes(open_parser()) - found)
    size_px = np.ptp(points()[:, :2], axis=0).mean() * 512 / frames.shape[2]
    assert np.ptp(found) > 80
    assert 0.5 < lag_px.max() < 0.012 * size_px, "the filter is at work, and kept near"


def test_a_limited_filter_steadies_still_points_as_before() -> None:
    rng = np.random.default_rng(0)
    still = points()[None] + rng.normal(0, 0.2, (30, 1, 3))
    steadied = OneEuro()(still, np.arange(30))
    assert kept_near(steadied, still, share=0.01) == pytest.approx(steadied, abs=1e-9)
    assert not np.allclose(steadied, still)
    gone = np.full_like(still, np.nan)
    assert np.isnan(kept_near(gone, gone, share=0.01)).all()


def test_no_face_no_mask(store: Path, tmp_path: Path) -> None:
    stage = MaskStage(open_parser(), stride=1)
    summary = Pipeline([stage]).run(store, tmp_path / "out")
    assert (summary.done, summary.failed) == (3, {})
    assert dict(summary.remarks) == {"no face, so no masks": 1}
    names = [sorted(path.name for path in (tmp_path / "out" / "mask" / clip).glob("*")) for clip in CLIPS]
    assert [len(found) for found in names] == [6, 4, 0]
    assert "0000003.png" not in names[1]
    sections = [Provenance(tmp_path / "out").section(clip, "mask") or {} for clip in CLIPS]
    assert [section.get("frames_without_face") for section in sections] == [0, 2, None]
    assert sections[2]["no_face"] == "in none of 6 frames"
    assert Pipeline([stage]).run(store, tmp_path / "out").skipped == 3
    (tmp_path / "out" / "video").symlink_to(store / "video")
    rows = load_dataset("mmvoxceleb", data_dir=str(tmp_path / "out"), modalities=("video", "mask"), aligned=True)
    assert [row["frame_indices"] for row in rows["train"]] == [[0, 1, 2, 3, 4, 5], [1, 2, 4, 5]]


def test_landmarks_of_the_clip_are_taken(store: Path, tmp_path: Path) -> None:
    landmarks = LandmarkStage(FixedFace())
    Pipeline([landmarks, MaskStage(open_parser(), stride=2)]).run(store, tmp_path / "one")
    section = Provenance(tmp_path / "one").section(CLIPS[0], "mask") or {}
    assert section["input"]["landmarks"]["files"] == 1
    Pipeline([landmarks]).run(store, tmp_path / "two")
    blind = MaskStage(OpenParser(FixedFace(sees=False), Silhouette()), stride=2)
    assert Pipeline([blind]).run(store, tmp_path / "one").skipped == 3
    Pipeline([blind]).run(store, tmp_path / "two")
    one, two = (contents(tmp_path / name / "mask") for name in ("one", "two"))
    assert one == two
    assert len(one) == 3 + 2
    changed = LandmarkStage(FixedFace(), smooth=OneEuro())
    Pipeline([changed]).run(store, tmp_path / "two", overwrite=True)
    summary = Pipeline([blind]).run(store, tmp_path / "two")
    assert sorted(summary.failed) == CLIPS[:2]
    assert all("its landmarks changed; replace it" in reason for reason in summary.failed.values())


def test_workers_change_no_byte(store: Path, tmp_path: Path) -> None:
    Pipeline([MaskStage(open_parser(), stride=3)]).run(store, tmp_path / "one")
    Pipeline([MaskStage(open_parser(), stride=3)]).run(store, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_one_picture_is_enough_and_none_is_none() -> None:
    picture, truth = drawn_head()
    ids = open_parser()(picture[None])
    assert iou(ids[0], truth, "hair") > 0.9
    assert (open_parser()(np.zeros_like(picture)[None]) == NO_MASK).all()
    assert open_parser()(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 512, 512)


def test_a_dark_head_comes_apart_like_a_bright_one() -> None:
    picture, truth = drawn_head()
    ids = open_parser()((picture * 0.2).astype(np.uint8)[None])[0]
    assert min(iou(ids, truth, name) for name in ("hair", "cloth")) > 0.85


def test_what_is_nearer_to_another_face_is_none_of_this_person() -> None:
    picture, _ = drawn_head()
    alone, two = (OpenParser(FixedFace(others=others), Silhouette())(picture[None])[0] for others in (False, True))
    right = slice(400, 512)
    assert (two[:, right] == 0).all()
    assert (alone[:, right] == CLASSES.index("cloth")).any()
    assert (two[:, :250] == alone[:, :250]).mean() > 0.98


@pytest.mark.parametrize("degrees", [-90, 90])
def test_of_a_profile_the_side_that_is_seen_is_painted(degrees: int) -> None:
    angle, middle = np.radians(degrees), points().mean(axis=0)
    about_y = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    turned = (points() - middle) @ about_y.T + middle
    found = painted(turned, 256)
    seen, hidden = ("r", "l") if degrees < 0 else ("l", "r")
    assert f"{seen}_eye" in found
    assert f"{hidden}_eye" not in found
    assert {"nose", "u_lip", "l_lip"} <= found.keys()
    head = head_of(turned, (1.0, 1.0), 256)
    ears = {side: head.prior[PARTS.index(f"{side}_ear")].max() for side in "lr"}
    assert ears[seen] > 0.3 > 10 * ears[hidden]


def test_a_face_of_a_few_px_is_none() -> None:
    picture, _ = drawn_head()
    small = np.zeros_like(picture)
    small[100:126, 100:126] = picture[::10, ::10]
    landmarks = FixedFace()(drawn_head()[0][None])
    landmarks = replace(landmarks, points=(landmarks.points / 12).astype(np.float32))
    assert (open_parser()(small[None], landmarks=landmarks) == NO_MASK).all()


def test_hair_in_a_face_that_touches_none_around_it_is_brow_or_skin() -> None:
    hair, skin, brow = (CLASSES.index(name) for name in ("hair", "skin", "l_brow"))
    ids = np.full((512, 512), skin, np.uint8)
    oval, region = np.zeros((2, 512, 512), np.uint8)
    oval[100:400, 100:400] = region[200:204, 250:300] = 1
    ids[190:199, 260:270] = ids[300:310, 150:160] = ids[50:150, 200:210] = hair
    resolve_islands(ids, oval, {"l_brow": region})
    assert (ids[190:199, 260:270] == brow).all()
    assert (ids[300:310, 150:160] == skin).all()
    assert (ids[50:150, 200:210] == hair).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "mine.tflite"}, "MMVOXCELEB_WEIGHTS"),
        ({"precision": "fp16"}, "fp32"),
        ({"compile": True}, "--compile"),
        ({"backend": "ncnn"}, "--backend"),
    ],
)
def test_options_that_it_does_not_have(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_parser("open", **options)


def test_smoothing_is_its_own() -> None:
    with pytest.raises(ConfigError, match="--smooth"):
        MaskStage(open_parser(), smooth=1)


def test_a_real_face_and_its_mirror_image(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(shared / "weights"))
    with av.open(str(shared / "data" / "raw" / "d19.mp4"), "r") as container:
        frame = np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)
    parser = make_parser("open")
    (mask,), (mirrored,) = parser(frame[None]), parser(frame[None, :, ::-1])
    middles = {name: np.argwhere(mask == number).mean(axis=0) for number, name in enumerate(CLASSES) if
               (mask == number).any()}  # fmt: skip
    assert set(CLASSES) - set(middles) <= {"eye_g", "ear_r", "neck_l", "hat", "mouth"}
    down = [middles[name][0] for name in ("hair", "l_brow", "l_eye", "nose", "u_lip", "l_lip", "neck")]
    assert down == sorted(down)
    assert middles["l_ear"][1] > middles["l_eye"][1] > middles["nose"][1] > middles["r_eye"][1] > middles["r_ear"][1]
    turned = mirrored[:, ::-1].copy()
    for left, right in SIDE_PAIRS:
        turned[mirrored[:, ::-1] == left], turned[mirrored[:, ::-1] == right] = right, left
    assert (turned == mask).mean() > 0.97
    assert min(iou(turned, mask, name) for name in ("hair", "skin", "l_eye", "r_eye", "nose")) > 0.8


def test_weights_that_are_no_network_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    path.write_bytes(b"nothing" * 100)
    with pytest.raises(WeightsError, match=r"mine\.tflite: not MediaPipe's selfie_segmenter\.tflite"):
        SelfieSegmenter(path).setup()
