"""Where source videos come from: one module for each kind of list or tree, and the table of lists."""

import os
from collections.abc import Callable, Mapping

from mmvoxceleb.processing.crop.sources.celebv import celebv_videos
from mmvoxceleb.processing.crop.sources.folder import free_videos
from mmvoxceleb.processing.crop.sources.hdtf import hdtf_videos
from mmvoxceleb.processing.crop.sources.table import table_videos
from mmvoxceleb.processing.crop.sources.talkvid import talkvid_videos
from mmvoxceleb.processing.crop.sources.vfhq import vfhq_videos
from mmvoxceleb.processing.crop.sources.voxceleb import annotated_videos, metadata_videos
from mmvoxceleb.processing.crop.videos import SourceVideos

__all__ = ["LISTS", "annotated_videos", "free_videos", "metadata_videos"]

ListReader = Callable[[str | os.PathLike[str], str | os.PathLike[str]], SourceVideos]

LISTS: Mapping[str, ListReader] = {
    "csv": table_videos,
    "celebv-hq": celebv_videos,
    "celebv-text": celebv_videos,
    "hdtf": hdtf_videos,
    "vfhq": vfhq_videos,
    "talkvid": talkvid_videos,
}
"""The published lists of clips, by the name of their form: each reads a folder of videos and a list."""
