"""Scores without weights, and landmarks for a corpus."""

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from mmvoxceleb.processing.scores import Scorer, make_scorers
from tests.support.corpus import Corpus

FIGURES = ("face_px", "sharpness", "face_sharpness", "yaw", "mask_flicker")
"""A figure of each scorer that needs no weights."""


def some_scorers() -> list[Scorer]:
    return make_scorers(FIGURES)


def add_landmarks(corpus: Corpus) -> None:
    """Write landmarks of a face that moves and turns."""
    rng = np.random.default_rng(5)
    face = rng.uniform(2, 20, (478, 3))
    (corpus.root / "landmarks").mkdir()
    for clip, count in zip(corpus.clips, corpus.num_frames, strict=True):
        points = face[None] + rng.normal(0, 0.5, (count, 1, 3))
        pose = np.cumsum(rng.normal(0, 1, (count, 3)), axis=0)
        parts = (points, np.full((count, 52), 0.5), pose)
        value = FaceLandmarks(np.arange(count, dtype=np.int32), *(part.astype(np.float32) for part in parts))
        (corpus.root / "landmarks" / f"{clip}.landmarks").write_bytes(encode_landmarks(value))
