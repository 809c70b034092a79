"""Measure the accuracy of an attribute model on CelebA. You need a copy of CelebA.

    python benchmarks/attributes_celeba.py CELEBA [--weights FILE] [--split test] [--fit-thresholds thresholds.json]

CELEBA is the folder as its authors (or Kaggle) distribute it: pictures in img_align_celeba/ (or, with --wild,
img_celeba/), and list_attr_celeba, list_eval_partition and list_landmarks_align_celeba (or list_landmarks_celeba) as
.txt or .csv. Faces are cropped by the landmarks in the lists, or with --detector yunet by those of a detector, as in
regenerate label. The program prints the accuracy and balanced accuracy of each attribute, beside those of a constant
guess. --fit-thresholds chooses the threshold of each attribute on the chosen split, and writes the file for
regenerate label.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.labels import AttributePredictor, thresholds_of
from mmvoxceleb.processing.labels.alignment import left_to_right
from mmvoxceleb.schema import ATTRIBUTES, attribute_index

SPLITS = {"train": 0, "val": 1, "test": 2}


def read_list(folder: Path, name: str) -> tuple[list[str], dict[str, list[int]]]:
    """Read one of CelebA's lists: its column names, and for each picture its numbers."""
    path = next((path for suffix in (".txt", ".csv") if (path := folder / f"{name}{suffix}").is_file()), None)
    if path is None:
        sys.exit(f"{folder}: has no {name}.txt or {name}.csv; give the folder of CelebA's lists")
    header: list[str] = []
    rows: dict[str, list[int]] = {}
    for line in path.read_text().splitlines():
        first, *rest = line.replace(",", " ").split() or [""]
        if rest and all(value.lstrip("-").isdigit() for value in rest):
            rows[first] = [int(value) for value in rest]
        elif rest:
            header = rest if first == "image_id" else [first, *rest]
    return header, rows


def batches(
    pictures: Path, names: list[str], landmarks: dict[str, list[int]] | None, detector: str, weights: Path | None
) -> Iterator[tuple[list[str], np.ndarray, np.ndarray | None]]:
    """Yield names, frames and landmarks of pictures, one size at a time, without those that have no face."""
    finder = open_detector(detector, weights=weights) if detector else None
    for name in names:
        frame = np.asarray(Image.open(pictures / name).convert("RGB"))
        if finder is not None:
            faces = [(face.area_px, face.landmarks_px) for face in finder.detect(frame[None])[0]]
            found = [(area, points) for area, points in faces if points is not None]
            if found:
                yield [name], frame[None], max(found, key=lambda face: face[0])[1][None]
        elif landmarks is not None:
            # the lists hold pixel indices; ours are continuous, half a pixel more
            yield [name], frame[None], left_to_right(np.reshape(landmarks[name], (1, 5, 2)) + 0.5)
        else:
            yield [name], frame[None], None


def fit_thresholds(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Choose for each attribute, of 0.01 to 0.99, the threshold of most right answers, nearest to 0.5."""
    grid = np.round(np.arange(0.01, 1, 0.01), 2)
    chosen = {}
    for column, name in enumerate(ATTRIBUTES):
        if not np.isnan(probabilities[:, column]).all():
            right = [((probabilities[:, column] > value) == truth[:, column]).mean() for value in grid]
            chosen[name] = float(max(zip(right, -np.abs(grid - 0.5), grid, strict=True))[2])
    return chosen


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--weights", help="as of regenerate label; the published FaRL checkpoint by default")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--wild", action="store_true", help="img_celeba instead of img_align_celeba")
    parser.add_argument("--detector", default="", help="take landmarks from this detector, not from the lists")
    parser.add_argument("--detector-weights", type=Path)
    parser.add_argument("--limit", type=int, help="only so many pictures")
    parser.add_argument("--thresholds", type=Path, help="JSON file of thresholds by attribute; 0.5 by default")
    parser.add_argument("--fit-thresholds", type=Path)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()

    header, attributes = read_list(options.celeba, "list_attr_celeba")
    partition = read_list(options.celeba, "list_eval_partition")[1]
    names = [name for name, (part,) in sorted(partition.items()) if part == SPLITS[options.split]][: options.limit]
    predictor = AttributePredictor(options.weights, device=options.device)
    landmarks = None
    if predictor.needs_landmarks and not options.detector:
        kind = "list_landmarks_celeba" if options.wild else "list_landmarks_align_celeba"
        landmarks = read_list(options.celeba, kind)[1]
    folder = options.celeba / ("img_celeba" if options.wild else "img_align_celeba")

    seen, outputs = [], []
    for batch, frames, points in batches(folder, names, landmarks, options.detector, options.detector_weights):
        seen += batch
        outputs.append(predictor(frames, points))
        if len(seen) % 500 == 0:
            print(f"{len(seen)} of {len(names)} pictures", file=sys.stderr)
    if not seen:
        sys.exit(f"{options.celeba}: no picture of the split {options.split!r} could be used")
    columns = [attribute_index(name) for name in header]
    truth = np.zeros((len(seen), len(ATTRIBUTES)), bool)
    truth[:, columns] = np.array([attributes[name] for name in seen]) == 1
    probabilities = np.concatenate(outputs)
    if options.fit_thresholds:
        options.fit_thresholds.write_text(json.dumps(fit_thresholds(probabilities, truth), indent=1))
    by_name = json.loads(options.thresholds.read_text()) if options.thresholds else None
    report(probabilities, truth, thresholds_of(0.5, by_name), len(names))


def report(probabilities: np.ndarray, truth: np.ndarray, thresholds: list[float], asked: int) -> None:
    """Print accuracy, balanced accuracy and the accuracy of always giving the more frequent answer."""
    print(f"{len(truth)} pictures of {asked}\n")
    print("| attribute | accuracy | balanced | constant guess |")
    print("| --- | --- | --- | --- |")
    rows = []
    for column, name in enumerate(ATTRIBUTES):
        if np.isnan(probabilities[:, column]).all():
            print(f"| {name} | unknown to the model | | |")
            continue
        said, true = probabilities[:, column] > thresholds[column], truth[:, column]
        rates = [(said[true == value] == value).mean() for value in (False, True) if (true == value).any()]
        rows.append(((said == true).mean(), np.mean(rates), max(true.mean(), 1 - true.mean())))
        print(f"| {name} | {rows[-1][0]:.4f} | {rows[-1][1]:.4f} | {rows[-1][2]:.4f} |")
    print("| **mean of {}** | {:.4f} | {:.4f} | {:.4f} |".format(len(rows), *np.mean(rows, 0)))


if __name__ == "__main__":
    main()
