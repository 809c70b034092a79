"""The rules by which tubes become clips."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from mmvoxceleb.processing.crop.videos import Utterance

__all__ = ["CropSettings"]


@dataclass(frozen=True)
class CropSettings:
    """Rules by which tubes (tracked faces) become clips.

    The defaults are the rules of crop_vox.py, which cut the original clips from VoxCeleb's annotations. The class
    methods have the defaults for other inputs.

    Args:
        size_px: Side of a cropped frame, in px.
        min_frames: Reject tubes (tracked faces) with fewer frames. Clips that are already cropped may have any length
            by default.
        max_frames: A tube ends after this many frames, and the next frame starts a new tube.
        min_face_px: Reject tubes in which the longer side of the face box is shorter than this, in px of the video.
            Clips that are already cropped may have faces of any size.
        growth: How far to extend the face box at each end, as a share of its longer side; the crop is the square around
            the result. Default for vox-metadata.csv and lists with boxes: 0, because these boxes are already extended.
        min_iou_with_first: A tube ends when the face box overlaps the first box of the tube by less than this
            (intersection over union, 0 to 1).
        border: If the crop extends beyond the picture, ``reject`` the tube, or ``shift`` the crop inside. Default
            without VoxCeleb's annotations: shift.
        boxes: ``detect`` finds the face in every frame. ``annotation`` uses the annotated boxes unchanged. ``whole``
            uses the whole picture, for clips that are already cropped.
        scene_cuts: End a tube at a scene cut. Default for videos without annotations: yes.
        max_gap_frames: In videos without annotations, interpolate the face box over gaps of at most this many frames
            without a detection.
        smooth_box: In videos without annotations, let the crop follow the face, smoothed over time, instead of using
            one box for the whole clip.
        detection_height_px: Scale frames to this height, in px, to find faces.

    Raises:
        ConfigError: A value is unknown or out of range.
    """

    size_px: int = 256
    min_frames: int = 64
    max_frames: int = 1024
    min_face_px: int = 256
    growth: float = 0.1
    min_iou_with_first: float = 0.25
    border: Literal["reject", "shift"] = "reject"
    boxes: Literal["detect", "annotation", "whole"] = "detect"
    scene_cuts: bool = False
    max_gap_frames: int = 0
    smooth_box: bool = False
    detection_height_px: int = 360

    def __post_init__(self) -> None:
        for name, lowest in (
            ("size_px", 16), ("min_frames", 1), ("max_frames", 1), ("min_face_px", 1), ("growth", 0),
            ("max_gap_frames", 0), ("detection_height_px", 32),
        ):  # fmt: skip
            if getattr(self, name) < lowest:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {lowest}")
        if self.max_frames < self.min_frames:
            raise ConfigError(f"max_frames ({self.max_frames}) is less than min_frames ({self.min_frames})")
        if self.border not in ("reject", "shift"):
            raise ConfigError(f"border is {self.border!r}; the known values are reject and shift")
        if self.boxes not in ("detect", "annotation", "whole"):
            raise ConfigError(f"boxes is {self.boxes!r}; the known values are detect, annotation and whole")

    @classmethod
    def for_metadata(cls, **changes: Any) -> "CropSettings":
        """Return the defaults for vox-metadata.csv: boxes are not extended, and crops are shifted inside the picture.

        Args:
            changes: Fields that differ from these defaults.
        """
        return replace(cls(growth=0.0, border="shift"), **changes)

    @classmethod
    def for_free_videos(cls, **changes: Any) -> "CropSettings":
        """Return the defaults for videos without annotations.

        Scene cuts end a tube, gaps of up to 5 frames are bridged, and crops are shifted inside the picture.

        Args:
            changes: Fields that differ from these defaults.
        """
        return replace(cls(border="shift", scene_cuts=True, max_gap_frames=5), **changes)

    @classmethod
    def for_cropped(cls, **changes: Any) -> "CropSettings":
        """Return the defaults for clips that are already cropped: use the whole picture, and reject no short clip.

        Args:
            changes: Fields that differ from these defaults.
        """
        return replace(cls(boxes="whole", growth=0.0, min_frames=1, min_face_px=1), **changes)

    def needs_detector(self, utterance: "Utterance") -> bool:
        """Return whether a detector must find the face in an utterance."""
        if self.boxes == "whole" or utterance.row is not None:
            return False
        if utterance.listed is not None:
            return utterance.listed.box_xyxy is None
        return utterance.annotation is None or self.boxes == "detect"

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)
