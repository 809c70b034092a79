"""Which frames of a clip get a mask or a drawing."""

from collections.abc import Sequence

from mmvoxceleb.errors import ConfigError

__all__ = ["check_stride", "every"]


def check_stride(stride: int) -> int:
    """Return ``stride``.

    Raises:
        ConfigError: It is under 1.
    """
    if stride < 1:
        raise ConfigError(f"stride must be at least 1, got {stride}")
    return stride


def every(frame_indices: Sequence[int], stride: int) -> list[int]:
    """Choose the frames whose distance from the first is a multiple of ``stride``.

    On a whole clip this is the original's every 4th file. On one that holds every 4th frame only, it is all of them.
    """
    return [index for index in frame_indices if (index - frame_indices[0]) % stride == 0]
