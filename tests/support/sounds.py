"""Sound for the clips of a corpus, and clicks to be found again."""

from pathlib import Path

import numpy as np

from mmvoxceleb.codecs.flac import encode_flac
from tests.support.corpus import Corpus

RATE = 16000


def samples_of(clip: int, num_frames: int, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """int16 [channels, num_frames * rate / 25]: noise, other for each clip."""
    rng = np.random.default_rng(clip)
    return rng.integers(-9000, 9000, (channels, num_frames * rate // 25)).astype(np.int16)


def add_sounds(corpus: Corpus, root: Path, channels: int = 1) -> None:
    """Write ``audio/<clip>.flac`` for all clips."""
    (root / "audio").mkdir(parents=True)
    for number, (clip, count) in enumerate(zip(corpus.clips, corpus.num_frames, strict=True)):
        data = encode_flac(samples_of(number, count, channels=channels), RATE)
        (root / "audio" / f"{clip}.flac").write_bytes(data)
