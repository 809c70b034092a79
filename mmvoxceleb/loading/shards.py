"""How clips are shared among nodes and workers."""

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["shards_of"]

_SHARD_COUNTS = (1920, 960, 480, 240, 120, 48, 24)
"""Numbers with many divisors. ``datasets`` shares shards evenly among nodes and workers only where their number is a
multiple of the readers'; where it is not, every reader reads everything and throws the rest away."""


def shards_of(clips: Sequence[str]) -> list[tuple[str, ...]]:
    """Group clips, in order, into shards that workers and nodes can share evenly.

    Their number is one that many numbers of readers divide, up to 1,920; small sets have a clip in each.
    """
    count = next((number for number in _SHARD_COUNTS if number <= len(clips)), len(clips))
    edges = [round(position * len(clips) / count) for position in range(count + 1)]
    return [tuple(clips[first:last]) for first, last in pairwise(edges)]
