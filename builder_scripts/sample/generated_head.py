"""A generated head in space: turned, projected, and the layers that its parts are painted as.

Units of the head: x to the right of the picture, y down, z towards the viewer, 0 between the eyes. The chin is at
y = 1, the brows are near -0.33, the hairline is near -0.85, the top of the skull at -1.25; cheekbones at x = 0.72.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from generated_person import Colour, Moment, Person
from numpy.typing import NDArray

__all__ = ["DARK", "EYE_Y", "SOFT", "Head", "Layer", "Points", "ellipse", "mirrored", "scaled", "smooth"]

Points = NDArray[np.float64]

EYE_Y = -0.1
DARK, SOFT = 30, 110
"""Greys of main and of minor lines."""


@dataclass(frozen=True)
class Layer:
    """A filled shape or a line.

    Args:
        points: float64 [N, 2], pixels.
        name: Its class; empty leaves the class of what is below.
        colour: RGB; None leaves the colour.
        opacity: Of the colour, 0 to 1.
        soft_px: Blur of the colour's edge.
        ink: Grey of its line in the drawing; None for no line.
        fill: Grey that it lays over the drawing; None leaves what is below.
        closed: False for a line.
        width_px: Width of a line in the colour and in the classes.
        within: Outline that it does not leave.
    """

    points: Points
    name: str = ""
    colour: Colour | None = None
    opacity: float = 1.0
    soft_px: float = 0.0
    ink: int | None = DARK
    fill: int | None = 255
    closed: bool = True
    width_px: float = 0.0
    within: Points | None = None


class Head:
    """A turned head, somewhere in a picture.

    Args:
        person: Whose.
        moment: How it is turned.
        x_px: Where the point between the eyes is.
        y_px: The same, downwards.
        unit_px: Pixels a unit.
    """

    def __init__(self, person: Person, moment: Moment, x_px: float, y_px: float, unit_px: float) -> None:
        self.person, self.moment = person, moment
        self.origin, self.unit_px = np.array((x_px, y_px)), unit_px
        yaw, pitch, roll = (math.radians(angle) for angle in (moment.yaw, moment.pitch, moment.roll))
        turn_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        turn_x = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
        turn_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        self.turn = turn_z @ turn_x @ turn_y
        tilt = roll * 0.3
        self._body_turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])

    def depth(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Depth of the face without nose and lips."""
        inside = 1 - (x / 0.86) ** 2 - ((y + 0.05) / 1.5) ** 2
        return 0.72 * np.sqrt(np.maximum(inside, 0.0))

    def on_face(self, points: Iterable[tuple[float, ...]] | Points, out: float = 0.0) -> Points:
        """Project points (x, y) that lie on the face, or ``out`` units above it: float64 [N, 2], pixels."""
        points = self._dropped(np.array(points, float))
        return self.project(np.column_stack([points, self.depth(points[:, 0], points[:, 1]) + out]))

    def at_depth(self, points: Iterable[tuple[float, ...]] | Points) -> Points:
        """Project points (x, y, z): float64 [N, 2], pixels."""
        points = np.array(points, float)
        return self.project(np.column_stack([self._dropped(points[:, :2]), points[:, 2]]))

    def project(self, points: Points) -> Points:
        """Turn and scale float64 [N, 3] to pixels."""
        return np.asarray((points @ self.turn.T)[:, :2] * self.unit_px + self.origin)

    def on_body(self, points: Iterable[tuple[float, ...]] | Points) -> Points:
        """Place points of neck and shoulders, which follow the head little."""
        lean = np.array((math.sin(math.radians(self.moment.yaw)) * 0.1, 0.0))
        return np.asarray((np.array(points, float) @ self._body_turn.T + lean) * self.unit_px + self.origin)

    def _dropped(self, points: Points) -> Points:
        """Let the jaw drop with the open mouth."""
        points = points.copy()
        points[:, 1] += 0.12 * self.moment.mouth_open * np.clip((points[:, 1] - 0.6) / 0.4, 0, 1)
        return points


def mirrored(right: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Complete an outline: from the top middle down the right side, then up the left one."""
    points = list(right)
    return points + [(-point[0], *point[1:]) for point in reversed(points) if point[0]]


def smooth(points: Points, *, closed: bool = True, steps: int = 5) -> Points:
    """Run a Catmull-Rom curve through float64 [N, 2]."""
    if not closed:
        points = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, after, second = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (array[:, None, :] for array in (before, points, after, second))
    curve = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    if closed:
        return curve.reshape(-1, 2)
    return np.vstack([curve[1:-2].reshape(-1, 2), points[-2]])


def ellipse(x: float, y: float, rx: float, ry: float, count: int = 20) -> Points:
    """Points around (x, y): float64 [count, 2]."""
    angle = np.arange(count) * 2 * math.pi / count
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def scaled(colour: Colour, factor: float) -> Colour:
    """Make a colour lighter or darker."""
    red, green, blue = (min(255.0, value * factor) for value in colour)
    return red, green, blue
