"""The sound of a video, decoded once, from which that of its clips is cut.

A clip's sound is the same whichever other clips were asked for before, and in which run: decoding always begins at the
start of the video and goes as far as is needed. What was decoded lies in a temporary file without a name, 115 MB an
hour, so memory does not grow with the length of the video and clips may come in any order.
"""

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmvoxceleb.processing.audio.blocks import Block, SoundStream, choose_stream, decoded_blocks
from mmvoxceleb.processing.audio.placing import Event, Placer
from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.decoders import FPS
from mmvoxceleb.processing.decoders.probe import probe
from mmvoxceleb.processing.decoders.timeline_reader import read_timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipSound", "VideoSound"]

_TOGETHER = 1 << 15
"""Samples whose rate is changed at a time."""

_AHEAD_SECONDS = 1.0
"""So far behind a clip is decoded, so that what holds samples back has let go of its last one."""


class ClipSound(NamedTuple):
    """The sound of a clip.

    Args:
        samples: int16 [channels, N], exactly as long as the frames; None where the video has no sound.
        facts: What is to be said of it, as JSON values; ``without`` says why there is none.
    """

    samples: "NDArray[np.int16] | None"
    facts: dict[str, Any]


class VideoSound:
    """The sound of one video.

    Args:
        path: The file.
        settings: How it is wanted.

    Raises:
        SourceUnavailableError: The file is gone.
        CorruptSourceError: It is not a video.
    """

    def __init__(self, path: Path, settings: AudioSettings) -> None:
        self.settings = settings
        info = probe(path)
        chosen = choose_stream(info)
        self._without = chosen if isinstance(chosen, str) else ""
        self._stream = None if isinstance(chosen, str) else chosen
        self._events: list[tuple[Event, int]] = []
        self._rates: list[int] = []
        self._heard = 0
        self._written = 0
        self._pieces: Iterator[NDArray[np.float32]] = iter(())
        self._file: Any = None
        if self._stream is not None:
            blocks = decoded_blocks(info, read_timeline(info), self._stream.place, settings.channels)
            self._pieces = self._at_rate(blocks)
            self._file = tempfile.TemporaryFile(prefix="mmvoxceleb-")  # noqa: SIM115  closed by close
            self._decode(1)
            if not self._heard:
                self._without = "no packet of its sound can be decoded" if self._events else "its sound has no packets"

    def clip(self, first: int, num_frames: int) -> ClipSound:
        """Cut the sound of some frames, at 25 a second.

        Args:
            first: Number of the first frame, from the start of the video.
            num_frames: How many.
        """
        if self._without or self._stream is None:
            return ClipSound(None, {"without": self._without})
        rate = self.settings.rate
        start = round(first * rate / FPS)
        count = round(num_frames * rate / FPS)
        self._decode(start + count + round(_AHEAD_SECONDS * rate))
        samples = np.zeros((count, self.settings.channels), np.int16)
        there = max(0, min(count, self._written - start))
        self._file.seek(start * self._bytes)
        read = np.frombuffer(self._file.read(there * self._bytes), np.int16).reshape(-1, self.settings.channels)
        samples[: len(read)] = read
        return ClipSound(np.ascontiguousarray(samples.T), self._facts(self._stream, start, start + count, there))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._pieces.close()  # type: ignore[attr-defined]  # a generator
            self._file.close()

    @property
    def _bytes(self) -> int:
        return 2 * self.settings.channels

    def _decode(self, until: int) -> None:
        """Decode up to a sample, or to the end."""
        while self._written < until:
            piece = next(self._pieces, None)
            if piece is None:
                return
            if piece.shape[1] == 0:
                continue
            whole = np.rint(piece * 32768).clip(-32768, 32767).astype(np.int16)
            self._file.seek(self._written * self._bytes)
            self._file.write(np.ascontiguousarray(whole.T).tobytes())
            self._written += piece.shape[1]

    def _at_rate(self, blocks: Iterator[Block]) -> Iterator["NDArray[np.float32]"]:
        """Lay the blocks on the grid, and change the rate to the one wanted: each rate of the file in one go."""
        placer: Placer | None = None
        changer = _RateChanger(0, 0)
        done = 0
        with contextlib.closing(blocks):  # type: ignore[type-var]  # a generator
            for seconds, samples, rate, begins in blocks:
                if placer is not None and (begins or samples.shape[1] == 0):
                    placer.broken()
                if samples.shape[1] == 0:
                    self._damaged(placer)
                    continue
                self._heard += samples.shape[1]
                if placer is None or placer.rate != rate:
                    if placer is not None:
                        for piece in (*map(changer.changed, placer.end()), changer.end()):
                            done += piece.shape[1]
                            yield piece
                    self._rates.append(rate)
                    position = round(done * rate / self.settings.rate)
                    placer = Placer(rate, self.settings.channels, position, is_first=placer is None)
                    changer = _RateChanger(rate, self.settings.rate)
                for laid in placer.lay(seconds, samples):
                    piece = changer.changed(laid)
                    done += piece.shape[1]
                    yield piece
                self._note(placer)
        if placer is not None:
            for piece in (*map(changer.changed, placer.end()), changer.end()):
                yield piece

    def _damaged(self, placer: Placer | None) -> None:
        at = 0 if placer is None else max(0, placer.position)
        self._events.append((Event("damaged", at, at + 1, 1), self.settings.rate if placer is None else placer.rate))

    def _note(self, placer: Placer) -> None:
        self._events += [(event, placer.rate) for event in placer.events]
        placer.events.clear()

    def _facts(self, stream: SoundStream, start: int, stop: int, there: int) -> dict[str, Any]:
        """Say where the samples from ``start`` to ``stop``, of which ``there`` came from the file, are from."""
        wanted = self.settings.rate
        facts: dict[str, Any] = {
            "codec": stream.codec, "source_rate": stream.rate or self._rates[0], "source_channels": stream.channels
        }  # fmt: skip
        if stream.streams > 1:
            facts |= {"stream": stream.place, "audio_streams": stream.streams}
        amounts: Counter[str] = Counter()
        for event, rate in self._events:
            first, last = event.start * wanted / rate, event.stop * wanted / rate
            if not (first < stop and last >= start):
                continue
            if event.kind == "silence":
                amounts["silent_ms"] += round(1000 * max(0.0, min(last, stop) - max(first, start)) / wanted)
            elif event.kind == "damaged":
                amounts["damaged_packets"] += event.amount
            else:
                name = "left_out_ms" if event.kind == "doubled" else "drift_ms"
                amounts[name] += round(1000 * event.amount / rate, 2)  # type: ignore[assignment]  # numbers of two kinds
        amounts["silent_ms"] += round(1000 * (stop - start - there) / wanted)
        return facts | {name: amount for name, amount in sorted(amounts.items()) if amount}


