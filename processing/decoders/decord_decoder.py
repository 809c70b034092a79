"""decord: the decoder that MMVID's code base asks for. Last released in 2021; chosen by name only.

Its library exports the symbols of an old zlib. In a process that loads decord before OpenCV, OpenCV fails to decode
any PNG; so decord is imported here alone, when it is used, and after OpenCV.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError, UnsuitableDecoderError
from mmvoxceleb.processing.decoders.interface import FPS, LATENESS_SECONDS, Decoder, require_plain
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DecordDecoder"]

BATCH = 8
"""Frames asked for at a time: 22 MB at 720p."""


class DecordDecoder(Decoder):
    """Reads the timestamps of the whole file on opening, then asks for frames by number."""

    name = "decord"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        require_plain(info, self.name)
        decord = _import_decord()
        self._error: type[Exception] = decord.DECORDError
        try:
            self._reader = decord.VideoReader(str(info.path.absolute()), num_threads=num_threads)
            self._times: NDArray[np.float32] = self._reader.get_frame_timestamp(range(len(self._reader)))
        except (self._error, RuntimeError, IndexError) as error:
            raise CorruptSourceError(f"{info.path}: decord cannot read this video ({error})") from error

    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        import numpy as np

        begins = self._times[:, 0].astype(np.float64) - float(self._times[0, 0])
        end = float(self._times[-1, 1]) - float(self._times[0, 0])
        for first in range(start, stop, BATCH):
            seconds = np.arange(first, min(first + BATCH, stop)) / fps
            seconds = seconds[seconds <= end - LATENESS_SECONDS]
            if len(seconds) == 0:
                return
            numbers = np.searchsorted(begins, seconds + LATENESS_SECONDS, side="right") - 1
            yield from self._decode(np.maximum(numbers, 0).tolist())

    def _decode(self, numbers: list[int]) -> "Iterator[NDArray[np.uint8]]":
        try:
            pictures: NDArray[np.uint8] = self._reader.get_batch(numbers).asnumpy()
        except (self._error, RuntimeError) as error:
            raise CorruptSourceError(
                f"{self.info.path}: decord cannot decode around frame {numbers[0]} ({error}); "
                "--decoder pyav passes over damaged packets"
            ) from error
        for picture in pictures:
            shown = self.info.picture.show_rotated(picture)
            if shown.shape[:2] != (self.info.height_px, self.info.width_px):
                raise UnsuitableDecoderError(
                    f"{self.info.path}: decord ignores the rotation of this video; choose --decoder pyav"
                )
            yield shown


def _import_decord() -> Any:
    import cv2  # noqa: F401  first, or its PNG decoder breaks

    try:
        import decord
    except (ImportError, OSError) as error:
        raise ImportError(
            f"the decord decoder is not installed ({error}): pip install decord, where there are wheels "
            "(Linux and Windows on x86-64), or choose --decoder pyav"
        ) from error
    return decord
