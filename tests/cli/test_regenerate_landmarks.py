"""``mmvoxceleb regenerate landmarks`` and ``all --landmarks``: the same files either way, with the real weights."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmvoxceleb import load_dataset
from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import WeightsError
from tests.support.raw_videos import make_raw_videos
from tests.support.trees import contents

RULES = ["--size", "128", "--min-frames", "10", "--min-face", "60", "--boxes", "annotation", "--codec", "mp4"]


def call(*command: object) -> str:
    result = CliRunner().invoke(app, ["regenerate", *map(str, command)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_in_one_run_or_afterwards(tmp_path: Path, shared: Path) -> None:
    weights = shared / "weights" / "face_landmarker.task"
    raw = make_raw_videos(tmp_path / "raw", 1)
    videos = [raw / "raw", "--annotations", raw / "txt", *RULES]
    first, *rest = videos
    call("all", first, tmp_path / "one", *rest, "--stages", "crop", "--landmarks", "--landmarker-weights", weights)
    call("crop", first, tmp_path / "two", *rest, "--no-audio")
    said = call("landmarks", tmp_path / "two", "--weights", weights)
    assert "2 clips" in said
    assert contents(tmp_path / "one" / "landmarks") == contents(tmp_path / "two" / "landmarks")
    rows = load_dataset("mmvoxceleb", "landmarks", data_dir=str(tmp_path / "one"), split="train")
    assert [len(row["landmarks"]) for row in rows] == [24, 17]
    assert all(points is not None for row in rows for points in row["landmarks"])
    planned = call("landmarks", tmp_path / "two", "--weights", weights, "--dry-run")
    assert "to do     0 clips\nfinished  2 clips; a run checks whether what they were made of has changed\n" in planned


def test_weights_that_are_none_are_one_error(tmp_path: Path) -> None:
    raw = make_raw_videos(tmp_path / "raw", 1)
    call("crop", raw / "raw", tmp_path / "out", "--annotations", raw / "txt", *RULES, "--no-audio")
    with pytest.raises(WeightsError, match=r"x\.task"):
        call("landmarks", tmp_path / "out", "--weights", tmp_path / "x.task")
