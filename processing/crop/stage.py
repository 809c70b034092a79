"""The crop as the first stage of a pipeline: it makes 0 to n clips of a video."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
from mmvoxceleb.processing.crop.fetch import YOUTUBE
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.engines.interface import ClipSource
from mmvoxceleb.processing.frame_codec import Codec, FrameCodec
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.stage import PipelineStage, Stage
from mmvoxceleb.stores import Store

__all__ = ["CropStage"]


@dataclass(frozen=True)
class CropStage(PipelineStage):
    """How source videos become clips.

    Args:
        settings: The rules. By default those for videos that nobody annotated; ``CropSettings()`` are the original's,
            for VoxCeleb's annotations, and ``CropSettings.for_metadata()`` those for ``vox-metadata.csv``.
        detector: Finds the faces; None where all boxes are known.
        decoder: ``pyav``, ``torchcodec`` or ``decord``; all give the same frames.
        codec: ``png``, or ``mp4`` or ``mp4-lossless`` for one video file a clip; later stages see what is decoded of
            that.
        crf: Quality of ``mp4``; see :class:`~mmvoxceleb.processing.frame_codec.FrameCodec`.
        keyframe_every: Of video files; likewise.
        download_to: Folder for videos that are not there; None leaves them out.
        url_template: Where they come from.
    """

    settings: CropSettings = field(default_factory=CropSettings.for_free_videos)
    detector: Detector | None = None
    decoder: str = "pyav"
    codec: Codec = "png"
    crf: int = FrameCodec.crf
    keyframe_every: int = FrameCodec.keyframe_every
    download_to: Path | None = None
    url_template: str = YOUTUBE

    def __post_init__(self) -> None:
        FrameCodec(self.codec, self.crf, self.keyframe_every)  # says at once what is impossible

    def clips_of(
        self, source: Any, stages: Sequence[Stage], writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        if isinstance(source, Store | ClipSource):
            raise ConfigError("a pipeline that crops takes videos: a folder, or a list of SourceVideo")
        videos = free_videos(source) if isinstance(source, str | os.PathLike) else source
        job = CropJob(
            out=writer.tree,
            settings=self.settings,
            detector=self.detector,
            decoder=self.decoder,
            codec=self.codec,
            crf=self.crf,
            keyframe_every=self.keyframe_every,
            layout=writer.layout,
            overwrite=overwrite,
            download_to=self.download_to,
            url_template=self.url_template,
            with_sound=any(stage.reads_sound for stage in stages),
        )
        return CroppedVideos(videos, job)
