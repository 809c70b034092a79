"""Scores of clips that were cropped a moment ago, of pictures and of video files, on any engine."""

import contextlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.codecs.landmarks import encode_landmarks
from mmvoxceleb.errors import ConfigError, WeightsError
from mmvoxceleb.meta.scores import SCORES_PATH, read_scores
from mmvoxceleb.modalities import LANDMARKS, SCORES, Figure
from mmvoxceleb.processing import LandmarkStage, Pipeline
from mmvoxceleb.processing.scores import Scorer, ScoreStage, registry
from mmvoxceleb.processing.scores.picture import PictureScorer
from tests.support.landmarker import BrightFace
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.ray_cluster import connected_ray
from tests.support.scores import some_scorers


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), 2)


def stages() -> list[Any]:
    return [LandmarkStage(BrightFace()), ScoreStage(some_scorers())]


def scores_in(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (*(root / "score").iterdir(), root / SCORES_PATH)}


@pytest.fixture(scope="module", params=["png", "mp4"])
def made(raw: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A crop, and what it and the stages gave in one run."""
    crop, out = replace(CROP, codec=request.param), tmp_path_factory.mktemp("made") / "out"
    Pipeline([crop, *stages()]).run(videos_of(raw), out).raise_if_failed()
    return crop, out


def test_one_run_equals_several(raw: Path, made: tuple[Any, Path], tmp_path: Path) -> None:
    crop, out = made
    for run in ([crop], stages()[:1], stages()[1:]):
        source: Any = videos_of(raw) if run == [crop] else str(tmp_path)
        Pipeline(run).run(source, tmp_path).raise_if_failed()
    assert scores_in(tmp_path) == scores_in(out)
    table = read_scores(out)
    assert len(table) == 4
    assert table["yaw"].null_count == table["face_px"].null_count == table["sharpness"].null_count == 0
    for again in (Pipeline(stages()).run(str(out), out), Pipeline([crop, *stages()]).run(videos_of(raw), out)):
        assert (again.done, again.skipped, again.failed) == (0, 4, {})


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_engines_give_the_same_bytes(raw: Path, made: tuple[Any, Path], tmp_path: Path, engine: str) -> None:
    crop, out = made
    options: Any = {"engine": "ray", "workers": 2} if engine == "ray" else {"workers": 2}
    with connected_ray() if engine == "ray" else contextlib.nullcontext():
        Pipeline([crop, *stages()]).run(videos_of(raw), tmp_path, **options).raise_if_failed()
    assert scores_in(tmp_path) == scores_in(out)


def test_regenerate_all_measures_what_is_asked_for(raw: Path, tmp_path: Path) -> None:
    rules = ["--size", "64", "--min-frames", "10", "--min-face", "60", "--boxes", "annotation"]
    command = ["regenerate", "all", str(raw / "raw"), str(tmp_path), "--annotations", str(raw / "txt"), *rules]
    command += ["--stages", "crop"]
    result = CliRunner().invoke(app, [*command, "--figures", "picture,size"])
    assert result.exit_code == 0, result.output
    assert read_scores(tmp_path)["motion"].null_count == 0
    result = CliRunner().invoke(app, ["regenerate", "score", str(tmp_path), "--figures", "sharpness,face_px"])
    assert "4 clips that an earlier run finished" in result.stdout
    assert f"mmvoxceleb select {tmp_path} --where 'sharpness is not None' --dry-run" in result.stdout
    for wrong in ("picture,sharp", "", ","):
        assert isinstance(CliRunner().invoke(app, [*command, "--figures", wrong]).exception, ConfigError)


class Absent(PictureScorer):
    """A scorer whose weights cannot be had."""

    name = "absent"
    figures = (Figure("absent_figure", "what a model would say", "share"),)

    def settings(self) -> dict[str, Any]:
        raise WeightsError("absent.model is not on this machine; get it by hand")


def test_figures_of_absent_weights_are_left_out_and_named_unless_they_are_asked_for(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pipeline([CROP]).run(videos_of(raw), tmp_path).raise_if_failed()
    monkeypatch.setattr(registry, "_scorers", {"picture": PictureScorer, "absent": Absent})
    result = CliRunner().invoke(app, ["regenerate", "score", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "left out: absent_figure: absent.model is not on this machine; get it by hand" in result.stderr
    assert read_scores(tmp_path)["motion"].null_count == 0
    result = CliRunner().invoke(app, ["regenerate", "score", str(tmp_path), "--figures", "absent_figure"])
    assert isinstance(result.exception, WeightsError)


def measure(out: Path, *kinds: type[Scorer], overwrite: bool = False) -> Any:
    stage = ScoreStage([scorer for scorer in some_scorers() if type(scorer) in kinds or not kinds])
    summary = Pipeline([stage]).run(str(out), out, overwrite=overwrite)
    summary.raise_if_failed()
    return summary


def test_figures_of_earlier_runs_stay_until_the_clip_changes(made: tuple[Any, Path], tmp_path: Path) -> None:
    _, whole = made
    out = tmp_path / "out"
    shutil.copytree(whole, out, ignore=shutil.ignore_patterns("score", ".scores.json", "scores.parquet"))
    for path in (out / "meta").glob("id*.json"):
        meta = json.loads(path.read_bytes())
        del meta["score"]
        path.write_text(json.dumps(meta))
    for scorer in some_scorers():
        assert measure(out, type(scorer)).done == 4
    assert scores_in(out) == scores_in(whole)
    clip = sorted((out / "meta").glob("id*.json"))[0].stem
    sections = [json.loads((root / "meta" / f"{clip}.json").read_bytes())["score"] for root in (out, whole)]
    assert [section["settings"] for section in sections[:1]] == [section["settings"] for section in sections[1:]]
    assert sections[0]["quality"] == sections[1]["quality"]
    assert measure(out, PictureScorer).skipped == 4
    assert measure(out).skipped == 4
    measure(out, PictureScorer, overwrite=True)
    assert scores_in(out) == scores_in(whole)

    landmarks = out / "landmarks" / f"{clip}.landmarks"
    faces = LANDMARKS.parse(landmarks.read_bytes(), clip_id=clip)
    landmarks.write_bytes(encode_landmarks(replace(faces, head_pose=faces.head_pose + np.float32(1))))
    assert measure(out, PictureScorer).done == 1
    scores = SCORES.parse((out / "score" / f"{clip}.json").read_bytes(), clip_id=clip)
    assert scores.figures["sharpness"] is not None
    assert scores.figures["face_px"] is not None
    assert scores.figures["yaw"] is None
    assert scores.reasons["yaw"].startswith("the clip has changed since this was measured: ")
    assert measure(out).done == 1
    again = SCORES.parse((out / "score" / f"{clip}.json").read_bytes(), clip_id=clip)
    assert again.figures["yaw"] is not None
    assert "yaw" not in again.reasons
