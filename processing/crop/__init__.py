"""From raw videos to clips: annotations in, tubes cut, faces cropped."""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.crop.settings import CropSettings

if TYPE_CHECKING:
    from mmvoxceleb.processing.crop.cropping import CroppedClip, Rejection, crop_tubes

__all__ = ["CropSettings", "CroppedClip", "Rejection", "crop_tubes"]


if not TYPE_CHECKING:  # else a type checker would take any name

    def __getattr__(name: str) -> Any:
        """Import the cropping when it is asked for: the command line reads the settings alone."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from mmvoxceleb.processing.crop import cropping

        return getattr(cropping, name)
