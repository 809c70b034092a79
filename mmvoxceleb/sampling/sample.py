"""Make one sample of one clip."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmvoxceleb.cliplists import as_clip_list
from mmvoxceleb.codecs.png import size_of_png
from mmvoxceleb.codecs.views import WHOLE, View
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.meta.removal_feed import followed, followed_offline, followed_removals, read_feeds
from mmvoxceleb.modalities import (
    TEXT,
    VIDEO,
    FileModality,
    FrameModality,
    Modality,
    SampleContext,
    check_modalities,
    modalities,
)
from mmvoxceleb.sampling.batches import Place, new_tensor
from mmvoxceleb.sampling.clips import SampledClip
from mmvoxceleb.sampling.options import SampleOptions
from mmvoxceleb.sampling.threads import DecodeThreads, DecodeWork
from mmvoxceleb.sampling.windows import choose_frames, choose_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sample", "SampleMaker"]


class SampleMaker:
    """What a sampler and a stream have in common: options, modalities and threads.

    Args:
        settings: Fields of :class:`mmvoxceleb.sampling.SampleOptions`.

    Raises:
        ConfigError: One is unknown or impossible.
    """

    modalities: tuple[str, ...]

    def __init__(self, settings: dict[str, Any]) -> None:
        self.options = SampleOptions.named(settings)
        self._listed = as_clip_list(self.options.clips)
        self._removals = followed_removals(followed(), followed_offline()) | read_feeds(
            self.options.removals, offline=self.options.removals_offline
        )
        self._threads = DecodeThreads(self.options.threads)

    def _take_modalities(self, has: tuple[str, ...], data: str) -> None:
        """Take those that are asked for, or all that the data has.

        Raises:
            ConfigError: Options need one that is not there.
            MissingModalityError: The data lacks one.
        """
        self.modalities = check_modalities(self.options.modalities or has)
        lacking = [name for name in self.modalities if name not in has]
        if lacking:
            raise MissingModalityError(f"the {data} has no {', '.join(lacking)} (it has {', '.join(has) or 'nothing'})")
        if self.options.negative_text and TEXT.name not in self.modalities:
            raise ConfigError(f"negative_text=True needs the modality text; these are {', '.join(self.modalities)}")
        self._table = modalities(self.modalities)


@dataclass
class Sample:
    """A sample in the making.

    Args:
        clip: The clip.
        options: What is wanted.
        table: The modalities.
        rng: The sample's own generator.
        work: The pictures are decoded in it: tensors are whole once it has ended.
        window: Which of the clip's windows.
        partner: Gives another clip of the same video.
        other_label: Gives a clip with another label.
        room: Where the pictures of the batch go, and which of its samples this is; None for a sample by itself.
    """

    clip: SampledClip
    options: SampleOptions
    table: Sequence[Modality]
    rng: np.random.Generator
    work: DecodeWork
    window: int = 0
    partner: Callable[[], SampledClip] | None = None
    other_label: Callable[[], SampledClip] | None = None
    room: Place | None = None
    view: View = field(default=WHOLE, init=False)
    partner_clip: SampledClip | None = field(default=None, init=False)
    values: dict[str, Any] = field(default_factory=dict, init=False)
    own_size: tuple[int, int] | None = field(default=None, init=False)

    def made(self) -> dict[str, Any]:
        """Choose everything and make room for it, as :class:`mmvoxceleb.ClipSampler` documents it.

        Raises:
            MMVoxCelebError: The clip is damaged or lacks something.
        """
        options = self.options
        sample: dict[str, Any] = {"clip_id": self.clip.clip_id}
        frames = self._choose_frames()
        self.view = choose_view(options, self.rng)
        if VIDEO in self.table and frames is not None:
            key, index_key = VIDEO.sample_keys
            sample |= {key: self._pictures(VIDEO, self.clip, frames, key), index_key: torch.from_numpy(frames)}
        if options.image_at is not None:
            clip = self._clip_at(options.image_at)
            chosen = self._any_of(clip.indices(VIDEO.folder()))
            sample["image"] = self._pictures(VIDEO, clip, chosen, "image")[0]
            sample |= {"image_index": int(chosen[0]), "image_clip_id": clip.clip_id}
        for modality in self.table:
            if isinstance(modality, FileModality):
                sample |= modality.sampled(self._value(modality), self._context(modality, frames, sample))
            elif isinstance(modality, FrameModality) and modality is not VIDEO:
                sample |= self._condition(modality, frames)
        if options.flip:
            sample["flipped"] = self.view.mirrored
        return sample

    def _choose_frames(self) -> "NDArray[np.int64] | None":
        """Choose the frames so that the pictures that must be at them are there."""
        some_of: list[NDArray[np.int64]] = []
        all_of: list[NDArray[np.int64]] = []
        timeline = self.clip.indices(VIDEO.folder()) if VIDEO in self.table else None
        for modality in self.table:
            if modality is VIDEO or not isinstance(modality, FrameModality):
                continue
            place = self.options.place_of(modality.name)
            if place in ("same", "every"):
                indices = self.clip.indices(modality.folder_of_style(self.options.style))
                (some_of if place == "same" else all_of).append(indices)
                timeline = indices if timeline is None else timeline
        for modality in self.table:
            if timeline is None and isinstance(modality, FileModality):
                timeline = modality.frames_of(self._value(modality))
        if timeline is None:
            return None
        return choose_frames(
            timeline,
            self.options,
            self.rng,
            window=self.window,
            some_of=some_of,
            all_of=all_of,
            clip_id=self.clip.clip_id,
        )

    def _clip_at(self, place: str) -> SampledClip:
        if place != "other_clip":
            return self.clip
        if self.partner_clip is None:
            assert self.partner is not None  # a stream refuses such options
            self.partner_clip = self.partner()
        return self.partner_clip

    def _any_of(self, indices: "NDArray[np.int64]") -> "NDArray[np.int64]":
        place = int(self.rng.random() * len(indices))
        return indices[place : place + 1]

    def _condition(self, modality: FrameModality, frames: "NDArray[np.int64] | None") -> dict[str, Any]:
        place = self.options.place_of(modality.name)
        clip = self._clip_at(place)
        indices = clip.indices(modality.folder_of_style(self.options.style))
        if place == "every" and frames is not None:
            chosen = frames
        elif place == "same" and frames is not None:
            chosen = self._any_of(frames[np.isin(frames, indices)])
        else:
            chosen = self._any_of(indices)
        key, index_key, clip_key = modality.sample_keys
        made = self._pictures(modality, clip, chosen, key)
        if place == "every":
            return {key: made, index_key: torch.from_numpy(chosen)}
        found: dict[str, Any] = {key: made[0], index_key: int(chosen[0])}
        if place == "other_clip":
            found[clip_key] = clip.clip_id
        return found

    def _pictures(
        self, modality: FrameModality, clip: SampledClip, chosen: "NDArray[np.int64]", key: str
    ) -> torch.Tensor:
        """Read pictures, and make a tensor [N, *channels, H, W]; the work fills it with them."""
        folder, form = modality.folder_of_style(self.options.style), modality.form(self.options)
        if len(chosen) == 0:
            raise MissingModalityError(
                f"clip {clip.clip_id}: it has no {modality.pictures}; leave that modality or that clip out"
            )
        positions = np.searchsorted(clip.indices(folder), chosen)
        content: Sequence[Any] = clip.pictures(folder, positions.tolist())
        size = self.options.height_width
        where = f"clip {clip.clip_id}, {folder}"
        numbers = chosen.tolist()

        def decoded(place: int) -> "NDArray[np.uint8]":
            return modality.decode(content[place], self.view, size, where=f"{where} {numbers[place]}")

        def fill(place: int) -> None:
            picture = decoded(place)
            if picture.shape[:2] != stack.shape[-2:]:
                raise CorruptSourceError(
                    f"{where} {numbers[place]}: {picture.shape[1]} x {picture.shape[0]} px, "
                    "unlike the clip's first picture; pass image_size, or fix the clip"
                )
            form.put(picture, stack[place])

        height, width = size or decoded(0).shape[:2]
        shape = (len(chosen), *form.channels, height, width)
        if self.room is None:
            made = new_tensor(shape, form.dtype)
        else:
            room, number = self.room
            made = room.part(number, key, shape, form.dtype)
        stack = made.numpy()
        self.work.add(functools.partial(fill, place) for place in range(len(chosen)))
        return made

    def _value(self, modality: FileModality) -> Any:
        if modality.name not in self.values:
            self.values[modality.name] = self.clip.value(modality)
        return self.values[modality.name]

    def _context(
        self, modality: FileModality, frames: "NDArray[np.int64] | None", sample: dict[str, Any]
    ) -> SampleContext:
        def other() -> tuple[str, Any]:
            assert self.other_label is not None  # a stream refuses such options
            clip = self.other_label()
            return clip.clip_id, clip.value(modality)

        size, shown = self.options.height_width, sample.get(VIDEO.sample_keys[0])
        if size is None and shown is not None:
            size = (shown.shape[-2], shown.shape[-1])
        return SampleContext(
            self.clip.clip_id,
            self.options,
            self.rng,
            self.view,
            other,
            () if frames is None else tuple(frames.tolist()),
            size,
            self._frame_size,
        )

    def _frame_size(self) -> tuple[int, int]:
        """Return height and width in px of the clip's first frame.

        Raises:
            MissingModalityError: The data has no frames.
            CorruptSourceError: It cannot be decoded.
        """
        if self.own_size is None:
            folder = VIDEO.folder()
            first: Any = self.clip.pictures(folder, [0])[0]
            where = f"clip {self.clip.clip_id}, {folder} {int(self.clip.indices(folder)[0])}"
            from_header = None if isinstance(first, np.ndarray) else size_of_png(first)
            height, width = from_header or VIDEO.decode(first, where=where).shape[:2]
            self.own_size = height, width
        return self.own_size
