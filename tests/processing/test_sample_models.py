"""The sample models: on generated faces that they were not trained on, and on the bundled videos."""

import contextlib
import io
import json
import logging
import shutil
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import load_dataset
from PIL import Image

import mmvoxceleb  # noqa: F401  makes load_dataset know the name
from mmvoxceleb.cli.main import main
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, WeightsError
from mmvoxceleb.processing import Pipeline, sample_models
from mmvoxceleb.processing.drawings import make_drawer
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.masks import MaskStage, make_parser
from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES, SAMPLE_NOTICE, SAMPLE_SHA256, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.sample import SWAPPED_SIDES_SHA256, sample_path, sample_videos_path
from mmvoxceleb.schema import ATTRIBUTES, CLASSES, Folder
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.sides import assert_sides_are_the_persons, places

ROOT = Path(__file__).resolve().parents[2]
TEST_SEED = 5_000_000
"""Pictures that neither the training nor the published figures used."""


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "builder_scripts" / "sample"))
        yield


@pytest.fixture(scope="module")
def examples(scripts: None) -> list[Any]:
    from generated_camera import example
    from train_sample_models import HELD_OUT_PERSONS

    return [example(TEST_SEED + number, HELD_OUT_PERSONS) for number in range(24)]


@pytest.fixture(scope="module")
def frames(examples: list[Any]) -> np.ndarray:
    return np.stack([one.frame for one in examples])


