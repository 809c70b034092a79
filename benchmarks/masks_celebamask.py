"""Measure the accuracy of face parsers on CelebAMask-HQ. You need a copy of CelebAMask-HQ.

    python benchmarks/masks_celebamask.py CELEBAMASK [--parser open --parser bisenet] [--limit 500] [--size 256]

CELEBAMASK is the folder as its authors distribute it: CelebA-HQ-img/0.jpg ..., and CelebAMask-HQ-mask-anno/0..14/ with
a picture for each part of each face, such as 00000_hair.png. Parts cover one another in the order of our classes, as in
the training of the original parser. l_ and r_ are the person's left and right.

For each parser, the program prints the share of pixels that are right. For each class, it prints the share of its true
pixels that were found, and the intersection over union, both over the pixels of all pictures together. It also prints
whether the goal is reached. Every picture is parsed by itself, so a parser that learns from a clip has one frame to
learn from. A picture for which a parser gives no mask counts as background. --size scales the pictures down first; the
frames of clips have 256 px.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmvoxceleb.processing.masks import MASK_SIZE_PX, Parser, make_parser
from mmvoxceleb.schema import CLASSES, NO_MASK, NUM_CLASSES, SIDE_PAIRS

PICTURES, PARTS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
PER_FOLDER = 2000
MEAN = "mean of the classes"
GOALS: dict[str, tuple[float, tuple[str, ...]]] = {
    "all classes": (0.50, CLASSES),
    "eyes": (0.65, ("l_eye", "r_eye")),
    "lips": (0.65, ("u_lip", "l_lip")),
    "hair": (0.72, ("hair",)),
}
"""Mean IoU to reach."""


def truth_of(root: Path, number: int) -> NDArray[np.uint8]:
    """Lay the parts of a face over one another: uint8 [512, 512], class ids."""
    ids = np.zeros((MASK_SIZE_PX, MASK_SIZE_PX), np.uint8)
    for class_id, name in enumerate(CLASSES):
        path = root / PARTS / str(number // PER_FOLDER) / f"{number:05d}_{name}.png"
        if path.is_file():
            part = np.asarray(Image.open(path).convert("L"))
            if part.shape != ids.shape:
                sys.exit(f"{path}: is {part.shape[1]} x {part.shape[0]} px instead of 512 x 512; get it again")
            ids[part > 127] = class_id
    return ids


def confusion(truth: NDArray[np.uint8], said: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count pixels: int64 [19, 19], true class by class said."""
    both = truth.astype(np.int64) * NUM_CLASSES + said
    return np.bincount(both.ravel(), minlength=NUM_CLASSES**2).reshape(NUM_CLASSES, NUM_CLASSES)


def found_and_iou(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Work out for each class the share found and the IoU; NaN where there is nothing to find, or to unite."""
    right, true, said = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore"):
        return right / true, right / (true + said - right)


def without_sides(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the right side of each pair as the left one."""
    merged = counts.copy()
    for left, right in SIDE_PAIRS:
        merged[left] += merged[right]
        merged[:, left] += merged[:, right]
        merged[right] = merged[:, right] = 0
    return merged


def measure(parser: Parser, root: Path, numbers: Sequence[int], size: int | None) -> tuple[NDArray[np.int64], int]:
    """Parse pictures; return the pixels counted, and how many pictures got no mask."""
    counts, without = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64), 0
    for place, number in enumerate(numbers, 1):
        picture = Image.open(root / PICTURES / f"{number}.jpg").convert("RGB")
        if size is not None:
            picture = picture.resize((size, size), Image.Resampling.LANCZOS)
        said = parser(np.asarray(picture)[None])[0]
        if said[0, 0] == NO_MASK:
            said, without = np.zeros_like(said), without + 1
        counts += confusion(truth_of(root, number), said)
        if place % 100 == 0:
            print(f"{place} of {len(numbers)} pictures", file=sys.stderr)
    return counts, without


def report(name: str, counts: NDArray[np.int64], pictures: int, without: int, seconds: float) -> None:
    """Print the table of a parser, and the goal."""
    found, iou = found_and_iou(counts)
    sides = found_and_iou(without_sides(counts))[1]
    print(f"\n## {name}\n\n{pictures} pictures, {without} without a mask; {pictures / seconds:.1f} pictures/s")
    print(f"pixels right: {np.diag(counts).sum() / counts.sum():.4f}\n")
    print("| class | found | IoU | IoU, sides merged |\n| --- | --- | --- | --- |")
    merged = {right for _, right in SIDE_PAIRS}
    for class_id, label in enumerate(CLASSES):
        either = "" if class_id in merged else _told(sides[class_id])
        print(f"| {label} | {_told(found[class_id])} | {_told(iou[class_id])} | {either} |")
    print(f"| **{MEAN}** | {_told(np.nanmean(found))} | {_told(np.nanmean(iou))} | {_told(np.nanmean(sides))} |\n")
    for what, (least, names) in GOALS.items():
        values = iou[[CLASSES.index(label) for label in names]]
        reached = np.nanmean(values) if not np.isnan(values).all() else np.nan
        verdict = "nothing to measure" if np.isnan(reached) else "reached" if reached >= least else "missed"
        print(f"goal: {what}, mean IoU {least:.2f}: {_told(reached)}, {verdict}")


def _told(value: "float | np.floating[Any]") -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("celebamask", type=Path)
    arguments.add_argument("--parser", action="append", help="as of regenerate mask; repeat it. Default: open")
    arguments.add_argument("--limit", type=int, help="only so many pictures, spread evenly")
    arguments.add_argument("--size", type=int, help="scale the pictures to this many px first")
    arguments.add_argument("--device", default="auto")
    options = arguments.parse_args()

    root: Path = options.celebamask
    numbers = sorted(int(path.stem) for path in (root / PICTURES).glob("*.jpg") if path.stem.isdigit())
    if not numbers or not (root / PARTS).is_dir():
        sys.exit(f"{root}: has no {PICTURES}/0.jpg or no {PARTS}/; give the folder of CelebAMask-HQ")
    if options.limit is not None and options.limit < len(numbers):
        numbers = [numbers[place * len(numbers) // options.limit] for place in range(options.limit)]
    for name in options.parser or ["open"]:
        parser = make_parser(name, device=options.device)
        parser.setup()
        start = time.perf_counter()
        counts, without = measure(parser, root, numbers, options.size)
        report(name, counts, len(numbers), without, time.perf_counter() - start)


if __name__ == "__main__":
    main()
