"""Make one sample of one clip."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.sampling.geometry import View, choose_view
from mmvoxceleb.sampling.options import SampleOptions
from mmvoxceleb.sampling.pictures import drawing_of, frame_of, mask_of
from mmvoxceleb.sampling.puts import put_colours, put_frame, put_grey, put_ids, put_one_hot
from mmvoxceleb.sampling.sources import Clip
from mmvoxceleb.sampling.texts import choose_text, tokens_of
from mmvoxceleb.sampling.threads import Work
from mmvoxceleb.sampling.windows import choose_frames
from mmvoxceleb.schema import NUM_CLASSES, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make_sample"]

_VIDEO, _MASK = Folder("video"), Folder("mask")


def make_sample(
    clip: Clip,
    options: SampleOptions,
    rng: np.random.Generator,
    *,
    modalities: Sequence[str],
    work: Work,
    window: int = 0,
    partner: Callable[[], Clip] | None = None,
    other_label: Callable[[], Clip] | None = None,
) -> dict[str, Any]:
    """Choose, read, decode and arrange.

    Args:
        clip: The clip.
        options: What is wanted.
        rng: The sample's own generator.
        modalities: What the sample has.
        work: The pictures are decoded in it: tensors are whole once it has ended.
        window: Which of the clip's windows.
        partner: Gives another clip of the same video; called at most once.
        other_label: Gives a clip with another label; called at most once.

    Returns:
        As :class:`mmvoxceleb.ClipSampler` documents it.

    Raises:
        MMVoxCelebError: The clip is damaged or lacks something.
    """
    return _Sample(clip, options, rng, modalities, work, window, partner, other_label).made()


class _Sample:
    def __init__(
        self,
        clip: Clip,
        options: SampleOptions,
        rng: np.random.Generator,
        modalities: Sequence[str],
        work: Work,
        window: int,
        partner: Callable[[], Clip] | None,
        other_label: Callable[[], Clip] | None,
    ) -> None:
        self._clip, self._options, self._rng = clip, options, rng
        self._modalities, self._window = modalities, window
        self._partner, self._other_label = partner, other_label
        self._partner_clip: Clip | None = None
        self._view = View()
        self._work = work

    def made(self) -> dict[str, Any]:
        """Choose everything and make room for it; the tensors are whole once the work is done."""
        options = self._options
        sample: dict[str, Any] = {"clip_id": self._clip.clip_id}
        frames = self._choose_frames()
        self._view = choose_view(options, self._rng)
        if "video" in self._modalities and frames is not None:
            sample["frames"] = self._frames(self._clip, frames)
            sample["frame_indices"] = torch.from_numpy(frames)
        if options.image_at is not None:
            clip = self._clip_at(options.image_at)
            chosen = self._any_of(clip.indices(_VIDEO))
            sample["image"] = self._frames(clip, chosen)[0]
            sample |= {"image_index": int(chosen[0]), "image_clip_id": clip.clip_id}
        for name in ("mask", "drawing"):
            if name in self._modalities:
                sample |= self._condition(name, frames)
        if "text" in self._modalities:
            sample |= self._texts()
        if "label" in self._modalities:
            sample["label"] = torch.tensor(self._clip.label(), dtype=torch.int64)
        if options.flip:
            sample["flipped"] = self._view.mirrored
        return sample

    def _condition_folder(self, name: str) -> tuple[Folder, str]:
        if name == "mask":
            return _MASK, self._options.mask_at
        return Folder("drawing", self._options.style), self._options.drawing_at

    def _choose_frames(self) -> "NDArray[np.int64] | None":
        """Choose the frames so that masks and drawings that must be at them are there."""
        some_of: list[NDArray[np.int64]] = []
        all_of: list[NDArray[np.int64]] = []
        timeline = self._clip.indices(_VIDEO) if "video" in self._modalities else None
        for name in ("mask", "drawing"):
            folder, place = self._condition_folder(name)
            if name in self._modalities and place in ("same", "every"):
                indices = self._clip.indices(folder)
                (some_of if place == "same" else all_of).append(indices)
                timeline = indices if timeline is None else timeline
        if timeline is None:
            return None
        return choose_frames(
            timeline,
            self._options,
            self._rng,
            window=self._window,
            some_of=some_of,
            all_of=all_of,
            clip_id=self._clip.clip_id,
        )

    def _clip_at(self, place: str) -> Clip:
        if place != "other_clip":
            return self._clip
        if self._partner_clip is None:
            if self._partner is None:
                raise ConfigError("a stream has no other clips of a video; prepare the dataset, or use a store")
            self._partner_clip = self._partner()
        return self._partner_clip

    def _any_of(self, indices: "NDArray[np.int64]") -> "NDArray[np.int64]":
        place = int(self._rng.random() * len(indices))
        return indices[place : place + 1]

    def _frames(self, clip: Clip, chosen: "NDArray[np.int64]") -> torch.Tensor:
        return self._pictures(clip, _VIDEO, chosen, frame_of, (3,), self._dtype, put_frame)

    def _condition(self, name: str, frames: "NDArray[np.int64] | None") -> dict[str, Any]:
        folder, place = self._condition_folder(name)
        clip = self._clip_at(place)
        indices = clip.indices(folder)
        if place == "every" and frames is not None:
            chosen = frames
        elif place == "same" and frames is not None:
            chosen = self._any_of(frames[np.isin(frames, indices)])
        else:
            chosen = self._any_of(indices)
        if name == "mask":
            made = self._masks(clip, chosen)
        else:
            made = self._pictures(clip, folder, chosen, drawing_of, (1,), self._dtype, put_grey)
        if place == "every":
            return {name: made, f"{name}_index": torch.from_numpy(chosen)}
        found: dict[str, Any] = {name: made[0], f"{name}_index": int(chosen[0])}
        if place == "other_clip":
            found[f"{name}_clip_id"] = clip.clip_id
        return found

    def _masks(self, clip: Clip, chosen: "NDArray[np.int64]") -> torch.Tensor:
        if self._options.mask_format == "one_hot":
            return self._pictures(clip, _MASK, chosen, mask_of, (NUM_CLASSES,), np.float32, put_one_hot)
        if self._options.mask_format == "colours":
            return self._pictures(clip, _MASK, chosen, mask_of, (3,), self._dtype, put_colours)
        return self._pictures(clip, _MASK, chosen, mask_of, (), np.int64, put_ids)

    def _pictures(
        self,
        clip: Clip,
        folder: Folder,
        chosen: "NDArray[np.int64]",
        decode: Callable[..., "NDArray[np.uint8]"],
        channels: tuple[int, ...],
        dtype: Any,
        put: Callable[["NDArray[np.uint8]", "NDArray[Any]"], None],
    ) -> torch.Tensor:
        """Read pictures, and make a tensor [N, *channels, H, W]; the work fills it with them."""
        positions = np.searchsorted(clip.indices(folder), chosen)
        content = clip.pictures(folder, positions.tolist())
        size = self._options.height_width
        where = f"clip {clip.clip_id}, {folder}"
        numbers = chosen.tolist()

        def decoded(place: int) -> "NDArray[np.uint8]":
            return decode(content[place], self._view, size, where=f"{where} {numbers[place]}")

        def fill(place: int) -> None:
            picture = decoded(place)
            if picture.shape[:2] != stack.shape[-2:]:
                raise CorruptSourceError(
                    f"{where} {numbers[place]}: {picture.shape[1]} x {picture.shape[0]} px, "
                    "unlike the clip's first picture; give an image_size, or mend the clip"
                )
            put(picture, stack[place])

        height, width = size or decoded(0).shape[:2]
        stack = np.empty((len(chosen), *channels, height, width), dtype)
        self._work.add(functools.partial(fill, place) for place in range(len(chosen)))
        return torch.from_numpy(stack)

    @property
    def _dtype(self) -> Any:
        return np.uint8 if self._options.dtype == "uint8" else np.float32

    def _texts(self) -> dict[str, Any]:
        options = self._options
        text = choose_text(self._clip.sentences(), options, self._rng, clip_id=self._clip.clip_id)
        found = {"text": text}
        if options.tokenizer is not None:
            found["tokens"] = tokens_of(text, options)
        if options.negative_text:
            if self._other_label is None:
                raise ConfigError("negative_text=True needs the labels of all clips; a stream does not have them")
            other = self._other_label()
            sentences = other.sentences()
            found["negative_text"] = sentences[int(self._rng.random() * len(sentences))]
            if options.tokenizer is not None:
                found["negative_tokens"] = tokens_of(found["negative_text"], options)
        return found
