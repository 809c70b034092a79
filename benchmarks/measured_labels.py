"""Measure frames per CPU second of measured attributes, against FaRL's network on the same frames in one run.

    python benchmarks/measured_labels.py STORE [--frames 16]

STORE must have frames, landmarks and masks. FaRL's weights are random, because the speed does not depend on them.
Landmarks and masks exist on both sides, and decoding is not measured. Both sides use one thread and take turns, three
times each.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
from attributes import random_checkpoint

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.modalities import LANDMARKS, MASKS, VIDEO
from mmvoxceleb.processing.labels import AttributePredictor
from mmvoxceleb.processing.labels.measured.figures import Face, figures_of
from mmvoxceleb.processing.labels.measured.rules import clip_figures, scores_of
from mmvoxceleb.schema.face_points import five_of_478
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.clip import StoredClip


def faces_of(store: str, count: int) -> list[Face]:
    """Read the first masked frames with a face of the store's first clip."""
    opened = open_store(store)
    clip = StoredClip(opened, opened.clips(MASKS.folder())[0])
    landmarks = clip.value(LANDMARKS)
    places = {int(index): place for place, index in enumerate(landmarks.indices) if landmarks.has_face[place]}
    found: list[Face] = []
    for entry in clip.frames(MASKS.folder()):
        if entry.index in places and len(found) < count:
            place = places[entry.index]
            at = clip.indices(VIDEO.folder()).tolist().index(entry.index)
            (data,) = clip.pictures(VIDEO.folder(), [at])
            picture = data if isinstance(data, np.ndarray) else decode_rgb(data, where=entry.name)[..., :3]
            (mask,) = clip.read(MASKS.folder(), [entry])
            ids = read_mask_ids(mask, clip_id=clip.clip_id, name=entry.name)
            parts = (landmarks.points[place], landmarks.blendshapes[place], landmarks.head_pose[place])
            found.append(Face(np.asarray(picture), *parts, ids))
    return found


def rate(work: Callable[[], object], frames: int) -> float:
    start = time.process_time()
    work()
    return frames / (time.process_time() - start)


def main() -> None:
    """Print both rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--frames", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(1)
    import cv2

    cv2.setNumThreads(1)
    faces = faces_of(options.store, options.frames)
    frames = np.stack([face.picture for face in faces])
    points = np.stack([five_of_478(face.points) for face in faces]) + 0.5
    with tempfile.TemporaryDirectory() as folder:
        predictor = AttributePredictor(random_checkpoint(folder), device="cpu")
        predictor(frames[:1], points[:1])
        rates: dict[str, list[float]] = {"measured": [], "FaRL": []}
        for _ in range(3):
            rates["measured"].append(
                rate(lambda: scores_of(clip_figures([figures_of(face) for face in faces])), len(faces))
            )
            rates["FaRL"].append(rate(lambda: predictor(frames, points), len(faces)))
    for name, found in rates.items():
        print(f"{name:10} {statistics.median(found):7.2f} frames per CPU second")
    print(f"measured is {statistics.median(rates['measured']) / statistics.median(rates['FaRL']):.0f} times as fast")


if __name__ == "__main__":
    main()
