"""Landmarks for the clips of a corpus, other for each clip and frame."""

from pathlib import Path

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from tests.support.corpus import Corpus


def landmarks_of(clip: int, num_frames: int, *, width: int = 40, height: int = 24) -> FaceLandmarks:
    """Points within the picture, in motion; every fifth frame, from the third on, has no face."""
    rng = np.random.default_rng(clip)
    start = rng.uniform(0, 1, (478, 3)) * (width, height, width / 2)
    points = start + np.cumsum(rng.normal(0, 0.2, (num_frames, 478, 3)), axis=0)
    blendshapes, head_pose = rng.uniform(0, 1, (num_frames, 52)), rng.uniform(-90, 90, (num_frames, 3))
    rows = [points, blendshapes, head_pose]
    for part in rows:
        part[2::5] = np.nan
    return FaceLandmarks(np.arange(num_frames, dtype=np.int32), *(part.astype(np.float32) for part in rows))


def add_landmarks(corpus: Corpus, root: Path) -> None:
    """Write ``landmarks/<clip>.landmarks`` for all clips."""
    (root / "landmarks").mkdir(parents=True)
    for number, (clip, count) in enumerate(zip(corpus.clips, corpus.num_frames, strict=True)):
        (root / "landmarks" / f"{clip}.landmarks").write_bytes(encode_landmarks(landmarks_of(number, count)))
