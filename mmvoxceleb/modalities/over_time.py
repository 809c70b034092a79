"""What a modality says of every frame of a clip, to be drawn: figures over time, and lines over the frames."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Curve", "Outline"]


@dataclass(frozen=True)
class Curve:
    """A figure of every frame.

    Args:
        group: What it is of, with the unit; curves of one group share a scale: ``head pose, degrees``.
        name: Its own name in the group: ``yaw``.
        indices: int64 [N], frame index of each value, ascending.
        values: float32 [N]; NaN if there is none.
        limits: Ends of the scale; those of the values by default.
    """

    group: str
    name: str
    indices: "NDArray[np.int64]"
    values: "NDArray[np.float32]"
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Outline:
    """Lines and points over every frame.

    Args:
        name: What they are: ``head pose``.
        indices: int64 [N], frame index of each row of points, ascending.
        points: float32 [N, P, 2], x and y in px of the frame, from its upper left corner; NaN if there is none.
        lines: RGB colour of each line, and the points that it joins, by number.
        dots: RGB colour of a dot on every point; None for no dots.
    """

    name: str
    indices: "NDArray[np.int64]"
    points: "NDArray[np.float32]"
    lines: tuple[tuple[tuple[int, int, int], tuple[int, ...]], ...] = ()
    dots: tuple[int, int, int] | None = None
