"""Attributes by measurement: rules on figures, figures of drawn heads, and the stage."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import LandmarkStage, MaskStage, Pipeline
from mmvoxceleb.processing.labels.importing import import_labels
from mmvoxceleb.processing.labels.making import make_label_stage
from mmvoxceleb.processing.labels.measured.figures import FIGURES, Face, figures_of
from mmvoxceleb.processing.labels.measured.rules import RULES, clip_figures, decided, scores_of
from mmvoxceleb.processing.labels.measured.stage import MeasuredLabelStage
from mmvoxceleb.processing.masks import OpenParser
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.processing.text.describing import describe
from mmvoxceleb.processing.text.stage import TextStage
from mmvoxceleb.schema import ATTRIBUTES, CLASSES
from mmvoxceleb.schema.face_points import BLENDSHAPES
from tests.support.drawn_heads import CLIPS, FixedFace, Silhouette, drawn_head, points, write_drawn_clips
from tests.support.trees import contents

NAN = float("nan")
HAIR = (60, 40, 30)


def face(picture: Any = None, mask: Any = None, moved: Any = None, **blendshapes: float) -> Face:
    drawn, classes = drawn_head()
    shapes = np.zeros(52)
    for name, value in blendshapes.items():
        shapes[BLENDSHAPES.index(name)] = value
    return Face(
        drawn if picture is None else picture, points() if moved is None else moved, shapes, np.zeros(3),
        classes if mask is None else mask,
    )  # fmt: skip


def label_of(one: Face) -> dict[str, int]:
    scores = scores_of(clip_figures([figures_of(one)]))
    return {name: decided(score) for name, score in scores.items()}


def with_hair(colour: tuple[int, int, int]) -> Face:
    """The drawn head with hair of another colour."""
    picture, classes = drawn_head()
    is_hair = cv2.resize((classes == CLASSES.index("hair")).astype(np.uint8), (256, 256), interpolation=0) > 0
    light = picture.astype(int) - np.array(HAIR)
    picture = np.where(is_hair[..., None], (np.array(colour) + light).clip(0, 255), picture).astype(np.uint8)
    return face(picture)


def painted(corners: tuple[int, ...], colour: tuple[int, int, int], grain: float = 0) -> Face:
    """The drawn head with a region of another colour."""
    picture, _ = drawn_head()
    where = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(where, [np.round(points()[list(corners), :2]).astype(np.int32)], 1)
    new = np.array(colour) + np.random.default_rng(1).normal(0, grain, (*where.shape, 1))
    return face(np.where(where[..., None] > 0, new.clip(0, 255), picture).astype(np.uint8))


def test_every_figure_is_measured_on_a_frontal_face_with_a_mask() -> None:
    found = figures_of(face())
    assert set(found) == set(FIGURES)
    assert not [name for name, value in found.items() if np.isnan(value)]


@pytest.mark.parametrize(
    ("colour", "attribute"),
    [
        ((14, 12, 12), "Black_Hair"), ((92, 60, 40), "Brown_Hair"), ((205, 170, 110), "Blond_Hair"),
        ((150, 150, 152), "Gray_Hair"),
    ],
)  # fmt: skip
def test_one_colour_of_hair_is_told(colour: tuple[int, int, int], attribute: str) -> None:
    label = label_of(with_hair(colour))
    hair = {name: value for name, value in label.items() if name.endswith("_Hair")}
    assert hair == {name: int(name == attribute) for name in hair}


def test_a_colour_between_two_is_neither() -> None:
    label = label_of(with_hair((140, 118, 88)))
    assert (label["Brown_Hair"], label["Blond_Hair"]) == (-1, -1)


def test_nothing_is_said_of_hair_in_the_dark_or_without_a_mask() -> None:
    picture, _ = drawn_head()
    dark = label_of(face((picture * 0.3).astype(np.uint8)))
    assert (dark["Wearing_Lipstick"], dark["Rosy_Cheeks"]) == (-1, -1)
    scores = scores_of(clip_figures([figures_of(Face(picture, points(), np.zeros(52), np.zeros(3)))]))
    for name in ("Black_Hair", "Brown_Hair", "Blond_Hair", "Gray_Hair"):
        assert dark[name] == -1
        assert np.isnan(scores[name])
    assert np.isnan(scores["Bangs"])
    assert np.isnan(scores["Bald"])


@pytest.mark.parametrize("tint", [(1, 1, 1), (1.07, 0.95, 0.75)])
def test_nothing_is_said_of_colours_in_a_monochrome_picture(tint: tuple[float, float, float]) -> None:
    for colour in (HAIR, (205, 170, 110)):
        grey = cv2.cvtColor(with_hair(colour).picture, cv2.COLOR_RGB2GRAY)[..., None]
        label = label_of(face((grey * np.array(tint)).clip(0, 255).astype(np.uint8)))
        coloured = [name for name in label if name.endswith("_Hair")]
        told = {name for name in (*coloured, "Pale_Skin", "Wearing_Lipstick", "Rosy_Cheeks") if label[name] != -1}
        assert not told
        assert label["Bangs"] == label["Smiling"] == 0


def test_smiles_eyes_and_mouths_are_told_by_shape() -> None:
    assert label_of(face())["Smiling"] == 0
    assert label_of(face(mouthSmileLeft=0.7, mouthSmileRight=0.6))["Smiling"] == 1
    assert label_of(face(mouthSmileLeft=0.3, mouthSmileRight=0.3))["Smiling"] == -1
    for gap, opened in ((0.0, 0), (0.5, 1)):
        moved = points().copy()
        moved[14, :2] = moved[13, :2] + gap * np.linalg.norm(moved[78] - moved[308]) * np.array((0, 1))
        assert label_of(face(moved=moved))["Mouth_Slightly_Open"] == opened
    for height, narrow in ((0.12, 1), (0.4, 0)):
        moved = points().copy()
        for one, other, upper, lower in ((33, 133, 159, 145), (362, 263, 386, 374)):
            middle, width = (moved[one] + moved[other]) / 2, np.linalg.norm(moved[one] - moved[other])
            moved[upper], moved[lower] = middle, middle
            moved[upper, 1] -= height * width / 2
            moved[lower, 1] += height * width / 2
        assert label_of(face(moved=moved))["Narrow_Eyes"] == narrow


LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
BEARD = (61, 203, 98, 2, 327, 423, 291, 432, 434, 364, 379, 400, 152, 176, 150, 135, 214, 212)


def test_lipstick_and_beards_are_told_by_colour_and_grain() -> None:
    bare = label_of(face())
    assert (bare["Wearing_Lipstick"], bare["Mustache"], bare["Goatee"]) == (0, 0, 0)
    assert label_of(painted(LIPS, (190, 30, 60)))["Wearing_Lipstick"] == 1
    bearded = label_of(painted(BEARD, (70, 50, 42), grain=25))
    assert (bearded["No_Beard"], bearded["Mustache"]) == (0, 1)
    assert bearded["Bald"] == bare["Bald"] == 0


def test_glasses_are_told_by_the_mask_or_a_line_across_the_nose() -> None:
    picture, classes = drawn_head()
    smooth = cv2.GaussianBlur(picture, (0, 0), 2)
    assert label_of(face(smooth))["Eyeglasses"] == 0
    where, two = points(), classes.copy()
    line = smooth.copy()
    cv2.line(line, where[33, :2].astype(int).tolist(), where[263, :2].astype(int).tolist(), (20, 20, 20), 3)
    assert label_of(face(line))["Eyeglasses"] == 1
    for eye in (33, 263):
        cv2.circle(two, tuple(map(int, where[eye, :2] * 2)), 30, CLASSES.index("eye_g"), -1)
    assert label_of(face(smooth, two))["Eyeglasses"] == 1
    hat = np.where(classes == CLASSES.index("hair"), CLASSES.index("hat"), classes).astype(np.uint8)
    assert label_of(face(mask=hat))["Wearing_Hat"] == 1
    assert label_of(face())["Wearing_Hat"] == -1


def test_a_bald_head_and_bangs() -> None:
    _, classes = drawn_head()
    bald = np.where(classes == CLASSES.index("hair"), CLASSES.index("skin"), classes).astype(np.uint8)
    assert label_of(face(mask=bald))["Bald"] == 1
    capped = np.where(classes == CLASSES.index("hair"), CLASSES.index("cloth"), classes).astype(np.uint8)
    assert label_of(face(mask=capped))["Bald"] == 0
    forehead = np.round(points()[[103, 67, 109, 10, 338, 297, 332, 334, 296, 336, 107, 66, 105], :2] * 2)
    fringe = classes.copy()
    cv2.fillPoly(fringe, [forehead.astype(np.int32)], CLASSES.index("hair"))
    assert (label_of(face(mask=fringe))["Bangs"], label_of(face())["Bangs"]) == (1, 0)


def test_a_face_in_profile_tells_only_that_it_smiles() -> None:
    one = face(mouthSmileLeft=0.9, mouthSmileRight=0.9)
    turned = Face(one.picture, one.points, one.blendshapes, np.array((50.0, 0, 0)), one.mask)
    label = label_of(turned)
    assert label.pop("Smiling") == 1
    assert set(label.values()) == {-1}


def test_rules_are_about_attributes_and_of_known_figures() -> None:
    names = [rule.attribute for rule in RULES]
    assert len(set(names)) == len(names)
    assert set(names) < set(ATTRIBUTES)
    assert not {"Attractive", "Male", "Young", "Chubby", "Heavy_Makeup"} & set(names)
    assert [decided(score) for score in (0.0, 0.25, 0.3, 0.7, 0.75, 1.0, NAN)] == [0, 0, -1, -1, 1, 1, -1]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_drawn_clips(tmp_path / "in", frames=9, without=(4,))


def test_the_stage_reads_landmarks_and_masks_and_says_what_it_measured(store: Path, tmp_path: Path) -> None:
    stages = [
        LandmarkStage(FixedFace()), MaskStage(OpenParser(FixedFace(), Silhouette())),
        MeasuredLabelStage(FixedFace(sees=False)), TextStage(),
    ]  # fmt: skip
    summary = Pipeline(stages).run(store, tmp_path / "out")
    assert list(summary.failed) == [CLIPS[2]]
    assert "no face was found in any of the 3 frames used" in summary.failed[CLIPS[2]]
    provenance = Provenance(tmp_path / "out")
    for clip, used in ((CLIPS[0], [0, 4, 8]), (CLIPS[1], [0, 8])):
        section = provenance.section(clip, "label") or {}
        assert section["frames_used"] == used
        assert section["label_source"] == "predicted:measurements@2" == provenance.read(clip)["label_source"]
        assert section["probabilities"]["Male"] is None
        assert section["measured"]["hair_lightness"] > 0
        label = [int(value) for value in (tmp_path / "out/label" / f"{clip}.txt").read_text().split(",")]
        told = dict(zip(ATTRIBUTES, label, strict=True))
        assert told["Smiling"] == 0
        assert told["Male"] == told["Young"] == told["Attractive"] == -1
        assert told["Brown_Hair"] == 1
        text = (tmp_path / "out/txt" / f"{clip}.txt").read_text().lower()
        assert not any(word in text for word in (" he ", " she ", "young", "attractive", " man", "woman"))
        assert "brown hair" in text
    assert Pipeline(stages).run(store, tmp_path / "out").skipped == 2


@pytest.mark.parametrize("overwrite", [False, True])
def test_labels_by_hand_stay_where_what_the_stage_reads_is_made_anew(
    store: Path, tmp_path: Path, overwrite: bool
) -> None:
    def stages(stride: int) -> list[Stage]:
        masks = MaskStage(OpenParser(FixedFace(), Silhouette()), stride=stride)
        return [LandmarkStage(FixedFace()), masks, MeasuredLabelStage(FixedFace()), TextStage()]

    if overwrite:
        Pipeline(stages(4)).run(store, store)
    table = tmp_path / "labels.csv"
    table.write_text(f"clip_id,Male,Smiling\n{CLIPS[0]},1,1\n")
    import_labels(table, store)
    if overwrite:  # some attributes of a predicted label
        table.write_text(f"clip_id,Smiling\n{CLIPS[1]},1\n")
        import_labels(table, store, keep_others=True)
    sources = ["manual", "predicted:measurements@2+manual"] if overwrite else ["manual"]
    labels = [(store / "label" / f"{clip}.txt").read_bytes() for clip, _ in zip(CLIPS, sources, strict=False)]
    for stride in (4, 2) if overwrite else (4, 4):
        Pipeline(stages(stride)).run(store, store, overwrite=overwrite)
        for clip, label, source in zip(CLIPS, labels, sources, strict=False):
            assert (store / "label" / f"{clip}.txt").read_bytes() == label
            assert Provenance(store).read(clip)["label_source"] == source
            assert "smiling" in (store / "txt" / f"{clip}.txt").read_text().lower()
    assert len([*(store / "mask" / CLIPS[0]).iterdir()]) == (5 if overwrite else 3)


def test_without_landmarks_and_masks_it_looks_itself_and_masks_are_missed(store: Path, tmp_path: Path) -> None:
    Pipeline([MeasuredLabelStage(FixedFace())]).run(store, tmp_path / "out")
    section = Provenance(tmp_path / "out").section(CLIPS[0], "label") or {}
    assert section["probabilities"]["Brown_Hair"] is None
    assert section["probabilities"]["Wearing_Lipstick"] is not None


def test_workers_change_no_byte(store: Path, tmp_path: Path) -> None:
    Pipeline([MeasuredLabelStage(FixedFace())]).run(store, tmp_path / "one")
    Pipeline([MeasuredLabelStage(FixedFace())]).run(store, tmp_path / "two", workers=2)
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one == two
    assert f"label/{CLIPS[0]}.txt" in one


def test_no_sentence_says_what_is_unknown() -> None:
    """Of a label that knows one attribute, all sentences are about it, in both styles."""
    for style in ("original", "natural"):
        unknown = [-1] * 40
        said = " ".join(describe(unknown, n=20, style=style)).lower()
        assert not re.search(r"\b(he|she|his|her|man|woman|male|female)\b", said)
        for name, word in (("Smiling", "smil"), ("Eyeglasses", "glasses"), ("Black_Hair", "black hair")):
            label = list(unknown)
            label[ATTRIBUTES.index(name)] = 1
            lines = [line.lower() for line in describe(label, n=20, style=style)]
            assert all(word in line for line in lines if line), lines
            others = ("young", "beard", "bald", "hat", "attractive", " man", "woman", "lipstick", "earring")
            assert not [line for line in lines if any(other in line for other in others)]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"threshold": 0.4}, "two thresholds"), ({"thresholds": {"Smiling": 0.4}}, "two thresholds"),
     ({"precision": "fp16"}, "fp32"), ({"num_frames": 0}, "at least 1 frame")],
)  # fmt: skip
def test_options_that_it_does_not_have_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_label_stage("open", **options)


def test_the_guide_has_all_rules_and_figures() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "labels-and-text.md").read_text()
    assert not [rule.attribute for rule in RULES if f"| `{rule.attribute}` | {rule.says} |" not in guide]
    assert not [name for name, text in FIGURES.items() if f"| `{name}` | {text} |" not in guide]
