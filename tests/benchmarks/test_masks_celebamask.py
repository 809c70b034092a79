"""The benchmark of parsers on a CelebAMask-HQ of three made pictures, whose right answers are known."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb import load_dataset
from mmvoxceleb.processing.masks import make_parser
from mmvoxceleb.schema import CLASSES

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "masks_celebamask.py"
BENCHMARK = runpy.run_path(str(SCRIPT))
HAIR, LEFT, RIGHT, SKIN = (CLASSES.index(name) for name in ("hair", "l_eye", "r_eye", "skin"))


def write_parts(root: Path, number: int, ids: np.ndarray) -> None:
    """Write a picture for each part of a face, the skin under all others, as CelebAMask-HQ has it."""
    folder = root / "CelebAMask-HQ-mask-anno" / str(number // 2000)
    folder.mkdir(parents=True, exist_ok=True)
    for class_id in np.unique(ids[ids > 0]):
        part = ids > 0 if class_id == SKIN else ids == class_id
        rgb = np.repeat(np.where(part, 255, 0).astype(np.uint8)[..., None], 3, axis=2)
        Image.fromarray(rgb).save(folder / f"{number:05d}_{CLASSES[class_id]}.png")


@pytest.fixture(scope="module")
def celebamask(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[np.ndarray], list[np.ndarray]]:
    """Pictures, what the sample parser says of them, and as the truth the same with eyes swapped and hair cut."""
    root = tmp_path_factory.mktemp("celebamask")
    (root / "CelebA-HQ-img").mkdir()
    frames = load_dataset("mmvoxceleb", "sample", split="train")[0]["frames"]
    parser = make_parser("sample", device="cpu")
    said, truth = [], []
    for number, frame in zip((0, 7, 2001), frames[::10], strict=True):
        frame.convert("RGB").save(root / "CelebA-HQ-img" / f"{number}.jpg", quality=95)
        seen = np.asarray(Image.open(root / "CelebA-HQ-img" / f"{number}.jpg"))
        ids = parser(seen[None])[0]
        true = ids.copy()
        true[ids == LEFT], true[ids == RIGHT] = RIGHT, LEFT
        true[256:][ids[256:] == HAIR] = CLASSES.index("cloth")
        write_parts(root, number, true)
        said.append(ids)
        truth.append(true)
    return root, said, truth


def test_numbers_of_known_answers(celebamask: tuple[Path, list[np.ndarray], list[np.ndarray]]) -> None:
    root, said, truth = celebamask
    for number, true in zip((0, 7, 2001), truth, strict=True):
        np.testing.assert_array_equal(BENCHMARK["truth_of"](root, number), true)
    result = subprocess.run(
        [sys.executable, SCRIPT, root, "--parser", "sample", "--device", "cpu"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    all_said, all_true = np.stack(said), np.stack(truth)
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ") for line in result.stdout.splitlines() if "|" in line}
    assert f"pixels right: {(all_said == all_true).mean():.4f}" in result.stdout
    for class_id, name in enumerate(CLASSES):
        ours, theirs = all_said == class_id, all_true == class_id
        union = (ours | theirs).sum()
        expected = f"{(ours & theirs).sum() / union:.4f}" if union else "-"
        assert rows[name][2] == expected, name
    assert rows["l_eye"][1:3] == ["0.0000", "0.0000"]
    assert rows["l_eye"][3] == "1.0000 |"
    assert rows["skin"][1:3] == ["1.0000", "1.0000"]
    assert 0 < float(rows["hair"][2]) < float(rows["hair"][1]) == 1
    assert "goal: eyes, mean IoU 0.65: 0.0000, missed" in result.stdout
    assert "goal: lips, mean IoU 0.65: 1.0000, reached" in result.stdout
    assert "3 pictures, 0 without a mask" in result.stdout


def test_found_and_iou_by_hand() -> None:
    truth = np.array([[LEFT, LEFT, RIGHT, HAIR]], np.uint8)
    said = np.array([[LEFT, RIGHT, RIGHT, SKIN]], np.uint8)
    counts = BENCHMARK["confusion"](truth, said)
    found, iou = BENCHMARK["found_and_iou"](counts)
    assert (found[LEFT], iou[LEFT], found[RIGHT], iou[RIGHT]) == (0.5, 0.5, 1.0, 0.5)
    assert (found[HAIR], iou[HAIR], iou[SKIN]) == (0, 0, 0)
    assert np.isnan([found[SKIN], iou[0]]).all()
    merged = BENCHMARK["without_sides"](counts)
    assert merged.sum() == 4
    assert BENCHMARK["found_and_iou"](merged)[1][LEFT] == 1


def test_another_folder_is_an_error(tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "give the folder of CelebAMask-HQ" in result.stderr
