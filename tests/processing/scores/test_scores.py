"""Each figure moves the way it should, and says why it cannot be told."""

import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.scores import SCORES_PATH, read_scores
from mmvoxceleb.modalities import LANDMARKS, MASKS, MODALITIES, SCORES, Figure, figures, unregister_figure
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.processing.scores import Material, Scorer, ScoreStage, make_scorers, register_score, unregister_score
from mmvoxceleb.processing.scores.picture import blockiness
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.corpus import Corpus, make_corpus, zip_corpus, zip_folder
from tests.support.scores import FIGURES, add_landmarks, some_scorers

SIZE, FRAMES = 160, 6
FACE = np.random.default_rng(3).uniform(-40, 40, (478, 3)).astype(np.float32)


def picture(seed: int = 0) -> np.ndarray:
    """uint8 [160, 160, 3]: smooth forms with edges."""
    y, x = np.indices((SIZE, SIZE))
    grey = 90 + 50 * np.sin(x / 7 + seed) * np.cos(y / 9) + 40 * ((x // 19 + y // 23) % 2)
    return np.repeat(grey[..., None], 3, -1).astype(np.uint8)


def frames_of(change: Callable[[np.ndarray], np.ndarray] = lambda frame: frame) -> np.ndarray:
    return np.stack([change(picture()) for _ in range(FRAMES)])


def material(
    frames: np.ndarray | None = None,
    *,
    moves: np.ndarray | None = None,
    scale: np.ndarray | float = 1.0,
    poses: np.ndarray | None = None,
    without: tuple[int, ...] = (),
    masks: list[np.ndarray] | None = None,
) -> Material:
    """A clip of which a face of about 80 px stands in the middle, but for ``moves`` [N, 2]."""
    count = FRAMES if moves is None else len(moves)
    moves = np.zeros((count, 2)) if moves is None else moves
    points = FACE[None] * np.broadcast_to(scale, (count,))[:, None, None]
    points = points + np.column_stack([moves + SIZE / 2, np.zeros(count)])[:, None].astype(np.float32)
    pose = np.zeros((count, 3)) if poses is None else poses
    parts = [points, np.full((count, 52), 0.5), pose]
    for part in parts:
        part[list(without)] = np.nan
    landmarks = FaceLandmarks(np.arange(count, dtype=np.int32), *(part.astype(np.float32) for part in parts))
    files = {LANDMARKS.folder(): [("", encode_landmarks(landmarks))]}
    if masks is not None:
        files[MASKS.folder()] = [(f"{4 * place}.png", encode_palette_mask(mask)) for place, mask in enumerate(masks)]
    frames = frames_of() if frames is None else frames
    return Material("x", np.arange(count), frames, {}, files)


def measure(clip: Material) -> dict[str, Any]:
    return {name: value for scorer in make_scorers(FIGURES) for name, value in scorer.measure(clip).items()}


def jpeg(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    def change(frame: np.ndarray) -> np.ndarray:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    return change


def test_blur_darkness_and_light() -> None:
    plain = measure(material())
    blurred = measure(material(frames_of(lambda frame: cv2.GaussianBlur(frame, (0, 0), 2))))
    assert blurred["sharpness"] < 0.3 * plain["sharpness"]
    assert blurred["face_sharpness"] < 0.3 * plain["face_sharpness"]
    dark = measure(material(frames_of(lambda frame: frame // 3)))
    assert dark["face_brightness"] == pytest.approx(plain["face_brightness"] / 3, abs=1)
    black = measure(material(frames_of(lambda frame: cv2.subtract(frame, np.full_like(frame, 120)))))
    white = measure(material(frames_of(lambda frame: cv2.add(frame, np.full_like(frame, 140)))))
    assert (plain["face_black_share"], plain["face_white_share"]) == (0, 0)
    assert black["face_black_share"] > 0.3
    assert white["face_white_share"] > 0.3
    assert black["face_white_share"] == 0


def test_the_size_of_a_picture_does_not_change_the_sharpness_of_its_face_much() -> None:
    double = np.stack([cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for frame in frames_of()])
    clip = material(double, scale=2.0, moves=np.full((FRAMES, 2), SIZE / 2))
    plain = measure(material())
    assert measure(clip)["face_sharpness"] == pytest.approx(plain["face_sharpness"], rel=0.35)
    assert measure(clip)["face_frame_px"] == pytest.approx(2 * plain["face_frame_px"], rel=1e-3)


def test_motion_and_cuts() -> None:
    moving = np.stack([np.roll(picture(), 3 * place, 1) for place in range(FRAMES)])
    assert measure(material())["motion"] == 0
    assert measure(material(moving))["motion"] > 5
    assert measure(material(moving))["cuts"] == 0
    cut = np.stack([picture() if place < 3 else 255 - picture() for place in range(FRAMES)])
    assert measure(material(cut))["cuts"] == 1


def test_stronger_compression_is_blockier_wherever_the_grid_lies() -> None:
    qualities = [float(blockiness(frames_of(jpeg(quality))[..., 0])) for quality in (95, 40, 10)]
    noise = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE), np.uint8)
    assert isinstance(measure(material())["blockiness"], float)
    assert qualities == sorted(qualities)
    assert qualities[2] > 1.3 * qualities[0]
    assert blockiness(noise) == pytest.approx(1, abs=0.05)
    shifted = frames_of(jpeg(10))[:, 3:, 5:, 0]
    assert blockiness(shifted) == pytest.approx(qualities[2], rel=0.1)
    assert blockiness(np.zeros((2, 64, 64), np.uint8)) == "frames of one colour"
    assert blockiness(noise[:, :20]) == "frames under 24 px"


def test_a_shaking_crop_is_unsteady_and_a_gliding_one_drifts() -> None:
    still = measure(material())
    shaking = measure(material(moves=np.array([[3.0, 0], [-3, 0]] * 3)))
    gliding = measure(material(moves=np.arange(6)[:, None] * np.array([[2.0, 0]])))
    assert (still["jitter_px"], still["drift_px"], still["head_speed"]) == (0, 0, 0)
    assert shaking["jitter_px"] == pytest.approx(12, abs=0.1)
    assert shaking["drift_px"] == pytest.approx(3, abs=0.1)
    assert gliding["jitter_px"] == pytest.approx(0, abs=0.1)
    assert gliding["drift_px"] == pytest.approx(2 * np.arange(6).std(), abs=0.1)
    assert gliding["head_speed"] == pytest.approx(2 * 25 / gliding["face_frame_px"], rel=0.02)
    assert still["scale_spread"] == 0
    growing = measure(material(scale=np.linspace(0.8, 1.2, 6)))
    assert growing["scale_spread"] == pytest.approx(np.linspace(0.8, 1.2, 6).std(), rel=0.02)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turning_head(axis: int) -> None:
    poses = np.zeros((6, 3))
    poses[:, axis] = np.arange(6) * 2.0 - 3
    turning = measure(material(poses=poses))
    assert [turning[name] for name in ("yaw", "pitch", "roll")] == [2.0 if place == axis else 0 for place in range(3)]
    assert turning["rotation_speed"] == pytest.approx(50, abs=0.5)
    if axis < 2:
        assert turning[("yaw_range", "pitch_range")[axis]] == pytest.approx(9, abs=0.1)


def test_faces_that_are_there_now_and_then() -> None:
    found = measure(material(without=(1, 3)))
    assert found["face_share"] == pytest.approx(4 / 6)
    assert found["jitter_px"] == "no three frames with a face in a row"
    assert found["rotation_speed"] == 0
    nobody = measure(material(without=tuple(range(6))))
    assert nobody["face_share"] == 0
    assert nobody["yaw"] == nobody["face_sharpness"] == "no face: its landmarks have none in any frame"


def test_masks_that_flicker() -> None:
    still = [np.zeros((64, 64), np.uint8)] * 3
    half = [np.full((64, 64), 3, np.uint8) for _ in range(3)]
    half[1][:32] = 1
    assert measure(material(masks=still))["mask_flicker"] == 0
    assert measure(material(masks=half))["mask_flicker"] == 0.5
    assert measure(material(masks=still[:1]))["mask_flicker"] == "one mask: this needs two"


def test_what_is_missing_is_told() -> None:
    bare = Material("x", np.arange(6), frames_of())
    found = measure(bare)
    assert found["yaw"] == found["face_sharpness"] == "no landmarks: make them with mmvoxceleb regenerate landmarks"
    assert found["mask_flicker"] == "no masks: make them with mmvoxceleb regenerate mask"
    assert found["face_px"].startswith("no provenance of the crop")
    cropped = Material("x", np.arange(6), frames_of(), {"crop": {"quality": {"face_px": 210.5}}})
    assert measure(cropped)["face_px"] == 210.5
    empty = measure(Material("x", np.arange(0), np.empty((0, 0, 0, 3), np.uint8)))
    assert empty["sharpness"] == empty["blockiness"] == "no frames"
    one = measure(Material("x", np.arange(1), frames_of()[:1]))
    assert one["motion"] == "one frame: this needs two"


# --- the stage, the table and the modality ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    corpus = make_corpus(tmp_path_factory.mktemp("scored"))
    add_landmarks(corpus)
    Pipeline([ScoreStage(some_scorers())]).run(corpus.root, corpus.root).raise_if_failed()
    return corpus


@pytest.fixture
def copied(corpus: Corpus, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corpus.root, tmp_path / "store"))


def score(root: Path, stage: ScoreStage | None = None, **options: Any) -> Any:
    summary = Pipeline([stage or ScoreStage(some_scorers())]).run(root, root, **options)
    summary.raise_if_failed()
    return summary


def test_the_table_says_what_the_files_say(corpus: Corpus) -> None:
    table = read_scores(corpus.root)
    assert table.column_names[:2] == ["clip_id", "num_frames"]
    assert table.column_names[2:-1] == [figure.name for figure in figures()]
    assert table["clip_id"].to_pylist() == sorted(corpus.clips)
    assert table.equals(pq.read_table(corpus.root / SCORES_PATH))
    row = table.to_pylist()[0]
    path = corpus.root / "score" / f"{row['clip_id']}.json"
    scores = SCORES.parse(path.read_bytes(), clip_id="x")
    for name, value in scores.figures.items():
        assert row[name] == (None if value is None else pytest.approx(value, rel=1e-6))
    assert dict(row["versions"]) == scores.versions
    assert row["face_px"] is None
    assert scores.reasons["face_px"].startswith("no provenance")
    meta = json.loads((corpus.root / "meta" / path.name).read_text())
    assert meta["score"]["quality"]["sharpness"] == scores.figures["sharpness"]


def test_a_table_that_is_not_of_the_files_is_not_believed(copied: Path) -> None:
    for change in ("edit", "remove", "damage"):
        path = sorted((copied / "score").iterdir())[0]
        if change == "edit":
            path.write_text(path.read_text().replace('"sharpness": ', '"sharpness": 9'))
        elif change == "remove":
            path.unlink()
        else:
            path.write_text("{")
        count = len(list((copied / "score").iterdir())) - (change == "damage")
        table = read_scores(copied)
        assert len(table) == count
        assert not table.equals(pq.read_table(copied / SCORES_PATH))
    path.unlink()
    score(copied)
    assert read_scores(copied).equals(pq.read_table(copied / SCORES_PATH))
    assert len(read_scores(copied)) == 5


def test_a_second_run_does_nothing_and_new_inputs_or_versions_are_measured(copied: Path) -> None:
    assert score(copied).skipped == 5
    mask = next(path for path in sorted((copied / "landmarks").iterdir()))
    mask.unlink()
    summary = score(copied)
    assert (summary.done, summary.skipped) == (1, 4)
    assert read_scores(copied)["yaw"].null_count == 1

    class Later(Scorer):
        name = "later"
        figures = (Figure("later", "a figure", "px", version=2),)
        reads_frames = False

        def measure(self, material: Material) -> Mapping[str, float | str]:
            return {"later": float(len(material.indices))}

    register_score(Later)
    try:
        assert score(copied, ScoreStage([*some_scorers(), Later()])).done == 5
        clips = load_dataset("mmvoxceleb", "score", data_dir=str(copied), streaming=True, split="train")
        assert "later" in clips.features["score"]
        for path in (copied / "score").iterdir():
            path.write_text(path.read_text().replace('"later": 2', '"later": 1'))
        report = validate_store(open_store(copied))
        found = [problem for problem in report.problems if problem.kind == "score_outdated"]
        assert len(found) == 5
        assert "version of later 1 (now 2)" in found[0].message
    finally:
        unregister_score("later")
    assert "later" in read_scores(copied).column_names


def test_files_of_unknown_origin_are_refused(copied: Path) -> None:
    shutil.rmtree(copied / "meta")
    with pytest.raises(Exception, match="unknown origin"):
        score(copied)
    assert score(copied, overwrite=True).done == 5


def test_engines_give_the_same_bytes(corpus: Corpus, tmp_path: Path) -> None:
    Pipeline([ScoreStage(some_scorers())]).run(corpus.root, tmp_path / "out", workers=2).raise_if_failed()
    for path in (*sorted((corpus.root / "score").iterdir()), corpus.root / SCORES_PATH):
        assert (tmp_path / "out" / path.relative_to(corpus.root)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("zipped", [False, True])
def test_it_is_loaded_streamed_and_sampled(corpus: Corpus, tmp_path: Path, zipped: bool) -> None:
    place = corpus.root
    if zipped:
        place = zip_corpus(corpus, tmp_path / "zips")
        zip_folder(corpus.root / "score", place / "score.zip")
    table = {row["clip_id"]: row for row in read_scores(place).to_pylist()}
    arguments: dict[str, Any] = {"data_dir": str(place), "split": "train"}
    stream = list(load_dataset("mmvoxceleb", "score", streaming=True, **arguments))
    rows = load_dataset("mmvoxceleb", "score", cache_dir=str(tmp_path / "cache"), **arguments)
    assert len(stream) == len(rows) == 3
    for row, streamed in zip(rows, stream, strict=True):
        for name, value in row["score"].items():
            expected = None if value is None else np.float32(streamed["score"][name])
            assert value == table[row["clip_id"]][name] == expected
    sample = ClipSampler(str(place), num_frames=2, modalities=("video", "score"))[0]
    assert sample["score"]["yaw"].dtype.is_floating_point
    assert np.isnan(float(sample["score"]["face_px"]))


@pytest.mark.parametrize("form", ["parquet", "webdataset"])
def test_it_is_exported_and_shown_on_the_card(corpus: Corpus, tmp_path: Path, form: Any) -> None:
    export_store(str(corpus.root), tmp_path / "out", ExportSettings(format=form, modalities=(*MODALITIES, SCORES.name)))
    assert "a number for each figure of quality" in (tmp_path / "out" / "README.md").read_text()
    if form == "parquet":
        rows = load_dataset(str(tmp_path / "out"), "score", split="train", cache_dir=str(tmp_path / "cache"))
        table = {row["clip_id"]: row for row in read_scores(corpus.root).to_pylist()}
        assert rows[0]["score"]["yaw"] == table[rows[0]["clip_id"]]["yaw"]


def test_removed_clips_are_in_no_table(copied: Path) -> None:
    clip = read_scores(copied)["clip_id"].to_pylist()[0]
    remove_from_store(copied, Removals(clip_id=frozenset({clip})))
    assert not (copied / SCORES_PATH).exists()
    assert len(read_scores(copied)) == 4
    score(copied)
    assert clip not in pq.read_table(copied / SCORES_PATH)["clip_id"].to_pylist()


def test_validate_finds_damage_and_other_frames(copied: Path) -> None:
    assert not [problem for problem in validate_store(open_store(copied)).problems if problem.kind.startswith("score")]
    first, second, *_ = sorted((copied / "score").iterdir())
    first.write_text('{"figures": {"yaw": "far"}, "versions": {"yaw": 1}, "num_frames": 3}')
    second.write_text(second.read_text().replace('"num_frames": 1', '"num_frames": 9'))
    kinds = sorted(
        problem.kind for problem in validate_store(open_store(copied)).problems if problem.kind.startswith("score")
    )
    assert kinds == ["score", "score_frames"]


class Wrong(Scorer):
    name = "wrong"
    figures = (Figure("wrong", "a figure", "share", high=1.0),)
    reads_frames = False
    result: Mapping[str, float | str] = {"wrong": 2.0}

    def measure(self, material: Material) -> Mapping[str, float | str]:
        return self.result


@pytest.fixture
def wrong() -> Iterator[type[Wrong]]:
    register_score(Wrong)
    yield Wrong
    unregister_score("wrong")


def test_scorers_and_figures_of_the_package_stay(copied: Path) -> None:
    before = [scorer.name for scorer in make_scorers()]
    with pytest.raises(ConfigError, match=r"'head' belongs to mmvoxceleb .*; .* --figures"):
        unregister_score("head")
    with pytest.raises(ConfigError, match="'yaw' belongs to mmvoxceleb"):
        unregister_figure("yaw")
    assert [scorer.name for scorer in make_scorers()] == before
    assert "yaw" in {figure.name for figure in figures()}


@pytest.mark.parametrize("result", [{"wrong": 2.0}, {"wrong": float("nan")}, {"other": 0.5}, {}])
def test_a_scorer_that_gives_nonsense_fails_the_clip(wrong: type[Wrong], copied: Path, result: Any) -> None:
    wrong.result = result
    summary = Pipeline([ScoreStage([wrong()])]).run(copied, copied, limit=1)
    assert "the scorer wrong gave" in next(iter(summary.failed.values()))


def test_names_are_checked(wrong: type[Wrong]) -> None:
    with pytest.raises(ConfigError, match="unknown figure 'sharp'; the known ones are size, face_px"):
        make_scorers(["sharp"])
    assert [scorer.name for scorer in make_scorers(["yaw", "wrong"])] == ["head", "wrong"]
    with pytest.raises(ConfigError, match="two scorers have one name or figure"):
        ScoreStage([wrong(), wrong()])
    with pytest.raises(ConfigError, match="the name is taken"):
        register_score(type("Wrong2", (Wrong,), {"name": "wrong"}))
    pickle.loads(pickle.dumps(ScoreStage(some_scorers())))
