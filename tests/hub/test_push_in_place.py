"""``push_to_hub`` of ``datasets`` sends the pictures of a dataset that refers to them."""

import json
import subprocess
import sys
from pathlib import Path

from tests.hub.conftest import Run
from tests.support.corpus import Corpus, zip_corpus

PUSH = """
import sys
import mmvoxceleb
from datasets import Image, List, load_dataset

clips = load_dataset("mmvoxceleb", data_dir=sys.argv[1], split="train")
assert clips.cast_column("frames", List(Image(decode=False)))[0]["frames"][0]["bytes"] is None
clips.push_to_hub("lab/clips")
"""
READ = """
import json
from datasets import Image, List
rows = load_dataset("lab/clips", split="train").cast_column("frames", List(Image(decode=False)))
print(json.dumps([[p["bytes"].hex() for p in row["frames"]] for row in rows]))
"""


def test_stock_push_to_hub_sends_the_pictures(
    corpus: Corpus, tmp_path: Path, environment: dict[str, str], stock: Run
) -> None:
    zips = str(zip_corpus(corpus, tmp_path / "zips"))
    pushed = subprocess.run([sys.executable, "-c", PUSH, zips], capture_output=True, text=True, env=environment)
    assert pushed.returncode == 0, pushed.stderr
    clips = [clip for clip in corpus.clips if not clip.startswith("id10271#")]
    assert json.loads(stock(READ).stdout) == [
        [path.read_bytes().hex() for path in sorted((corpus.root / "video" / clip).iterdir())] for clip in clips
    ]
