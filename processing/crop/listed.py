"""A clip that a list speaks of: a part of a video by its time, and if the list has one, the box around the face."""

import math
from dataclasses import dataclass

__all__ = ["ListedClip", "ManualLabel"]


@dataclass(frozen=True)
class ManualLabel:
    """Attributes that the makers of a list annotated.

    Args:
        values: 40 values in CelebA's order: 1, 0, and -1 where they do not say.
        file: Name of the list.
        sha256: Of the list.
    """

    values: tuple[int, ...]
    file: str
    sha256: str


@dataclass(frozen=True)
class ListedClip:
    """One clip of a list.

    Args:
        start_seconds: From the first frame of the video.
        end_seconds: Where the next clip could begin; None for the end of the video.
        box_xyxy: Left, top, right, bottom; None where the face has to be found.
        box_width: Width of the picture that the box is measured in: 1 for fractions; None for the scale of the height.
        box_height: Its height: 1 for fractions; None for the pixels of the video.
        label: What is known of the person.

    Raises:
        ValueError: The times or the box are impossible; the message says how.
    """

    start_seconds: float
    end_seconds: float | None
    box_xyxy: tuple[float, float, float, float] | None = None
    box_width: float | None = None
    box_height: float | None = None
    label: ManualLabel | None = None

    def __post_init__(self) -> None:
        sizes = [size for size in (self.box_width, self.box_height) if size is not None]
        numbers = [self.start_seconds, self.end_seconds or 0.0, *(self.box_xyxy or ()), *sizes]
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError("it has a number that is not finite")
        if self.start_seconds < 0:
            raise ValueError(f"it starts at {self.start_seconds} s, before the video")
        if self.end_seconds is not None and self.end_seconds <= self.start_seconds:
            raise ValueError(f"it ends ({self.end_seconds} s) before it starts ({self.start_seconds} s)")
        if any(size <= 0 for size in sizes):
            raise ValueError(f"the picture that its box is measured in has no size ({min(sizes)})")
        if self.end_seconds is not None and self.end_seconds > _MOST_SECONDS:
            raise ValueError(f"it ends after {self.end_seconds} s, but no video is that long")
        if self.box_xyxy is not None:
            left, top, right, bottom = self.box_xyxy
            if left >= right or top >= bottom:
                raise ValueError(f"its box {self.box_xyxy} is empty; expected left, top, right, bottom")

    def box_px(self, width_px: int, height_px: int) -> tuple[float, float, float, float] | None:
        """Return the box in whole pixels of a picture; None if there is none."""
        if self.box_xyxy is None:
            return None
        down = 1.0 if self.box_height is None else height_px / self.box_height
        across = down if self.box_width is None else width_px / self.box_width
        left, top, right, bottom = self.box_xyxy
        return (
            float(math.floor(left * across)), float(math.floor(top * down)),
            float(math.floor(right * across)), float(math.floor(bottom * down)),
        )  # fmt: skip


_MOST_SECONDS = 7 * 24 * 3600.0
