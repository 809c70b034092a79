"""Decoders that give frames by number: which number is shown when comes from the timeline that all decoders share."""

import bisect
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import UnsuitableDecoderError
from mmvoxceleb.processing.decoders.interface import (
    FPS,
    LATENESS_SECONDS,
    Decoder,
    FrameCounts,
    ShownFrame,
    require_plain,
)
from mmvoxceleb.processing.decoders.probe import VideoInfo
from mmvoxceleb.processing.decoders.timeline import first_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IndexedDecoder"]

_MAGIC = (b"\x1aE\xdf\xa3", b"RIFF", b"FLV\1", b"OggS", b"\0\0\1", b"\x47", b"0&\xb2u", b"\x06\x0e\x2b\x34")
"""How Matroska, AVI, FLV, Ogg, MPEG-PS and bare MPEG, MPEG-TS, ASF and MXF begin."""

_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
"""What an MP4 or QuickTime file begins with, behind 4 bytes of length."""

BATCH = 8
"""Frames asked for at a time: 22 MB at 720p."""


class IndexedDecoder(Decoder):
    """Asks for frames by their number in display order.

    Raises:
        UnsuitableDecoderError: The frames have no times of their own, or the clock starts again, or the pictures change
            their size or form: numbers would name other frames than they should. Or the file does not begin as a
            container does: other releases of FFmpeg than PyAV's cannot be told which formats to leave alone.
    """

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        if not _is_container_at_sight(info.path):
            self._refuse("may take this file for a list of other files")
        require_plain(info, self.name)
        timeline = self.timeline
        if not timeline.is_timed:
            self._refuse("takes the order of decoding for the order of display in this video, which has no times")
        if len(timeline.clocks) > 1:
            self._refuse("cannot follow the clock of this video, which starts again")
        if len(timeline.looks) > 1:
            self._refuse("cannot follow the pictures of this video, which change their size or form")
        self._times: NDArray[np.float64] = timeline.times
        self._starts = timeline.starts
        self._dropped = self._doubled = 0

    @property
    def counts(self) -> FrameCounts:
        return FrameCounts(self._dropped, self._doubled)

    def shown(self, start: int, stop: int, *, fps: int = FPS) -> Iterator[ShownFrame]:
        batch: list[tuple[int, int]] = []
        last: list[int | NDArray[np.uint8] | None] = [None, None]
        for wanted in self._places(start, stop, fps):
            batch.append(wanted)
            if len(batch) == BATCH:
                yield from self._decode(batch, last)
                batch = []
        if batch:
            yield from self._decode(batch, last)

    @abstractmethod
    def _pictures(self, places: list[int]) -> "Iterator[NDArray[np.uint8]]":
        """Decode frames by their number in display order, ascending: uint8 [H, W, 3], RGB, as they are to be shown."""

    def _refuse(self, why: str) -> None:
        raise UnsuitableDecoderError(f"{self.info.path}: {self.name} {why}; choose --decoder pyav")

    def _require_frames(self, count: int) -> None:
        """Refuse a video in which the decoder finds more or fewer frames than there are."""
        if count != len(self._times):
            self._refuse(f"finds {count} frames in this video, which shows {len(self._times)}")

    def _places(self, start: int, stop: int, fps: int) -> Iterator[tuple[int, int]]:
        """Yield (number on the grid, place in display order) of all that is shown."""
        times, timeline = self._times, self.timeline
        number = start
        while number < stop:
            seconds = number / fps
            place = bisect.bisect(times, seconds + LATENESS_SECONDS) - 1
            following = place + 1
            until = float("inf")
            if following == len(times):
                until = timeline.end_of(place)
            elif self._begins(following):
                until = timeline.end_of(place, float(times[following]))
            if seconds <= until - LATENESS_SECONDS:
                yield number, place
                number += 1
            elif following == len(times):
                return
            else:
                number = max(number + 1, first_number(float(times[following]), fps))

    def _begins(self, place: int) -> bool:
        """Whether a frame begins a stretch."""
        found = bisect.bisect_left(self._starts, place)
        return found < len(self._starts) and int(self._starts[found]) == place

    def _stretch(self, place: int) -> int:
        return bisect.bisect(self._starts, place)

    def _decode(self, batch: list[tuple[int, int]], last: list[Any]) -> Iterator[ShownFrame]:
        new = sorted({place for _, place in batch} - {last[0]})
        pictures = dict(zip(new, self._pictures(new), strict=True)) if new else {}
        for number, place in batch:
            begins = last[0] is None or self._stretch(place) != self._stretch(last[0])
            if place == last[0]:
                self._doubled += 1
            else:
                self._dropped += 0 if begins else place - last[0] - 1
                last[:] = place, pictures[place]
            yield ShownFrame(number, last[1], begins)


def _is_container_at_sight(path: Path) -> bool:
    """Whether the first bytes alone say that a file is a container, so that no FFmpeg takes it for a text."""
    with path.open("rb") as file:
        head = file.read(8)
    return head.startswith(_MAGIC) or head[4:8] in _BOXES
