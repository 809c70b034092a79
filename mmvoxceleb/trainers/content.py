"""A stored clip at a trainer's rate: frames one after the other, sound, points, a sentence."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.codecs.video import FRAMES_PER_SECOND
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError
from mmvoxceleb.modalities import AUDIO, LANDMARKS, TEXT, VIDEO
from mmvoxceleb.modalities.audio import SILENT_BELOW
from mmvoxceleb.schema import ClipId, split_of
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipContent"]

_FRAMES_AT_A_TIME = 32
_KEY_FRAME_EVERY = 25
_SOUND_RATE = 16_000

Change = Callable[[int, "NDArray[np.uint8]"], "NDArray[np.uint8]"]
"""Makes a picture of another; the number is that of the frame at the trainer's rate."""


class ClipContent:
    """What a trainer may take from a clip. Frames are decoded when they are asked for, some at a time.

    Args:
        clip: The clip.
        frames_per_second: The trainer's rate. Each frame is the one of the clip that is nearest in time.
    """

    def __init__(self, clip: StoredClip, *, frames_per_second: int = FRAMES_PER_SECOND) -> None:
        self._clip = clip
        self.frames_per_second = frames_per_second
        self.clip_id = clip.clip_id
        key = ClipId.parse(clip.clip_id)
        self.name = key.safe_name
        self.split = split_of(key.person_id)

    @cached_property
    def frame_indices(self) -> "NDArray[np.int64]":
        """int64 [N]: which frame of the clip is shown at each moment of the trainer.

        Raises:
            MissingModalityError: The clip has no frames, or lacks some between or before others.
        """
        indices = self._clip.indices(VIDEO.folder())
        count = len(indices)
        if count == 0 or int(indices[-1]) != count - 1:
            raise MissingModalityError(
                f"clip {self.clip_id}: lacks {int(indices[-1]) + 1 - count if count else 'all'} of its frames, and a "
                "video file for a trainer cannot have gaps"
            )
        shown = np.arange(count * self.frames_per_second // FRAMES_PER_SECOND)
        nearest = np.rint(shown * (FRAMES_PER_SECOND / self.frames_per_second))
        indices_shown: NDArray[np.int64] = np.minimum(nearest, count - 1).astype(np.int64)
        return indices_shown

    @property
    def num_frames(self) -> int:
        """Frames at the trainer's rate."""
        return len(self.frame_indices)

    def check_length(self, fewest: int) -> None:
        """Refuse a clip of fewer frames.

        Raises:
            MissingModalityError: It has fewer.
        """
        if self.num_frames < fewest:
            raise MissingModalityError(
                f"clip {self.clip_id}: has {self.num_frames} frames at {self.frames_per_second} per second; "
                f"the trainer's loader needs {fewest} or more"
            )

    def frames(self, change: Change | None = None) -> "Iterator[NDArray[np.uint8]]":
        """Yield uint8 [H, W, 3], RGB, one per moment; ``change`` is applied to each.

        Raises:
            CorruptSourceError: A frame is damaged, or of another size than the first.
        """
        shape: tuple[int, ...] | None = None
        entries = self._clip.frames(VIDEO.folder())
        for start in range(0, self.num_frames, _FRAMES_AT_A_TIME):
            part = [entries[position] for position in self.frame_indices[start : start + _FRAMES_AT_A_TIME].tolist()]
            for number, (entry, data) in enumerate(
                zip(part, self._clip.decoded(VIDEO.folder(), part), strict=True), start
            ):
                picture = self._picture(data, entry.name)
                shape = shape or picture.shape
                if picture.shape != shape:
                    raise CorruptSourceError(
                        f"clip {self.clip_id}: its frames differ in size, {_size(shape)} and {_size(picture.shape)} px"
                    )
                yield np.ascontiguousarray(picture if change is None else change(number, picture))

    @cached_property
    def frame_size(self) -> tuple[int, int]:
        """Height and width of the stored frames, in px."""
        first = self._clip.frames(VIDEO.folder())[:1]
        picture = self._picture(self._clip.decoded(VIDEO.folder(), first)[0], first[0].name)
        return picture.shape[0], picture.shape[1]

    def _picture(self, data: "bytes | NDArray[np.uint8]", name: str) -> "NDArray[np.uint8]":
        if isinstance(data, np.ndarray):
            return data
        return decode_rgb(data, where=f"clip {self.clip_id}, {VIDEO.folder()}/{name}")[..., :3]

    def mp4(self, *, crf: int, change: Change | None = None, with_sound: bool = True) -> bytes:
        """Encode the frames as H.264, with the sound as AAC."""
        return encode_h264(
            self.frames(change),
            fps=self.frames_per_second,
            crf=crf,
            key_frame_every=_KEY_FRAME_EVERY,
            sound=self.sound if with_sound else None,
        )

    def size_at(self, side: int | None) -> tuple[int, int]:
        """Height and width in px of frames whose shorter side is ``side``, both even; as stored where it is None."""
        if side is None:
            return self.frame_size
        height, width = self.frame_size
        scale = side / min(height, width)
        return 2 * round(height * scale / 2), 2 * round(width * scale / 2)

    def resizer(self, side: int | None) -> Change | None:
        """Return what scales a frame to :meth:`size_at`; None for frames that stay as they are."""
        height, width = self.size_at(side)
        if (height, width) == self.frame_size:
            return None
        is_smaller = height < self.frame_size[0]

        def resized(number: int, picture: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
            import cv2

            how = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
            return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)

        return resized

    @cached_property
    def sound(self) -> FlacSound:
        """The sound.

        Raises:
            MissingModalityError: The clip has none.
        """
        sound: FlacSound = self._clip.value(AUDIO)
        return sound

    @property
    def is_silent(self) -> bool:
        """Whether no sample of the sound is louder than :data:`~mmvoxceleb.modalities.audio.SILENT_BELOW`.

        Raises:
            CorruptSourceError: The sound is damaged.
            MissingModalityError: The clip has none.
        """
        return bool(np.abs(self.sound.checked()).max(initial=0.0) < SILENT_BELOW)

    def samples(self) -> "NDArray[np.int16]":
        """int16 [N], the sound as one channel of 16,000 samples a second, as long as the frames."""
        count = round(self.num_frames * _SOUND_RATE / self.frames_per_second)
        mono = self.sound.part(0.0, count, _SOUND_RATE).mean(axis=0)
        whole: NDArray[np.int16] = np.rint(mono * 32768).clip(-32768, 32767).astype(np.int16)
        return whole

    @cached_property
    def points(self) -> "NDArray[np.float32]":
        """float32 [N, 478, 2]: x and y of the face's landmarks in px of the stored frames, for each moment.

        Raises:
            MissingModalityError: The clip has no landmarks, or a frame of it no face.
        """
        found = self._clip.value(LANDMARKS)
        places = np.searchsorted(found.indices, self.frame_indices)
        if len(found) == 0 or places.max() >= len(found) or (found.indices[places] != self.frame_indices).any():
            raise MissingModalityError(
                f"clip {self.clip_id}: has landmarks of other frames; run mmvoxceleb regenerate landmarks --overwrite"
            )
        without = int((~found.has_face[places]).sum())
        if without:
            raise MissingModalityError(f"clip {self.clip_id}: has no face in {without} of {self.num_frames} frames")
        points: NDArray[np.float32] = found.points[places][..., :2]
        return points

    def points_at(self, side: int | None) -> "NDArray[np.float32]":
        """:attr:`points` in px of frames of :meth:`size_at`."""
        (height, width), (stored_height, stored_width) = self.size_at(side), self.frame_size
        scale = np.array([width / stored_width, height / stored_height], np.float32)
        points: NDArray[np.float32] = self.points * scale
        return points

    def sentence(self) -> str:
        """The first sentence of the clip's text.

        Raises:
            MissingModalityError: It has none.
        """
        sentences = self._clip.value(TEXT)
        if not sentences:
            raise MissingModalityError(f"clip {self.clip_id}: its text is empty")
        return str(sentences[0])


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
