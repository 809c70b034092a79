"""From raw videos to clips: annotations in, tubes cut, faces cropped."""

from mmvoxceleb.processing.crop.cropping import CroppedClip, Rejection, crop_tubes
from mmvoxceleb.processing.crop.settings import CropSettings

__all__ = ["CropSettings", "CroppedClip", "Rejection", "crop_tubes"]
