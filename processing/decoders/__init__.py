"""Video decoders behind one interface: PyAV, torchcodec and decord."""

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
"""Decoders by name: module and class. A module is imported when its decoder is chosen, not before."""


def open_decoder(path: str | os.PathLike[str], *, decoder: str = "pyav", num_threads: int = 1) -> Decoder:
    """Open a video.

    Args:
        path: A local file in any container that FFmpeg reads.
        decoder: ``pyav``, the default; ``torchcodec``, which needs FFmpeg's libraries on the machine; ``decord``,
            which was last released in 2021. The last two do neither interlaced nor HDR videos.
        num_threads: Threads of the codec; 0 lets FFmpeg choose.

    Raises:
        ConfigError: No decoder has that name.
        UnsuitableDecoderError: It cannot show this video as it should be shown; another one can.
        CorruptSourceError: The file is broken, or has no video stream or no frames.
        SourceUnavailableError: There is no such file.
        ImportError: The decoder's package is not installed, or does not load.
    """
    if decoder not in DECODERS:
        raise ConfigError(f"{decoder!r} is not a video decoder; the known ones are {', '.join(DECODERS)}")
    module, name = DECODERS[decoder]
    info = probe(path)
    opened: Decoder = getattr(importlib.import_module(f"{__name__}.{module}"), name)(info, num_threads=num_threads)
    return opened
