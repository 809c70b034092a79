"""Video decoders with one interface: PyAV, torchcodec and decord."""

import importlib
import os

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.decoders.interface import FPS, Decoder
from mmvoxceleb.processing.decoders.probe import VideoInfo, probe

__all__ = ["DECODERS", "FPS", "Decoder", "VideoInfo", "open_decoder", "probe"]

DECODERS: dict[str, tuple[str, str]] = {
    "pyav": ("pyav_decoder", "PyAVDecoder"),
    "torchcodec": ("torchcodec_decoder", "TorchCodecDecoder"),
    "decord": ("decord_decoder", "DecordDecoder"),
}
"""Module and class of each decoder, by its name. A module is only imported when its decoder is chosen."""


def open_decoder(path: str | os.PathLike[str], *, decoder: str = "pyav", num_threads: int = 1) -> Decoder:
    """Open a video file.

    Args:
        path: A local file in any container that FFmpeg reads.
        decoder: ``pyav`` decodes all videos. ``torchcodec`` needs FFmpeg's libraries on the machine, and ``decord`` was
            last released in 2021; neither decodes interlaced or HDR videos.
        num_threads: Number of threads of the codec; 0 lets FFmpeg choose.

    Returns:
        The open video, a context manager that closes it.

    Raises:
        ConfigError: No decoder has this name.
        UnsuitableDecoderError: This decoder would decode the video wrongly. Another decoder can decode it.
        CorruptSourceError: The file is damaged, or has no video stream or no frames.
        SourceUnavailableError: The file does not exist or cannot be read.
        ImportError: The package of the decoder is not installed, or does not load.
    """
    if decoder not in DECODERS:
        raise ConfigError(f"{decoder!r} is not a video decoder; the known ones are {', '.join(DECODERS)}")
    module, name = DECODERS[decoder]
    info = probe(path)
    opened: Decoder = getattr(importlib.import_module(f"{__name__}.{module}"), name)(info, num_threads=num_threads)
    return opened
