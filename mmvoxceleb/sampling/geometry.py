"""Where a sample is cut out of its pictures, and whether it is mirrored: one decision for all of them."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["View", "choose_view"]


@dataclass(frozen=True)
class View:
    """A cut and a mirroring, for pictures of any size.

    Args:
        area: Part of the largest possible cut's area that is kept, over 0 to 1.
        left: Where the cut lies between the left (0) and the right (1) end of its leeway.
        top: Likewise from top to bottom.
        mirrored: Whether left and right trade places after the cut.
    """

    area: float = 1.0
    left: float = 0.5
    top: float = 0.5
    mirrored: bool = False

    @functools.lru_cache(maxsize=256)  # noqa: B019  views are small, and few at a time
    def box(self, height: int, width: int, aspect: float | None) -> tuple[int, int, int, int]:
        """Return the cut of a picture as ``(x1, y1, x2, y2)`` in px, the far corner not included.

        Sides are rounded to half of the smallest size at which 256 px frames and their 512 px masks agree, so that
        the cut of a mask is exactly twice that of its frame.

        Args:
            height: Of the picture, in px.
            width: Of the picture, in px.
            aspect: Width over height of the cut; None for the whole picture.
        """
        if aspect is None:
            return 0, 0, width, height
        full_width = min(width, height * aspect)
        factor = math.sqrt(self.area)
        unit = _unit(height, width)
        cut_width = max(unit, round(full_width * factor / unit) * unit)
        cut_height = max(unit, round(full_width / aspect * factor / unit) * unit)
        cut_width, cut_height = min(cut_width, width), min(cut_height, height)
        x1 = round((width - cut_width) * self.left / unit) * unit
        y1 = round((height - cut_height) * self.top / unit) * unit
        x1, y1 = min(x1, width - cut_width), min(y1, height - cut_height)
        return x1, y1, x1 + cut_width, y1 + cut_height


def _unit(height: int, width: int) -> int:
    """Return the px by which a picture's cut moves: 2 in a mask of 512 where it is 1 in a frame of 256."""
    return max(1, min(height, width) // 256) if min(height, width) % 256 == 0 else 1


def choose_view(options: SampleOptions, rng: np.random.Generator) -> View:
    """Draw the cut and the mirroring of a sample. The same numbers are drawn whatever the options."""
    area, left, top, mirror = rng.random(4)
    mirrored = bool(mirror < options.flip)
    if options.crop_scale is None:
        return View(mirrored=mirrored)
    low, high = options.crop_scale
    return View(low + (high - low) * float(area), float(left), float(top), mirrored)
