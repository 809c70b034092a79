"""Values of a modality for every frame, for the viewer: numbers over time, and lines over the frames."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Curve", "Outline"]


@dataclass(frozen=True)
class Curve:
    """One number for every frame, plotted over time.

    Args:
        group: Name of a group of curves that share a scale, with the unit: ``head pose, degrees``.
        name: Name of the curve in the group: ``yaw``.
        indices: int64 [N], frame index of each value, ascending.
        values: float32 [N]; NaN where a frame has no value.
        limits: Lower and upper end of the scale; by default, those of the values.
    """

    group: str
    name: str
    indices: "NDArray[np.int64]"
    values: "NDArray[np.float32]"
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Outline:
    """Lines and dots that are drawn over every frame.

    Args:
        name: Name of the drawing: ``head pose``.
        indices: int64 [N], frame index of each row of ``points``, ascending.
        points: float32 [N, P, 2], x and y in px of the frame, from its upper left corner; NaN where a point is missing.
        lines: RGB colour of each line, and the positions in P of the points that it joins.
        dots: RGB colour of a dot on every point; None for no dots.
    """

    name: str
    indices: "NDArray[np.int64]"
    points: "NDArray[np.float32]"
    lines: tuple[tuple[tuple[int, int, int], tuple[int, ...]], ...] = ()
    dots: tuple[int, int, int] | None = None
