"""The example of docs/pipeline.md, as it stands there: a new modality in one short file."""

import re
import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

from mmvoxceleb.processing import Pipeline
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.trees import contents

PAGE = Path(__file__).parents[2] / "docs" / "pipeline.md"


@pytest.fixture
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)


def test_a_modality_in_one_file(blocks: list[str], tmp_path: Path) -> None:
    module, use = blocks[-2:]
    assert len(module.splitlines()) <= 65
    (tmp_path / "motion.py").write_text(module)
    (tmp_path / "use.py").write_text(use)
    raw = make_raw_videos(tmp_path / "in", 2)
    Pipeline([CROP]).run(videos_of(raw), tmp_path / "out")
    done = subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "num_rows: 4" in done.stdout
    rows = datasets.load_dataset(
        "mmvoxceleb", "drawing", data_dir=str(tmp_path / "out"), styles=("motion",), split="train"
    )
    drawn = [np.asarray(drawing) for drawing in rows[0]["drawings"]]
    assert rows[0]["drawing_indices"] == list(range(0, 24, 4))
    assert all(picture.shape == (64, 64) for picture in drawn)
    assert 0 < np.mean(drawn) < 128  # the portrait slides by a pixel or two a frame of the video
    before = contents(tmp_path / "out")
    subprocess.run([sys.executable, "use.py"], cwd=tmp_path, capture_output=True, timeout=120, check=True)
    assert contents(tmp_path / "out") == before
