"""The sound of a clip."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.file_modality import FileModality, SampleContext

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["AUDIO", "SILENT_BELOW", "clipped_samples", "length_of"]

FRAMES_PER_SECOND = 25

SILENT_BELOW = 10 ** (-70 / 20)
"""A sound whose largest sample is below -70 dB is silent: 16 bits end at -96 dB, a quiet room is at -60 dB."""

_RUN, _FULL = 4, 32766 / 32768
"""So many samples in a row at the end of the scale are clipped."""

_INK, _PAPER, _MIDDLE = (44, 82, 130), (255, 255, 255), (226, 232, 240)


def length_of(num_frames: int, rate: int) -> int:
    """Samples of a clip of so many frames."""
    return round(num_frames * rate / FRAMES_PER_SECOND)


def clipped_samples(samples: "NDArray[np.float32]") -> int:
    """Count the samples that are cut off: those of runs of at least 4 at the end of the scale.

    Args:
        samples: float32 [channels, N], -1 to 1.
    """
    count = 0
    for channel in samples:
        steps = np.flatnonzero(np.diff(np.abs(channel) >= _FULL, prepend=False, append=False))
        lengths = steps[1::2] - steps[::2]
        count += int(lengths[lengths >= _RUN].sum())
    return count


class Audio(FileModality):
    """``audio/<clip>.flac``: sample 0 is the moment of frame 0, the last is the end of the last frame."""

    name = "audio"
    made_by = "audio"
    made_with = "--raw VIDEOS"
    exported_without = "explained"
    aliases = ("sound",)
    suffix = ".flac"
    title = "sound"
    is_light = False
    holds_file = True
    largest_file_bytes = 64 << 20
    tasks = ("audio-classification",)
    tags = ("audio", "speech")
    problem_titles = {  # noqa: RUF012
        "audio": "sounds that cannot be used",
        "audio_length": "sounds of another length than the frames",
        "audio_silent": "sounds that are silent",
        "audio_clipped": "sounds that are clipped",
    }

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from mmvoxceleb.modalities.audio_feature import Audio

        return {self.name: Audio()}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {self.name: "the sound, FLAC; sample 0 is the moment of frame 0, the length is `num_frames / 25` s"}

    def parse(self, data: bytes, *, clip_id: str) -> "FlacSound":
        """Read the header.

        Raises:
            CorruptSourceError: It is not FLAC.
            UnsafeArchiveError: It has over 64 MB.
        """
        from mmvoxceleb.codecs.flac import FlacSound, flac_info

        self.check_size(data, clip_id=clip_id)
        sound = FlacSound(data, f"clip {clip_id}, its sound")
        flac_info(data, where=sound.where)
        return sound

    def fields(
        self, value: "FlacSound", options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        return {self.name: {"bytes": bytes(value.data), "path": None}}

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        file = record[self.name]
        if not isinstance(file, Mapping):
            raise CorruptSourceError(
                f"clip {record.get('clip_id', '')}: the column {self.name} holds {type(file).__name__} and no file; "
                f"cast it: dataset.cast_column({self.name!r}, datasets.Audio(decode=False))"
            )
        if file["bytes"] is not None:
            return bytes(file["bytes"])
        import fsspec

        with fsspec.open(file["path"], "rb") as opened:
            return bytes(opened.read())

    def to_sample(self, light: dict[str, Any]) -> list[tuple[str, bytes]]:
        return [("flac", self.to_file({self.name: light.pop(self.name)}))]

    def frames_of(self, value: "FlacSound") -> "NDArray[np.int64]":
        return np.arange(round(value.seconds * FRAMES_PER_SECOND), dtype=np.int64)

    def sampled(self, value: "FlacSound", context: SampleContext) -> dict[str, Any]:
        """Take the sound from the first frame shown to the end of the last: float32 [channels, N], -1 to 1.

        N is the same for all samples; where a short clip repeats its last frame, silence follows.
        """
        import torch

        options, frames = context.options, context.frames
        rate = options.audio_rate or value.rate
        waveform = value.part(
            frames[0] / FRAMES_PER_SECOND, length_of(frames[-1] + 1, rate) - length_of(frames[0], rate), rate
        )
        silence = length_of(options.span, rate) - waveform.shape[1]
        return {self.name: torch.from_numpy(np.pad(waveform, ((0, 0), (0, max(0, silence)))))}

    def problems_beside(self, data: bytes, frames: Collection[int], *, clip_id: str) -> Iterator[tuple[str, str]]:
        from mmvoxceleb.codecs.flac import flac_info

        try:
            info = flac_info(data, where="")
        except CorruptSourceError:
            return  # said of the file itself
        expected = length_of(max(frames, default=-1) + 1, info.rate)
        if info.num_samples != expected:
            yield (
                "audio_length",
                f"has {info.num_samples:,} samples at {info.rate:,} Hz, its frames last {expected:,}; make it again",
            )

    def problems_inside(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        from mmvoxceleb.codecs.flac import FlacSound

        try:
            peaks = np.abs(FlacSound(data, f"clip {clip_id}").checked())
        except CorruptSourceError as error:
            if bytes(data[:4]) == b"fLaC":  # else said of the file already
                yield self.name, str(error)
            return
        if peaks.max(initial=0.0) < SILENT_BELOW:
            loudest = f"its largest sample is {peaks.max(initial=0.0):.2g} of 1"
            yield (
                "audio_silent",
                f"{loudest}; to leave such clips out: mmvoxceleb regenerate score, then select --where 'silent_share < "
                "1'. If the video does have sound, that is a fault of mmvoxceleb: please report it",
            )
            return
        count = clipped_samples(peaks)
        if count:
            yield "audio_clipped", f"{count:,} samples are cut off at the end of the scale"

    def shown(self, value: "FlacSound") -> Shown:
        told = f"{value.rate:,} Hz, {_channels(value.info.channels)}, {value.seconds:.2f} s"
        return Shown("sound format", lines=(told,))

    def sound(self, value: "FlacSound") -> "FlacSound":
        return value

    def strip(self, value: "FlacSound", size: tuple[int, int]) -> "Image":
        """Draw the waveform of the whole clip: largest and smallest sample of each column of pixels.

        Raises:
            CorruptSourceError: It is damaged.
        """
        from PIL import Image

        width, height = size
        whole = value.samples()
        edges = np.linspace(0, whole.shape[1], width + 1).astype(np.intp)[:-1]
        high = np.maximum.reduceat(whole.max(axis=0), edges)
        low = np.minimum.reduceat(whole.min(axis=0), edges)
        rows = np.arange(height)[:, None]
        middle, reach = (height - 1) / 2, (height - 1) / 2
        is_ink = (rows >= np.floor(middle - high * reach)) & (rows <= np.ceil(middle - low * reach))
        picture = np.full((height, width, 3), _PAPER, np.uint8)
        picture[height // 2] = _MIDDLE
        picture[is_ink] = _INK
        return Image.fromarray(picture)


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


AUDIO = Audio()