def run(*arguments: object) -> str:
    """Call the program in this process, as a new one would be; returns what it said on stderr."""
    sample_models._say_what_it_is.cache_clear()
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said), contextlib.redirect_stdout(None):
        patch.setattr(sys, "argv", ["mmvoxceleb", *map(str, arguments)])
        patch.setenv("COLUMNS", "200")
        with contextlib.suppress(SystemExit):
            main()
    return said.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The second sample video, taken from raw video to text as the documentation says; and what went to stderr."""
    raw, out = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("made") / "store"
    video = max(Path(sample_videos_path()).glob("*.mp4"))
    (raw / video.name).write_bytes(video.read_bytes())
    run("regenerate", "crop", raw, out, "--detector", "haar")
    said = [
        run("regenerate", "mask", out, "--parser", "sample", "--device", "cpu"),
        run("regenerate", "draw", out, "--drawer", "sample", "--device", "cpu"),
        run("regenerate", "label", out, "--weights", "sample", "--device", "cpu"),
        run("regenerate", "text", out),
    ]
    return out, "\n".join(said)


def test_the_files_are_small_and_the_weights_those_of_this_version() -> None:
    assert sha256_of(sample_weights()) == SAMPLE_SHA256
    assert sum(path.stat().st_size for path in sample_weights().parent.iterdir()) <= 3_000_000
    assert sum(path.stat().st_size for path in Path(sample_videos_path()).iterdir()) <= 1_000_000


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_models, "SAMPLE_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="not the file of this version"):
        make_parser("sample", device="cpu")(np.zeros((1, 8, 8, 3), np.uint8))


def test_everything_in_the_sample_is_packaged() -> None:
    tomllib = pytest.importorskip("tomllib", reason="new in Python 3.11")
    folder = Path(sample_path())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["package-data"]["mmvoxceleb.sample"]
    packed = {path for glob in globs for path in folder.glob(glob)}
    assert sample_weights() in packed
    assert set(folder.glob("raw/*.mp4")) <= packed


def test_they_know_persons_that_were_not_in_the_training(examples: list[Any], frames: np.ndarray) -> None:
    from train_sample_models import HELD_OUT_PERSONS, TRAINING_PERSONS, Figures

    assert TRAINING_PERSONS[1] <= HELD_OUT_PERSONS[0]
    figures = Figures()
    ids, drawings = make_parser("sample", device="cpu")(frames), make_drawer("sample", device="cpu")(frames)["style1"]
    probabilities = AttributePredictor("sample", device="cpu")(frames)
    for truth, one, drawing, told in zip(examples, ids, drawings, probabilities, strict=True):
        figures.add(truth, one, drawing, told)
    assert figures.pixel_accuracy > 0.9
    assert figures.mean_iou > 0.6
    assert figures.drawing_error < 25
    assert figures.attribute_accuracy > 0.78


def test_left_is_the_left_of_the_person(examples: list[Any], frames: np.ndarray) -> None:
    for truth in examples:
        assert_sides_are_the_persons(truth.ids, wanted=())
    parser = make_parser("sample", device="cpu")
    told = [*parser(frames), *parser(np.ascontiguousarray(frames[:, :, ::-1]))]
    with_eyes = [at for at in map(places, told) if {"l_eye", "r_eye"} <= at.keys()]
    assert len(with_eyes) > len(told) // 2
    assert np.mean([at["l_eye"] > at["r_eye"] for at in with_eyes]) > 0.9


def test_masks_of_the_old_sample_models_are_told(tmp_path: Path, made: tuple[Path, str]) -> None:
    out = tmp_path / "old"
    shutil.copytree(made[0], out)
    assert not validate_store(open_store(out)).problem_counts.get("sides")
    for path in (out / "meta").glob("id*.json"):
        path.write_text(path.read_text().replace(SAMPLE_SHA256, SWAPPED_SIDES_SHA256))
    report = validate_store(open_store(out))
    assert report.problem_counts["sides"] == len(open_store(out).clips(Folder("mask")))
    with pytest.raises(IncompatibleOutputError, match=r"sha256|weights"):
        Pipeline([MaskStage(make_parser("sample", device="cpu"))]).run(out, out)


def test_a_result_depends_on_neither_batch_nor_threads(frames: np.ndarray) -> None:
    before, some = torch.get_num_threads(), frames[:5]
    results = []
    try:
        for threads, batch_size, part in ((1, 1, some), (2, 3, some), (2, 1, some[4:])):
            torch.set_num_threads(threads)
            options: dict[str, Any] = {"device": "cpu", "batch_size": batch_size}
            drawn = make_drawer("sample", **options)(part)["style1"]
            told = AttributePredictor("sample", **options)(part)
            ids = make_parser("sample", **options)(part)
            # a label is decided on five digits
            results.append((ids[-1].tobytes(), drawn[-1].tobytes(), told[-1].round(5).tobytes()))
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_they_say_what_they_are(caplog: pytest.LogCaptureFixture) -> None:
    sample_models._say_what_it_is.cache_clear()
    with caplog.at_level(logging.WARNING):
        parser, drawer = make_parser("sample", device="cpu"), make_drawer("sample", device="cpu")
        predictor = AttributePredictor("sample", device="cpu")
        for model in (parser, drawer, predictor):
            model.setup()
    assert [record.getMessage() for record in caplog.records] == [SAMPLE_NOTICE]
    assert parser.identity() == {"model": "sample-mask", "sha256": SAMPLE_SHA256}
    assert drawer.identity() == {"model": "sample-drawing", "sha256": SAMPLE_SHA256}
    assert predictor.label_source == f"predicted:sample-attributes@{SAMPLE_SHA256}"
    assert not predictor.needs_landmarks


def test_the_list_of_weights_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(SystemExit):
        patch.setattr(sys, "argv", ["mmvoxceleb", "weights"])
        main()
    listed = capsys.readouterr().out
    assert "--parser sample, --drawer sample, --weights sample" in listed
    assert str(sample_weights()) in listed


def test_what_they_cannot_do_is_an_error() -> None:
    with pytest.raises(ConfigError, match="come with their weights"):
        make_parser("sample", "my.pth")
    with pytest.raises(ConfigError, match="run on torch"):
        make_drawer("sample", backend="ncnn")
    with pytest.raises(ConfigError, match="style1 alone, got style1, style2"):
        make_drawer("sample", styles=("style1", "style2"))
    with pytest.raises(ConfigError, match="unknown drawer 'pencil'; use portrait or sample"):
        make_drawer("pencil")


def test_only_what_a_drawn_figure_can_show_is_told(frames: np.ndarray) -> None:
    told = AttributePredictor("sample", device="cpu")(frames[:1])[0]
    assert {name for name, value in zip(ATTRIBUTES, told, strict=True) if not np.isnan(value)} == set(SAMPLE_ATTRIBUTES)
    assert not {"Male", "Young", "Attractive"} & set(SAMPLE_ATTRIBUTES)


def test_the_sample_video_goes_the_whole_way(made: tuple[Path, str]) -> None:
    out, stderr = made
    (clip,) = load_dataset("mmvoxceleb", data_dir=str(out), split="test")
    assert clip["clip_id"] == "id10271#generated-2#00000.txt#000.mp4"
    assert (clip["num_frames"], len(clip["masks"]), len(clip["drawings"])) == (100, 25, 25)
    assert clip["label_source"] == f"predicted:sample-attributes@{SAMPLE_SHA256}"
    assert ATTRIBUTES.index("Eyeglasses") in clip["attributes"]
    assert clip["label"][ATTRIBUTES.index("Male")] == -1
    assert len(clip["text"]) == 20
    assert any("glasses" in line for line in clip["text"])
    assert stderr.count(SAMPLE_NOTICE) == 3
    (meta,) = (out / "meta").glob("id*.json")
    provenance = json.loads(meta.read_text())
    assert provenance["mask"]["settings"]["model"] == "sample-mask"
    assert provenance["draw/style1"]["settings"]["model"] == "sample-drawing"


def test_masks_of_the_sample_video_agree_with_what_was_painted(made: tuple[Path, str]) -> None:
    from make_sample_video import VIDEOS

    out, _ = made
    (folder,), (meta,) = (out / "mask").iterdir(), (out / "meta").glob("id*.json")
    left, top, right, _ = json.loads(meta.read_text())["crop"]["crop_box_xyxy_px"]
    both, either = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for index in range(0, 100, 20):
        ids = np.asarray(Image.open(folder / f"{index:07d}.png"))
        truth = VIDEOS[1].seen(index, (left, top, right - left)).ids
        assert (ids == truth).mean() > 0.9
        for number in range(len(CLASSES)):
            both[number] += ((ids == number) & (truth == number)).sum()
            either[number] += ((ids == number) | (truth == number)).sum()
    seen = either > 0.001 * either.sum()
    assert (both[seen] / either[seen]).mean() > 0.6


def test_the_script_paints_the_sample_video() -> None:
    import av
    from make_sample_video import VIDEOS

    for video in VIDEOS:
        path = Path(sample_videos_path()) / f"{video.name}.mp4"
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.frames, stream.average_rate) == (video.num_frames, Fraction(25))
            frame = next(container.decode(stream)).to_ndarray(format="rgb24")
        assert np.abs(frame.astype(int) - video.seen(0).frame).mean() < 3
