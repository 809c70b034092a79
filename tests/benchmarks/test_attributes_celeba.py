"""The accuracy benchmark on a CelebA of six made pictures whose right answers are known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.schema import ATTRIBUTES
from tests.support.attribute_model import save_classifier

pytest.importorskip("transformers")
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "attributes_celeba.py"


def make_celeba(root: Path, model: str, *, csv: bool = False) -> Path:
    """Six pictures, the last four in the test split; half of Smiling and all of Young are as the model says."""
    (root / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 7)]
    random = np.random.default_rng(1)
    for name in names:
        picture = random.integers(0, 256, (54, 44, 3), dtype=np.uint8)
        Image.fromarray(picture).save(root / "img_align_celeba" / name)
    frames = np.stack([np.asarray(Image.open(root / "img_align_celeba" / name)) for name in names])
    said = AttributePredictor(model, device="cpu")(frames) > 0.5
    smiling = ATTRIBUTES.index("Smiling")
    said[2:4, smiling] ^= True
    signs = np.where(said, 1, -1)
    separator, suffix = (",", ".csv") if csv else (" ", ".txt")
    rows = [separator.join([name, *map(str, row)]) for name, row in zip(names, signs, strict=True)]
    header = separator.join((["image_id"] if csv else []) + list(ATTRIBUTES))
    lines = ([] if csv else [str(len(names))]) + [header, *rows]
    (root / f"list_attr_celeba{suffix}").write_text("\n".join(lines) + "\n")
    parts = [f"{name}{separator}{0 if number < 2 else 2}" for number, name in enumerate(names)]
    (root / f"list_eval_partition{suffix}").write_text("\n".join((["image_id,partition"] if csv else []) + parts))
    return root


def run(*arguments: object) -> tuple[int, str]:
    result = subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


@pytest.mark.parametrize("csv", [False, True])
def test_accuracy_of_known_answers(tmp_path: Path, csv: bool) -> None:
    model = f"transformers:{save_classifier(tmp_path / 'model')}"
    celeba = make_celeba(tmp_path / "celeba", model, csv=csv)
    thresholds = tmp_path / "thresholds.json"
    code, said = run(celeba, "--weights", model, "--device", "cpu", "--fit-thresholds", thresholds)
    assert code == 0, said
    assert "4 pictures of 4" in said
    assert "| Smiling | 0.5000 |" in said
    assert "| Young | 1.0000 |" in said
    assert "| **mean of 40** | 0.9875 |" in said
    assert set(json.loads(thresholds.read_text())) == set(ATTRIBUTES)


def test_missing_lists(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--device", "cpu")
    assert code == 1
    assert "has no list_attr_celeba.txt" in said
