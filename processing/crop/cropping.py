"""From a source video to clips: watch it, cut tubes, and crop the frames of the good ones.

A tube's box is known only when the tube has ended, so a video is read twice: once at 360 px height to find the face,
once at full size for the frames of the tubes that passed. Neither holds more than a few frames, so memory does not
grow with the length of the video.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError, UnsuitableDecoderError
from mmvoxceleb.processing.crop.result import CroppedClip, Rejection, Unwanted
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.utterance import UtteranceCrop
from mmvoxceleb.processing.crop.videos import SourceVideo, fingerprint
from mmvoxceleb.processing.decoders import FPS, Decoder, open_decoder
from mmvoxceleb.processing.decoders.interface import FrameCounts, ShownFrame
from mmvoxceleb.processing.decoders.timeline import Timeline

if TYPE_CHECKING:
    from mmvoxceleb.processing.detectors import Detector

__all__ = ["CroppedClip", "Rejection", "crop_tubes", "versions_of"]

logger = logging.getLogger(__name__)

_REJECTIONS: dict[type[Exception], str] = {
    SourceUnavailableError: "no video",
    CorruptSourceError: "broken video",
    UnsuitableDecoderError: "unsuitable decoder",
}


def crop_tubes(
    video: SourceVideo,
    *,
    settings: CropSettings | None = None,
    detector: "Detector | None" = None,
    decoder: str = "pyav",
    num_threads: int = 1,
    rejected: Callable[[Rejection], None] | None = None,
    progress: Callable[[], None] | None = None,
) -> Iterator[CroppedClip]:
    """Cut one source video into clips.

    Args:
        video: The video and what is wanted of it.
        settings: The rules; those of the original by default.
        detector: Finds the faces; None where ``settings.boxes`` is ``annotation`` or the boxes come from a CSV.
        decoder: ``pyav``, ``torchcodec`` or ``decord``; all give the same frames.
        num_threads: Threads of the decoder.
        rejected: Called for everything that gives no clip.
        progress: Called for every frame decoded, twice for those of clips; what it raises ends the work.

    Yields:
        The clips in order. Their frames are decoded as they are taken.

    Raises:
        ConfigError: A detector is needed and there is none.
        WeightsError: The detector's weights are missing or wrong.
    """
    settings = settings or CropSettings()
    reject = rejected or (lambda rejection: None)
    if detector is None and any(settings.needs_detector(utterance) for utterance in video.utterances):
        raise ConfigError(f"{video.key}: faces must be detected, and no detector was given")
    try:
        if video.path is None:
            raise SourceUnavailableError("it is not among the videos")
        source = fingerprint(video.path)
        opened = open_decoder(video.path, decoder=decoder, num_threads=num_threads)
    except (SourceUnavailableError, CorruptSourceError, UnsuitableDecoderError) as error:
        code = _REJECTIONS[type(error)]
        for utterance in video.utterances:
            reject(Rejection(video.input_name(utterance), code, str(error)))
        return
    with opened:
        watched = opened if progress is None else _WatchedDecoder(opened, progress)
        for utterance in video.utterances:
            crop = UtteranceCrop(video, utterance, settings, detector, watched, source)
            try:
                yield from crop.clips(reject)
            except Unwanted as unwanted:
                reject(unwanted.rejection)
            except (CorruptSourceError, UnsuitableDecoderError) as error:
                reject(Rejection(video.input_name(utterance), _REJECTIONS[type(error)], str(error)))
            finally:
                crop.is_over = True
        if opened.counts.undecodable:
            logger.warning("%s: %d damaged packets were skipped", video.path, opened.counts.undecodable)


class _WatchedDecoder(Decoder):
    name = "watched"

    def __init__(self, decoder: Decoder, progress: Callable[[], None]) -> None:
        super().__init__(decoder.info)
        self._decoder = decoder
        self._progress = progress

    @property
    def timeline(self) -> Timeline:
        return self._decoder.timeline

    @property
    def counts(self) -> FrameCounts:
        return self._decoder.counts

    def shown(self, start: int, stop: int, *, fps: int = FPS) -> Iterator[ShownFrame]:
        for frame in self._decoder.shown(start, stop, fps=fps):
            self._progress()
            yield frame


def versions_of(decoder: str) -> dict[str, str]:
    """Name the programs that a crop is made with, and their versions."""
    from importlib.metadata import PackageNotFoundError, version

    import cv2

    versions = {"mmvoxceleb": version("mmvoxceleb"), "opencv": str(cv2.__version__)}
    package = {"pyav": "av"}.get(decoder, decoder)
    with contextlib.suppress(PackageNotFoundError):  # opening the decoder says how to install it
        versions[package] = version(package)
    return versions
