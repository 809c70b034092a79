"""The crop as the first stage of a pipeline."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mmvoxceleb.files.opening import Place
from mmvoxceleb.processing.crop.fetch import YOUTUBE
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.output import Layout

__all__ = ["CropStage"]


@dataclass(frozen=True)
class CropStage:
    """How source videos become clips.

    Args:
        settings: The rules. By default those for videos that nobody annotated; ``CropSettings()`` are the original's,
            for VoxCeleb's annotations, and ``CropSettings.for_metadata()`` those for ``vox-metadata.csv``.
        detector: Finds the faces; None where all boxes are known.
        decoder: ``pyav``, ``torchcodec`` or ``decord``; all give the same frames.
        codec: ``png``, or ``mp4`` for one H.264 file a clip, which no other stage reads.
        download_to: Folder for videos that are not there; None leaves them out.
        url_template: Where they come from.
    """

    settings: CropSettings = field(default_factory=CropSettings.for_free_videos)
    detector: Detector | None = None
    decoder: str = "pyav"
    codec: Literal["png", "mp4"] = "png"
    download_to: Path | None = None
    url_template: str = YOUTUBE

    def job(
        self,
        out: Place,
        *,
        layout: Layout | None = None,
        overwrite: bool = False,
    ) -> CropJob:
        """Say where to the clips go."""
        return CropJob(
            out=out,
            settings=self.settings,
            detector=self.detector,
            decoder=self.decoder,
            codec=self.codec,
            layout=layout,
            overwrite=overwrite,
            download_to=self.download_to,
            url_template=self.url_template,
        )
