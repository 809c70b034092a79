"""The sound of a video file that is being written, in step with its frames."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["SoundTrack"]

_AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_BITS_A_CHANNEL = 96_000


class SoundTrack:
    """A stream of sound beside one of video.

    Args:
        container: The open ``av.container.OutputContainer``; nothing was written to it yet.
        sound: What is heard.
        lossless: FLAC instead of AAC, which it also becomes at a rate that AAC does not have.
    """

    def __init__(self, container: Any, sound: "FlacSound", *, lossless: bool = False) -> None:
        self._container = container
        self._samples = sound.samples()[:2]
        self._rate, self._done = sound.rate, 0
        self._layout = "mono" if len(self._samples) == 1 else "stereo"
        is_aac = not lossless and sound.rate in _AAC_RATES
        self._format = "fltp" if is_aac else "s16"
        self._stream = container.add_stream(
            "aac" if is_aac else "flac", rate=sound.rate, layout=self._layout, format=self._format
        )
        self._stream.codec_context.thread_count = 1
        if is_aac:
            self._stream.bit_rate = _BITS_A_CHANNEL * len(self._samples)

    def write(self, until_seconds: float) -> None:
        """Write the samples before a time, in seconds after the first frame."""
        import av

        stop = min(round(until_seconds * self._rate), self._samples.shape[1])
        part = self._samples[:, self._done : stop]
        if part.shape[1] == 0:
            return
        if self._format == "s16":
            whole = np.rint(part * 32768).clip(-32768, 32767).astype(np.int16)
            array: Any = np.ascontiguousarray(whole.T).reshape(1, -1)
        else:
            array = np.ascontiguousarray(part)
        frame = av.AudioFrame.from_ndarray(array, format=self._format, layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._done
        self._container.mux(self._stream.encode(frame))
        self._done = stop

    def end(self) -> None:
        """Write what the encoder holds back."""
        self._container.mux(self._stream.encode(None))
