"""Choices at random that do not depend on order, machine or what else is there: a clip's own number decides."""

import hashlib
from collections.abc import Callable, Iterable

__all__ = ["at_most", "share_of"]


def share_of(clips: Iterable[str], share: float, seed: int) -> list[str]:
    """Keep a share of some clips, in their order. Whether a clip is kept depends on it, the share and the seed alone.

    A larger share with the same seed holds all clips of a smaller one.

    Args:
        clips: Names.
        share: 0 to 1; so many are kept on average.
        seed: Of the choice.
    """
    limit = share * 2**64
    return [clip for clip in clips if _number("share", clip, seed) < limit]


def at_most(clips: Iterable[str], most: int, seed: int, *, group_of: Callable[[str], str]) -> list[str]:
    """Keep at most this many clips of each group, chosen at random, in their order.

    Args:
        clips: Names.
        most: How many of a group.
        seed: Of the choice.
        group_of: Names the group of a clip.
    """
    names = list(clips)
    groups: dict[str, list[str]] = {}
    for clip in names:
        groups.setdefault(group_of(clip), []).append(clip)
    kept = {
        clip
        for members in groups.values()
        for clip in sorted(members, key=lambda clip: (_number("group", clip, seed), clip))[:most]
    }
    return [clip for clip in names if clip in kept]


def _number(purpose: str, clip: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{seed}\n{clip}".encode()).digest()[:8], "big")
