"""The crop as the first stage of a pipeline: it makes any number of clips from a video."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.videos import VideoRecords
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
    """Cut source videos into clips. Each video gives any number of clips, or none.

    Args:
        settings: The rules. The default is ``CropSettings.for_free_videos()``, for videos without annotations. Use
            ``CropSettings()`` for VoxCeleb's annotations, as in the original, and ``CropSettings.for_metadata()`` for
            ``vox-metadata.csv``.
        detector: Finds the faces. None if all face boxes are known.
        decoder: ``pyav``, ``torchcodec`` or ``decord``. All give the same frames.
        codec: ``png`` writes a picture per frame. ``mp4`` and ``mp4-lossless`` write one video file per clip; later
            stages then get the frames decoded from this file.
        crf: Quality of ``mp4``: the constant rate factor of H.264, 0 (best) to 51.
        keyframe_every: Number of frames from one key frame of a video file to the next.
        download_to: Folder to which missing videos are downloaded. With None, they are rejected as ``no video``.
        url_template: Address of a video, in which ``{video_id}`` is filled in. The default is the address in the list
            of videos if it has one, and otherwise YouTube.

    Raises:
        ConfigError: ``codec``, ``crf`` or ``keyframe_every`` is unknown or out of range.
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
        is_place = isinstance(source, str | os.PathLike)
        videos = free_videos(source, earlier=VideoRecords(writer.tree)) if is_place else source
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
