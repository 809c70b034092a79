"""From a source video to clips: find the faces, cut tubes, and crop the frames of the accepted ones.

The box of a tube is known only when the tube has ended, so a video is decoded twice: once at a height of 360 px to find
the face, and once at full size for the frames of the accepted tubes. Neither pass holds more than a few frames, so
memory does not grow with the length of the video.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from mmvoxceleb.counting import counted
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

    A video that is missing or cannot be read raises no error: its utterances are reported to ``rejected``.

    Args:
        video: The video, and the utterances to cut from it.
        settings: The rules. The default is ``CropSettings()``, the rules of the original.
        detector: Finds the faces. May be None if the boxes are annotated (``boxes="annotation"``), come from a list, or
            are the whole picture (``boxes="whole"``).
        decoder: ``pyav``, ``torchcodec`` or ``decord``. All give the same frames.
        num_threads: Number of threads of the decoder; 0 lets FFmpeg choose.
        rejected: Called for every utterance and every tube that does not become a clip.
        progress: Called for every decoded frame; frames of clips are decoded twice. An exception that it raises ends
            the work.

    Yields:
        The clips in order. Their frames are decoded only as you take them, before you ask for the next clip.

    Raises:
        ConfigError: A detector is needed, but ``detector`` is None; or ``decoder`` is unknown.
        ImportError: The package of the decoder is not installed.
        WeightsError: The weights of the detector are missing or wrong.
    """
    settings = settings or CropSettings()
    if detector is None and any(settings.needs_detector(utterance) for utterance in video.utterances):
        raise ConfigError(f"{video.key}: faces must be detected, and no detector was given")
    opened: Decoder | None = None

    def reject(rejection: Rejection) -> None:
        if opened is not None and opened.counts.undecodable:
            detail = f"{rejection.detail}; " if rejection.detail else ""
            rejection = replace(rejection, detail=f"{detail}the video is damaged or cut off")
        if rejected is not None:
            rejected(rejection)

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
            skipped = counted(opened.counts.undecodable, "packet")
            logger.warning("%s: is damaged or cut off; skipped %s", video.path, skipped)


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
    """Return the versions of the packages that make a crop, by name."""
    from importlib.metadata import PackageNotFoundError, version

    import cv2

    versions = {"mmvoxceleb": version("mmvoxceleb"), "opencv": str(cv2.__version__)}
    package = {"pyav": "av"}.get(decoder, decoder)
    with contextlib.suppress(PackageNotFoundError):  # opening the decoder says how to install it
        versions[package] = version(package)
    return versions
