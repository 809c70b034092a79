"""Random numbers that depend on what is sampled, never on who samples it."""

import zlib

import numpy as np

__all__ = ["rng_of_clip", "rng_of_index"]


def rng_of_index(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of a sample: the same in any worker, in any order."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, index])))


def rng_of_clip(seed: int, epoch: int, clip_id: str, window: int) -> np.random.Generator:
    """Return the generator of a streamed sample, whose place in the whole nobody knows: its clip stands for it."""
    key = zlib.crc32(clip_id.encode())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, key, len(clip_id), window])))
