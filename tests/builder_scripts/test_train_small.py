import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.corpus import write_clip

ROOT = Path(__file__).resolve().parents[2]


def trained(out: Path, *arguments: str) -> str:
    """Train for three steps; return what the script printed."""
    script, few = str(ROOT / "builder_scripts/train_small.py"), ["--steps", "3", "--workers", "0", "--batch-size", "2"]
    command = [sys.executable, script, *few, "--out", str(out), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("has_test_split", [True, False])
def test_held_out_clips_are_those_of_the_test_split_alone(tmp_path: Path, has_test_split: bool) -> None:
    persons = ("id10001", "id10002", "id10003", "id10270" if has_test_split else "id10004")
    for number, person in enumerate(persons):
        write_clip(tmp_path / "store", f"{person}#video#00001.txt#000.mp4", number, 8)
    said = trained(tmp_path / "out", "--data-dir", str(tmp_path / "store"))
    picture = np.asarray(Image.open(tmp_path / "out/results.png"))
    if has_test_split:
        assert "3 clips to train on, 1 held out" in said
        assert re.search(r"step +1  loss \d\.\d+  held out \d\.\d+", said)
    else:
        assert "4 clips to train on, none (there is no split test) held out" in said
        assert "held out 0" not in said
    assert picture.shape == (128 * (4 if has_test_split else 3), 128 * 3, 3), "a row a clip"
    assert (tmp_path / "out/model.safetensors").stat().st_size > 100_000
