"""torchcodec: the quickest where FFmpeg's libraries are installed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError, MissingExtraError, UnsuitableDecoderError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files.quoting import first_line
from mmvoxceleb.processing.decoders.indexed import IndexedDecoder
from mmvoxceleb.processing.decoders.interface import LATENESS_SECONDS
from mmvoxceleb.processing.decoders.picture import UPRIGHT
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TorchCodecDecoder"]


class TorchCodecDecoder(IndexedDecoder):
    """Reads the timestamps of the whole file on opening, then asks for frames by number, and compares their times."""

    name = "torchcodec"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        decoder_class = _import_decoder()
        try:
            self._decoder = decoder_class(
                str(info.path.absolute()),
                stream_index=info.stream,
                dimension_order="NHWC",
                num_ffmpeg_threads=num_threads,
                seek_mode="exact",
            )
        except (RuntimeError, ValueError) as error:
            raise CorruptSourceError(f"{info.path}: torchcodec cannot read this video ({error})") from error
        if info.picture.orientation != UPRIGHT and not hasattr(self._decoder.metadata, "rotation"):
            raise UnsuitableDecoderError(f"{info.path}: torchcodec before 0.11 ignores rotation; choose --decoder pyav")
        if info.ignored_turn_degrees is not None:
            self._refuse(f"turns pictures of {info.ignored_turn_degrees:g} degrees by a right angle")
        self._begin = self._decoder.metadata.begin_stream_seconds_from_content
        self._require_frames(self._decoder.metadata.num_frames_from_content)

    def _pictures(self, places: list[int]) -> "Iterator[NDArray[np.uint8]]":
        try:
            batch = self._decoder.get_frames_at(places)
        except RuntimeError as error:
            raise CorruptSourceError(
                f"{self.info.path}: torchcodec cannot decode around {self._times[places[0]]:.2f} s ({error}); "
                "--decoder pyav skips damaged packets"
            ) from error
        seconds = batch.pts_seconds.numpy() - self._begin
        if abs(seconds - self._times[places]).max() > LATENESS_SECONDS:
            self._refuse(f"gives other frames than those asked for around {self._times[places[0]]:.2f} s")
        yield from map(self.info.picture.show_rotated, batch.data.numpy())


def _import_decoder() -> Any:
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, RuntimeError, OSError) as error:
        raise MissingExtraError(
            f"the torchcodec decoder does not load: it needs {install_hint('torchcodec')}, in the release that fits "
            "your torch ('torchcodec==0.13.*' beside a CPU build), and FFmpeg's libraries; or choose --decoder pyav "
            f"({first_line(error)})"
        ) from error
    return VideoDecoder