class _RateChanger:
    """Changes the rate of pieces that follow each other; the first sample stays where it is."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._rate = from_rate
        self._is_idle = from_rate == to_rate
        self._to_rate = to_rate
        self._resamplers: list[Any] = []
        self._channels = 0
        self._waiting: list[NDArray[np.float32]] = []
        self._num_waiting = 0

    def changed(self, piece: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Take a piece, and return what is ready: nothing for most, as many together cost less."""
        self._channels = len(piece)
        self._waiting.append(piece)
        self._num_waiting += piece.shape[1]
        return self._ready() if self._num_waiting >= _TOGETHER else piece[:, :0]

    def _ready(self) -> "NDArray[np.float32]":
        import av

        piece = np.concatenate(self._waiting, axis=1)
        self._waiting, self._num_waiting = [], 0
        if self._is_idle:
            return piece
        layout = "mono" if len(piece) == 1 else "stereo"
        if not self._resamplers:
            self._resamplers = [av.AudioResampler(format="fltp", layout=layout, rate=self._to_rate)]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), format="fltp", layout=layout)
        frame.sample_rate = self._rate
        return self._joined(self._resamplers[0].resample(frame))

    def end(self) -> "NDArray[np.float32]":
        """Return the rest."""
        rest = self._ready() if self._waiting else np.zeros((self._channels, 0), np.float32)
        behind = self._joined(self._resamplers[0].resample(None) if self._resamplers else [])
        return np.concatenate([rest, behind], axis=1)

    def _joined(self, frames: list[Any]) -> "NDArray[np.float32]":
        parts = [frame.to_ndarray() for frame in frames]
        return np.concatenate(parts, axis=1) if parts else np.zeros((self._channels, 0), np.float32)
