"""Clips of 512 px go through the whole pipeline, and can be trained on and looked at."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from mmvoxceleb import ClipSampler, load_dataset
from mmvoxceleb.cli.main import app
from tests.support.attribute_model import save_classifier
from tests.support.videos import portrait_frames, write_video


def test_clips_of_512_px_from_videos_to_training(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "ann" / "a.mp4", (frame[:, :240] for frame in portrait_frames([(20.0, 25.0)] * 9)))
    save_classifier(tmp_path / "attributes")
    out = str(tmp_path / "out")
    options = ["--cropped", "--size", "512", "--models", "sample"]
    options += ["--label-weights", f"transformers:{tmp_path / 'attributes'}"]
    done = CliRunner().invoke(app, ["regenerate", "all", str(tmp_path / "raw"), out, *options])
    assert done.exit_code == 0, done.output
    (row,) = load_dataset("mmvoxceleb", data_dir=out, split="train")
    assert {frame.size for frame in row["frames"]} == {(512, 512)}
    assert {mask.size for mask in row["masks"]} == {drawing.size for drawing in row["drawings"]} == {(512, 512)}
    assert row["mask_indices"] == row["drawing_indices"] == [0, 4, 8]

    settings: dict[str, Any] = {
        "num_frames": 2,
        "frame_step": 4,
        "modalities": ("video", "mask", "drawing"),
        "min_frames": 1,
    }
    whole = ClipSampler(out, image_size=None, **settings)[0]
    assert whole["frames"].shape[-2:] == whole["mask"].shape[-2:] == (512, 512)
    cut = ClipSampler(out, image_size=128, crop_scale=(0.5, 0.6), **settings)
    first = cut[0]
    assert first["frames"].shape[-2:] == first["mask"].shape[-2:] == first["drawing"].shape[-2:] == (128, 128)

    sheet = tmp_path / "sheet.png"
    assert CliRunner().invoke(app, ["preview", out, "-o", str(sheet)]).exit_code == 0
    assert np.asarray(Image.open(sheet)).std() > 10
    assert CliRunner().invoke(app, ["validate", out, "--deep"]).exit_code == 0
