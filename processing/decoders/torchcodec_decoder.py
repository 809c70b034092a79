"""torchcodec: the quickest where FFmpeg's libraries are installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError, UnsuitableDecoderError
from mmvoxceleb.processing.decoders.interface import FPS, LATENESS_SECONDS, Decoder, require_plain
from mmvoxceleb.processing.decoders.picture import UPRIGHT
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TorchCodecDecoder"]

BATCH = 8
"""Frames asked for at a time: 22 MB at 720p."""


class TorchCodecDecoder(Decoder):
    """Reads the timestamps of the whole file on opening, then asks for what is shown at each time."""

    name = "torchcodec"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        require_plain(info, self.name)
        decoder_class = _import_decoder()
        try:
            self._decoder = decoder_class(
                str(info.path.absolute()), dimension_order="NHWC", num_ffmpeg_threads=num_threads, seek_mode="exact"
            )
        except (RuntimeError, ValueError) as error:
            raise CorruptSourceError(f"{info.path}: torchcodec cannot read this video ({error})") from error
        if info.picture.orientation != UPRIGHT and not hasattr(self._decoder.metadata, "rotation"):
            raise UnsuitableDecoderError(f"{info.path}: torchcodec before 0.11 ignores rotation; choose --decoder pyav")

    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        metadata = self._decoder.metadata
        begin, end = metadata.begin_stream_seconds_from_content, metadata.end_stream_seconds_from_content
        times = (number / fps for number in range(start, stop))
        # the whole grid is lazy, so that hours of video cost nothing here
        batch: list[float] = []
        for seconds in times:
            if seconds > end - begin - LATENESS_SECONDS:
                break
            batch.append(min(seconds + LATENESS_SECONDS, end - begin - 1e-6) + begin)
            if len(batch) == BATCH:
                yield from self._decode(batch)
                batch = []
        if batch:
            yield from self._decode(batch)

    def _decode(self, seconds: list[float]) -> "Iterator[NDArray[np.uint8]]":
        try:
            pictures: NDArray[np.uint8] = self._decoder.get_frames_played_at(seconds).data.numpy()
        except RuntimeError as error:
            raise CorruptSourceError(
                f"{self.info.path}: torchcodec cannot decode around {seconds[0]:.2f} s ({error}); "
                "--decoder pyav passes over damaged packets"
            ) from error
        yield from map(self.info.picture.show_rotated, pictures)


def _import_decoder() -> Any:
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError, OSError) as error:
        raise ImportError(
            "the torchcodec decoder does not load: it needs pip install 'mmvoxceleb[torchcodec]' in the release that "
            f"fits your torch, and FFmpeg's libraries; or choose --decoder pyav ({str(error).splitlines()[0]})"
        ) from error
    return VideoDecoder
