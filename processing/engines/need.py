"""What a clip takes, from step to step: its pictures, and what its stages make of them."""

from collections.abc import Mapping, Sequence

from mmvoxceleb.processing.stage import Stage

__all__ = ["AFTER", "bytes_needed", "picture_bytes"]

AFTER = ""
"""When no stage needs pictures any more, and what was made is encoded and written."""


def picture_bytes(height: int, width: int) -> int:
    """Bytes of a decoded picture."""
    return height * width * 3


def bytes_needed(
    stages: Sequence[Stage], wanted: Mapping[str, Sequence[int]], height: int, width: int
) -> dict[str, int]:
    """Count the bytes that a clip takes at most, from each of its stages on, by name, and from :data:`AFTER` on.

    While a stage runs, there are the pictures that it and those after it need, in one copy, a second copy of its own
    where it needs only some of these, and what all stages add (:meth:`Stage.extra_bytes`), as it is kept until all is
    written.

    Args:
        stages: Those that are to be run, in order.
        wanted: Frame indices by stage.
        height: Of the pictures.
        width: Of the pictures.
    """
    added = sum(stage.extra_bytes(len(wanted[stage.name]), height, width) for stage in stages)
    needed, most, later = {AFTER: added}, 0, set[int]()
    kept: list[tuple[Stage, int, int]] = []
    for stage in reversed(stages):
        own = set() if stage.is_streamed else set(wanted[stage.name])
        later |= own
        kept.append((stage, len(later), len(own) if len(own) < len(later) else 0))
    before = len(later)
    frames: list[tuple[Stage, int]] = []
    for stage, union, copy in reversed(kept):
        # letting go of some pictures takes a copy of the others
        frames.append((stage, max(union + copy, before + union if union < before else 0)))
        before = union
    for stage, count in reversed(frames):
        most = max(most, count)
        needed[stage.name] = most * picture_bytes(height, width) + added
    return needed
