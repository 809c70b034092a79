"""The rules by which tubes become clips."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from mmvoxceleb.processing.crop.videos import Utterance

__all__ = ["CropSettings"]


@dataclass(frozen=True)
class CropSettings:
    """Settings of the crop. The defaults are those of crop_vox.py, which cut the original clips.

    Args:
        size_px: Side of a cropped frame, in pixels.
        min_frames: Shorter tubes are rejected; of clips that are cropped already, none.
        max_frames: A tube ends after this many frames.
        min_face_px: Tubes are rejected when the longer side of their face box is shorter, in pixels of the video; of
            clips that are cropped already, none.
        growth: How much the box grows at each end, as a share of its longer side; the crop is the square around it.
            0 for vox-metadata.csv and lists with boxes, which have grown already.
        min_iou_with_first: A tube ends when the box overlaps its first box less than this.
        border: ``reject`` a tube whose crop reaches beyond the picture, or ``shift`` the crop inside: the default
            without VoxCeleb's annotations.
        boxes: ``detect``: find the face in every frame; ``annotation``: take the annotated boxes as they are;
            ``whole``: take the whole picture of clips that are cropped already.
        scene_cuts: Whether a scene cut ends a tube; by default only in videos without annotations.
        max_gap_frames: Videos without annotations: a face lost for so long is taken to be between its neighbours.
        smooth_box: Videos without annotations: let the crop follow the face, smoothed over time, instead of one
            box for the whole clip.
        detection_height_px: Faces are looked for in frames of this height.
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
        """Defaults for vox-metadata.csv: its boxes have grown already, and those beyond the picture are shifted."""
        return replace(cls(growth=0.0, border="shift"), **changes)

    @classmethod
    def for_free_videos(cls, **changes: Any) -> "CropSettings":
        """Defaults for videos without annotations: cuts end a tube, short losses are bridged, crops are shifted."""
        return replace(cls(border="shift", scene_cuts=True, max_gap_frames=5), **changes)

    @classmethod
    def for_cropped(cls, **changes: Any) -> "CropSettings":
        """Defaults for clips that are cropped already: every frame, the whole picture, nothing is judged."""
        return replace(cls(boxes="whole", growth=0.0, min_frames=1, min_face_px=1), **changes)

    def needs_detector(self, utterance: "Utterance") -> bool:
        """Whether a face is to be looked for, because nobody says where it is."""
        if self.boxes == "whole" or utterance.row is not None:
            return False
        if utterance.listed is not None:
            return utterance.listed.box_xyxy is None
        return utterance.annotation is None or self.boxes == "detect"

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)
