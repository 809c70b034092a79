"""What a sample holds and how it is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

import numpy as np

from mmvoxceleb.cliplists.chosen_store import Missing
from mmvoxceleb.cliplists.reading import Clips
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.removal_feed import Feeds, Offline
from mmvoxceleb.modalities import VIDEO, check_modalities, frame_modalities

__all__ = ["SampleOptions"]

Place = Literal["same", "every", "other", "other_clip"]

_CHOICES: dict[str, tuple[Any, ...]] = {
    "short": ("drop", "repeat"),
    "missing": get_args(Missing),
    "removals_offline": get_args(Offline),
    "mask_format": ("ids", "one_hot", "colours"),
    "mask_at": get_args(Place),
    "drawing_at": get_args(Place),
    "image_at": (None, "other", "other_clip"),
    "sentences": ("random", "first", "all"),
    "dtype": ("float32", "uint8"),
}


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Settings of a :class:`mmvoxceleb.ClipSampler`.

    Args:
        num_frames: Frames per sample.
        frame_step: Distance between neighbouring frames of a sample, in frames of the clip. MMVID trained with 8 frames
            at step 4.
        start: Where the window of frames starts: at a ``random`` possible start, at the ``centre`` of the possible
            starts, or at a frame index (or at the next possible start).
        windows: Samples per clip and epoch. The possible starts are divided evenly between them, so that two windows of
            a clip start at different frames if the clip is long enough.
        clips: Use only these clips: clip ids, or the path or URL of a clip list. With a prepared dataset, clips of a
            list that belong to other splits are ignored. A stream still reads the rows of all clips.
        missing: Whether a clip of ``clips`` that the data lacks is an error (``raise``), or is left out and counted
            (``skip``). A stream cannot check this.
        removals: Paths and URLs of further removal lists to obey, for any kind of data. They are read when the sampler
            is created.
        removals_offline: What to do if such a list cannot be read: ``stop`` with an error, or use the ``last`` version
            that was read on this machine.
        min_frames: A clip is short if it has fewer frames than this, or than a window needs (MMVID: 8).
        short: ``drop`` leaves short clips out; ``repeat`` keeps them and repeats their last frame.
        modalities: Names of registered modalities; None for all that the data has.
        image_size: Side of the square pictures, or ``(height, width)``, in px; None keeps the size of each picture.
        crop_scale: Range of the part of the picture's area that a random crop keeps (MMVID: ``(0.75, 1.0)``); all
            pictures of a sample have the same crop. None takes the largest crop of the shape of ``image_size``, in the
            centre.
        flip: Probability of mirroring all pictures of a sample, 0 to 1. Mirroring also swaps left and right in masks
            and landmarks.
        mask_format: ``ids`` (int64 [H, W], 0 to 18), ``one_hot`` (float32 [19, H, W]) or ``colours`` ([3, H, W] in RGB,
            of type ``dtype``).
        mask_at: Which mask a sample has: the mask of one of its frames (``same``), the mask of each of its frames
            (``every``), the mask of any frame of the clip (``other``, as in MMVID), or a mask of another clip of the
            same identity and video (``other_clip``; of the clip itself if there is no other).
        drawing_at: The same choice for the drawing.
        at: The same choice for modalities by name, such as ``{"motion": "every"}``, including registered ones. Pictures
            of modalities that are not named are at ``other``.
        image_at: Adds ``image``, one more frame that shows the appearance: any frame of the clip (``other``), or a
            frame of another clip of the same identity and video (``other_clip``). None adds nothing.
        style: The drawing style. Empty means ``style1``, or the only style of a store that has another.
        sentences: Which sentences ``text`` has: a ``random`` one, the ``first`` one, or ``all`` of them as a list.
        text_dropout: Probability that ``null_text`` replaces the text, 0 to 1 (MMVID: 0.1).
        null_text: The text that replaces it.
        negative_text: Whether to add ``negative_text``, a random sentence of a clip with another label.
        tokenizer: Called with the text (a string, or a list of strings for ``sentences="all"``); its result is added
            as ``tokens``, and as ``negative_tokens`` for the negative text.
        audio_rate: Samples per second of the sound, 1,000 to 384,000; None for the rate of the file.
        dtype: ``float32`` with values 0 to 1, or ``uint8`` with values 0 to 255, for frames, drawings, images and
            coloured masks.
        seed: Seed of all random choices. A sample depends only on the seed, the epoch and the sample's index.
        threads: Number of threads that decode the pictures of a sample. None means one in a worker of a ``DataLoader``,
            and otherwise one per core, at most 4. A store behind a URL is read by other threads, and gets no more of
            these than there are cores. Samples do not depend on it.

    Raises:
        ConfigError: A value is unknown or out of its range, or two settings contradict each other.
    """

    num_frames: int = 8
    frame_step: int = 4
    start: Literal["random", "centre"] | int = "random"
    windows: int = 1
    clips: Clips | None = None
    missing: Missing = "raise"
    removals: Feeds | None = None
    removals_offline: Offline = "stop"
    min_frames: int = 8
    short: Literal["drop", "repeat"] = "drop"
    modalities: Sequence[str] | None = None
    image_size: int | tuple[int, int] | None = 128
    crop_scale: tuple[float, float] | None = None
    flip: float = 0.0
    mask_format: Literal["ids", "one_hot", "colours"] = "ids"
    mask_at: Place = "other"
    drawing_at: Place = "other"
    at: Mapping[str, Place] = field(default_factory=dict)
    image_at: Literal["other", "other_clip"] | None = None
    style: str = ""
    sentences: Literal["random", "first", "all"] = "random"
    text_dropout: float = 0.0
    null_text: str = "null"
    negative_text: bool = False
    tokenizer: Callable[[Any], Any] | None = None
    audio_rate: int | None = None
    dtype: Literal["float32", "uint8"] = "float32"
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("num_frames", "frame_step", "windows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)!r}; expected a number from 1")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads={self.threads!r}; expected a number from 1, or None")
        if self.audio_rate is not None and not 1000 <= self.audio_rate <= 384_000:
            raise ConfigError(f"audio_rate={self.audio_rate!r}; expected samples a second, 1000 to 384000, or None")
        for name in ("min_frames", "seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)!r}; expected a number from 0")
        for name in ("flip", "text_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}={getattr(self, name)!r}; expected a probability, 0 to 1")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}={getattr(self, name)!r}; expected one of {', '.join(map(repr, known))}")
        self._check_places()
        if self.start not in ("random", "centre") and not (isinstance(self.start, int) and self.start >= 0):
            raise ConfigError(f"start={self.start!r}; expected 'random', 'centre' or a frame index from 0")
        if self.modalities is not None:
            object.__setattr__(self, "modalities", check_modalities(self.modalities))
        if self.image_size is not None and min(self.height_width or (1,)) < 1:
            raise ConfigError(f"image_size={self.image_size!r}; expected px, (height, width) in px, or None")
        if self.crop_scale is not None:
            low, high = self.crop_scale
            if not 0 < low <= high <= 1:
                raise ConfigError(f"crop_scale={self.crop_scale!r}; expected (low, high) with 0 < low <= high <= 1")
        if self.crop_scale is not None and self.image_size is None:
            raise ConfigError("crop_scale needs an image_size: crops of different sizes cannot be batched")

    def _check_places(self) -> None:
        names = [modality.name for modality in frame_modalities() if modality is not VIDEO]
        for name, place in self.at.items():
            if name not in names:
                raise ConfigError(f"at={dict(self.at)!r}; expected names among {', '.join(names)}")
            if place not in get_args(Place):
                raise ConfigError(f"at={dict(self.at)!r}; expected one of {', '.join(map(repr, get_args(Place)))}")
            if self._own_place(name) not in ("other", place):
                raise ConfigError(f"at={dict(self.at)!r} and {name}_at={self._own_place(name)!r}; give one of them")

    def _own_place(self, name: str) -> Place:
        """Return what ``mask_at`` and ``drawing_at`` say."""
        place: Place = getattr(self, f"{name}_at", "other")
        return place

    @classmethod
    def named(cls, settings: dict[str, Any]) -> "SampleOptions":
        """Build from keyword arguments.

        Raises:
            ConfigError: An option is unknown; the message lists the known ones.
        """
        known = [option.name for option in fields(cls)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ConfigError(f"no option {', '.join(map(repr, unknown))}; the known ones are {', '.join(known)}")
        return cls(**settings)

    @property
    def height_width(self) -> tuple[int, int] | None:
        """Size of the pictures in px; None for their own."""
        if isinstance(self.image_size, int):
            return self.image_size, self.image_size
        return None if self.image_size is None else (self.image_size[0], self.image_size[1])

    @property
    def span(self) -> int:
        """Frames of the clip from the first to the last of a window, both counted."""
        return (self.num_frames - 1) * self.frame_step + 1

    @property
    def number_type(self) -> type[np.number[Any]]:
        """NumPy's type for ``dtype``."""
        return np.uint8 if self.dtype == "uint8" else np.float32

    @property
    def has_other_clips(self) -> bool:
        """Whether pictures of another clip than the sample's are wanted."""
        return "other_clip" in (self.mask_at, self.drawing_at, self.image_at, *self.at.values())

    def place_of(self, name: str) -> Place:
        """Return which pictures of a modality are wanted."""
        return self.at.get(name) or self._own_place(name)
