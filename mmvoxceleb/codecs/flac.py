"""Sound to FLAC and back: the same samples give the same bytes, and a part of a file is decoded without the rest."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, MissingExtraError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FlacInfo", "FlacSound", "encode_flac", "flac_info", "resampled"]

_START, _INFO_END = b"fLaC", 42
_BLOCK = 4096
_MARGIN = 512
"""Samples on both sides of a part that is resampled, which the filter looks at."""


class FlacInfo(NamedTuple):
    """What the header of a FLAC file says.

    Args:
        rate: Samples a second, of each channel.
        channels: 1 to 8.
        bits: Of a sample.
        num_samples: Of each channel.
        md5: Of all samples.
    """

    rate: int
    channels: int
    bits: int
    num_samples: int
    md5: bytes


def flac_info(data: "bytes | memoryview", *, where: str) -> FlacInfo:
    """Read the header; nothing is decoded.

    Args:
        data: Content of a file.
        where: Clip and file, for messages.

    Raises:
        CorruptSourceError: It is not FLAC, or does not say how long it is.
    """
    if bytes(data[:4]) != _START or len(data) < _INFO_END or data[4] & 0x7F:
        raise CorruptSourceError(
            f"{where}: no FLAC (it starts with {bytes(data[:8])!r}, {len(data):,} bytes); make it again"
        )
    packed = int.from_bytes(data[18:26], "big")
    info = FlacInfo(
        packed >> 44,
        (packed >> 41 & 7) + 1,
        (packed >> 36 & 31) + 1,
        packed & ((1 << 36) - 1),
        bytes(data[26:_INFO_END]),
    )
    if info.rate == 0 or info.num_samples == 0:
        raise CorruptSourceError(f"{where}: the FLAC's header does not say how long it is; make it again")
    return info


@dataclass(frozen=True, eq=False)
class FlacSound:
    """The sound of a FLAC file, decoded when it is asked for.

    Args:
        data: Content of the file.
        where: Clip and file, for messages.

    Raises:
        CorruptSourceError: Of every attribute and method: the file is damaged.
    """

    data: "bytes | memoryview"
    where: str = "a sound"

    @cached_property
    def info(self) -> FlacInfo:
        """The header."""
        return flac_info(self.data, where=self.where)

    @property
    def rate(self) -> int:
        """Samples a second, of each channel."""
        return self.info.rate

    @property
    def seconds(self) -> float:
        """Length."""
        return self.info.num_samples / self.info.rate

    def samples(self, start: int = 0, stop: int | None = None) -> "NDArray[np.float32]":
        """Decode a part, exactly.

        Args:
            start: First sample.
            stop: Behind the last; None for the end.

        Returns:
            float32 [channels, stop - start], -1 to 1; zeros before the start of the file and behind its end.
        """
        stop = self.info.num_samples if stop is None else stop
        found = np.zeros((self.info.channels, max(0, stop - start)), np.float32)
        first, behind = max(start, 0), min(stop, self.info.num_samples)
        if first < behind:
            whole, place = self._decoded(first, behind)
            part = whole[:, first - place : behind - place]
            if part.shape[1] != behind - first:
                raise self._damaged(f"it ends at sample {place + whole.shape[1]:,} of {self.info.num_samples:,}")
            found[:, first - start : behind - start] = part
        return found

    def part(self, start_seconds: float, count: int, rate: int) -> "NDArray[np.float32]":
        """Decode a part at another rate.

        Args:
            start_seconds: Where it begins.
            count: Samples of each channel.
            rate: Samples a second.

        Returns:
            float32 [channels, count], -1 to 1.
        """
        first = round(start_seconds * self.rate)
        if rate == self.rate:
            return self.samples(first, first + count)
        # the margin is a whole number of seconds' parts at both rates, so that sample 0 stays where it is
        unit = self.rate // np.gcd(self.rate, rate)
        margin = int(-(-_MARGIN // unit) * unit)
        wanted = -(-count * self.rate // rate)
        taken = resampled(self.samples(first - margin, first + wanted + margin), self.rate, rate)
        left = margin * rate // self.rate
        return np.ascontiguousarray(taken[:, left : left + count])

    def checked(self) -> "NDArray[np.float32]":
        """Decode all, and compare the checksum of the samples."""
        whole, _ = self._decoded(0, self.info.num_samples)
        if whole.shape[1] != self.info.num_samples:
            raise self._damaged(f"it ends at sample {whole.shape[1]:,} of {self.info.num_samples:,}")
        if self.info.bits == 16 and any(self.info.md5):
            integers = np.ascontiguousarray(np.rint(whole * 32768).T.astype("<i2"))
            if hashlib.md5(integers.tobytes(), usedforsecurity=False).digest() != self.info.md5:
                raise self._damaged("its samples are not those of its checksum")
        return whole

    def _decoded(self, first: int, behind: int) -> "tuple[NDArray[np.float32], int]":
        """Decode the blocks that hold a part; return them, and the number of their first sample."""
        av = _av()
        blocks: list[NDArray[np.float32]] = []
        place = 0
        try:
            with av.open(
                io.BytesIO(self.data), format="flac", options={"protocol_whitelist": "none"}, metadata_errors="ignore"
            ) as container:
                stream = container.streams.audio[0]
                stream.codec_context.options = {"err_detect": "crccheck+explode"}
                is_within = first > _BLOCK
                if is_within:
                    try:
                        container.seek(first, stream=stream)
                    except av.FFmpegError:  # FFmpeg's search finds no place in the last block
                        return self._decoded(0, behind)
                for frame in container.decode(stream):
                    if not blocks:
                        place = frame.pts or 0
                        if place > first and is_within:
                            return self._decoded(0, behind)
                        if place > first:
                            raise self._damaged("its first block cannot be read")
                    blocks.append(_planes(frame))
                    if frame.pts is not None and frame.pts + frame.samples >= behind:
                        break
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise self._damaged(str(error)) from error
        if not blocks or any(len(block) != self.info.channels for block in blocks):
            raise self._damaged("its blocks are not as its header says")
        return np.concatenate(blocks, axis=1), place

    def _damaged(self, why: str) -> CorruptSourceError:
        return CorruptSourceError(f"{self.where}: the FLAC is damaged ({why}); make it anew, or get it again")


def encode_flac(samples: "NDArray[np.int16]", rate: int) -> bytes:
    """Encode sound.

    Args:
        samples: int16 [channels, N], of 1 or 2 channels.
        rate: Samples a second.

    Raises:
        ImportError: PyAV is not installed.
    """
    av = _av()
    layout = "mono" if len(samples) == 1 else "stereo"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=rate, layout=layout, format="s16")
        stream.codec_context.thread_count = 1
        for first in range(0, samples.shape[1], _BLOCK):
            block = np.ascontiguousarray(samples[:, first : first + _BLOCK].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def resampled(samples: "NDArray[np.float32]", from_rate: int, to_rate: int) -> "NDArray[np.float32]":
    """Change the rate of a whole sound; the first sample stays where it is.

    Args:
        samples: float32 [channels, N].
        from_rate: Its samples a second.
        to_rate: Those wanted.

    Returns:
        float32 [channels, about N * to_rate / from_rate].
    """
    av = _av()
    changed = []
    for channel in samples:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channel[None]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = from_rate, 0
        parts = [part.to_ndarray() for part in (*resampler.resample(frame), *resampler.resample(None))]
        changed.append(np.concatenate(parts, axis=1)[0])
    return np.stack(changed)


def _planes(frame: Any) -> "NDArray[np.float32]":
    """float32 [channels, N] of a decoded frame of whole numbers."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, frame.layout.nb_channels).T
    return np.asarray(array.astype(np.float32) / (1 << (8 * array.itemsize - 1)), np.float32)


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(f"sound is decoded by PyAV; {install_hint('train')}") from error
    return av
