"""Where source videos come from: one module for each kind of list or tree."""

from mmvoxceleb.processing.crop.sources.folder import free_videos
from mmvoxceleb.processing.crop.sources.voxceleb import annotated_videos, metadata_videos

__all__ = ["annotated_videos", "free_videos", "metadata_videos"]
