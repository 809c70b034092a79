"""``mmvoxceleb regenerate all``: videos in, a dataset out; stopped and gone on with; wrong calls."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
from mmvoxceleb.meta.runs import RUNS_FOLDER
from mmvoxceleb.processing.model_sets import MODEL_SETS
from mmvoxceleb.processing.published import PUBLISHED
from mmvoxceleb.sample import sample_videos_path
from tests.conftest import SHARED
from tests.support.attribute_model import save_classifier
from tests.support.raw_videos import make_raw_videos
from tests.support.trees import contents

RULES = ["--size", "64", "--min-frames", "10", "--min-face", "60", "--boxes", "annotation"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("inputs")
    save_classifier(root / "attributes")
    return make_raw_videos(root, 2)


def arguments(inputs: Path, out: Path, *options: object) -> list[str]:
    named = ["--annotations", inputs / "txt", "--label-weights", f"transformers:{inputs / 'attributes'}"]
    return ["regenerate", "all", *map(str, [inputs / "raw", out, *named, *RULES, *options])]


def call(*command: str) -> str:
    result = CliRunner().invoke(app, command)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_one_line_from_videos_to_a_dataset(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--stride", "16", "--models", "sample"]
    planned = call(*arguments(inputs, out, *options, "--dry-run")).splitlines()
    assert planned[-4:] == [
        "stages    crop, audio, mask, draw/style1, label, text",
        "to do     2 videos",
        "finished  0 videos",
        f"results   {out}; this run has written nothing",
    ]
    assert not out.exists()
    said = call(*arguments(inputs, out, *options))
    assert "4 clips, 82 frames" in said
    assert "spent on" in said
    rows = datasets.load_dataset("mmvoxceleb", data_dir=str(out), split="train")
    assert len(rows) == 4
    assert rows[0]["num_frames"] == 24
    assert rows[0]["mask_indices"] == rows[0]["drawing_indices"] == [0, 16]
    assert np.asarray(rows[0]["masks"][0]).shape == np.asarray(rows[0]["drawings"][0]).shape == (512, 512)
    assert len(rows[0]["label"]) == 40
    assert len(rows[0]["text"]) == 20
    call("preview", str(out), "-o", str(tmp_path / "sheet.png"))
    assert Image.open(tmp_path / "sheet.png").width > 500
    before = contents(out)
    assert "4 clips that an earlier run finished" in call(*arguments(inputs, out, *options))
    assert contents(out) == before
    newest = max((out / RUNS_FOLDER).iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert json.loads(newest.read_text())["skipped"] == 4

    alone = tmp_path / "alone"
    call(*arguments(inputs, alone, "--stages", "crop"))
    call("regenerate", "audio", str(alone), "--raw", str(inputs / "raw"))
    call("regenerate", "all", str(alone), str(alone), "--stages", "mask,draw", *options)
    call("regenerate", "label", str(alone), "--weights", f"transformers:{inputs / 'attributes'}")
    call("regenerate", "text", str(alone), "--workers", "2")
    assert contents(alone) == before


def test_ctrl_c_says_how_to_go_on(inputs: Path, tmp_path: Path) -> None:
    program = "from mmvoxceleb.cli.main import main; main()"
    out = tmp_path / "out"
    command = arguments(inputs, out, "--stages", "crop", "--workers", "2")
    process = subprocess.Popen(
        [sys.executable, "-c", program, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not (out / "meta").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    table, said = process.communicate(timeout=60)
    assert time.monotonic() - asked < 15
    assert process.returncode == 130, (table, said)
    assert "rerun the command to resume" in " ".join(said.split())
    assert re.search(r"^left +\d videos?$", table, re.MULTILINE)
    assert "Traceback" not in said
    call(*command)
    call(*arguments(inputs, tmp_path / "fresh", "--stages", "crop"))
    assert contents(out) == contents(tmp_path / "fresh")


def test_missing_weights_are_said_before_anything_is_done(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.pth"):
        call(*arguments(inputs, tmp_path / "out", "--mask-weights", tmp_path / "nowhere.pth"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stages", "crop,depth"], "unknown stage 'depth'; the known ones are crop, audio, mask, draw, label, text"),
        (["--stages", ","], "no stage was asked for"),
        (["--metadata", "x.csv"], "contradict each other"),
    ],
)
def test_wrong_calls(inputs: Path, tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(*arguments(inputs, tmp_path / "out", *options))


def test_the_files_that_a_set_of_models_lacks_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    listed = CliRunner().invoke(app, ["weights", "--models", "open", "--json"])
    found = {each["file"]: each for each in json.loads(listed.stdout)}
    yunet, *others = ["face_detection_yunet_2023mar.onnx", "face_landmarker.task", "selfie_segmenter.tflite"]
    assert list(found) == [yunet, *others]
    assert all(source.startswith("https://") for each in found.values() for source in each["sources"])
    get = [f"from     {source}" for each in found.values() for source in each["sources"]]
    assert all(line in CliRunner().invoke(app, ["weights", "--models", "open"]).stdout for line in get)
    monkeypatch.setattr("mmvoxceleb.processing.weights.download", refuse)
    arguments = ["regenerate", "all", sample_videos_path(), str(tmp_path / "out"), "--models", "open"]
    for there in (", ".join([yunet, *others]), ", ".join(others)):
        tried = CliRunner().invoke(app, arguments)
        assert isinstance(tried.exception, SourceUnavailableError)
        assert tried.stdout == f"weights to download first: {there} (by hand: mmvoxceleb weights --models open)\n"
        (tmp_path / yunet).touch()


def test_a_set_of_models_needs_no_other_files_than_those_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMVOXCELEB_WEIGHTS", str(tmp_path))
    for key in MODEL_SETS["open"].weights:
        name = PUBLISHED[key].file_name
        if not (SHARED / "weights" / name).is_file():
            pytest.skip(f"{name} is not here")
        (tmp_path / name).symlink_to(SHARED / "weights" / name)
    monkeypatch.setattr("mmvoxceleb.processing.weights.download", refuse)
    arguments = ["regenerate", "all", sample_videos_path(), str(tmp_path / "out"), "--models", "open", "--dry-run"]
    assert "to do     2 videos" in call(*arguments)


def refuse(*arguments: Any, **options: Any) -> None:
    raise SourceUnavailableError("no network")
