"""The frame numbers of a clip: where they are not as regular as a healthy clip's."""

import logging
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.stores.interface import Entry

__all__ = ["check_frames", "doubtful_positions", "refuse_repeats"]

_USUAL_STEPS = (1, 4)
"""Frames follow one another; the original has a mask and a drawing of every fourth."""
_MOST_SHOWN = 4
_MOST_TOLD = 10_000

_told: set[str] = set()
logger = logging.getLogger(__name__)


def _step_of(indices: Sequence[int]) -> int:
    """Return the commonest distance, the smaller one of two."""
    counts = Counter(after - before for before, after in pairwise(indices))
    return min(counts, key=lambda step: (-counts[step], step))


def doubtful_positions(indices: Sequence[int]) -> list[int]:
    """Return the positions of frames whose number may be wrong; none where all follow in one step from 0.

    Args:
        indices: Frame numbers of a clip in one folder, ascending.
    """
    if not indices:
        return []
    last = len(indices) - 1
    steps = {after - before for before, after in pairwise(indices)}
    if indices[0] == 0 and len(steps) <= 1 and (last > 1 or steps <= {*_USUAL_STEPS}):
        return []
    step = _step_of(indices) if last else 1
    found = {0, last}
    for position, (before, after) in enumerate(pairwise(indices)):
        if after - before != step:
            found |= {position, position + 1}
    return sorted(found)


def missing_frames(indices: Sequence[int]) -> tuple[list[range], int]:
    """Return what is missing between the first frame and the last, and the step in which frames follow.

    Args:
        indices: Frame numbers of a clip in one folder, ascending.

    Returns:
        Ranges of missing frame numbers, and the commonest distance of two frames that follow one another.
    """
    if len(indices) < 2:
        return [], 1
    step = max(_step_of(indices), 1)
    gaps = [range(before + step, after, step) for before, after in pairwise(indices) if after - before > step]
    return gaps, step


def check_frames(where: str, entries: Sequence[Entry]) -> None:
    """Check the frame numbers of a clip in one folder before it is read, and tell of gaps.

    Args:
        where: Store, clip and folder.
        entries: By frame number, as :meth:`mmvoxceleb.stores.Store.entries` gives them.

    Raises:
        CorruptSourceError: Two files have one number: nobody can tell which is the frame.
    """
    refuse_repeats(where, entries)
    tell_missing_frames(where, [entry.index for entry in entries])


def refuse_repeats(where: str, entries: Sequence[Entry]) -> None:
    """Do the first part of :func:`check_frames`."""
    for first, second in pairwise(entries):
        if first.index == second.index:
            raise CorruptSourceError(
                f"{where}: has two files for frame {first.index} (a name without a number counts as 0): {first.name} "
                f"and {second.name}; remove one of them"
            )


def tell_missing_frames(where: str, indices: Sequence[int]) -> None:
    """Warn, once per process, where frames are missing between the first and the last of a clip.

    Args:
        where: Store, clip and folder.
        indices: Frame numbers of the clip in one folder, ascending.
    """
    gaps, step = missing_frames(indices)
    if not gaps or where in _told:
        return
    if len(_told) < _MOST_TOLD:
        _told.add(where)
    parts = [str(gap[0]) if len(gap) == 1 else f"{gap[0]} to {gap[-1]}" for gap in gaps[:_MOST_SHOWN]]
    more = f" and {sum(map(len, gaps[_MOST_SHOWN:])):,} more" if len(gaps) > _MOST_SHOWN else ""
    every = "" if step == 1 else f" (one in {step} is)"
    logger.warning(
        "%s: frame %s%s is missing%s; the clip is read without it. `mmvoxceleb validate` lists all",
        where, ", ".join(parts), more, every,
    )  # fmt: skip
