"""Training samples of clips, as a PyTorch dataset."""

import logging
import operator
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import Dataset

from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.meta.removal_feed import addresses_of
from mmvoxceleb.modalities import DEFAULT_STYLE, LABEL, VIDEO, FileModality, FrameModality, check_modalities, modalities
from mmvoxceleb.sampling.batches import BatchedSample, BatchRoom, Place
from mmvoxceleb.sampling.clips import SampledClip
from mmvoxceleb.sampling.epochs import IndexEpochs
from mmvoxceleb.sampling.in_flight import ClipInFlight, ReadThreads
from mmvoxceleb.sampling.partners import OtherLabels, SameVideo
from mmvoxceleb.sampling.sample import Sample, SampleMaker
from mmvoxceleb.sampling.sources import sampled_clips
from mmvoxceleb.sampling.stream import ClipStream
from mmvoxceleb.sampling.threads import DecodeWork
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.styles import settled_style

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipSampler"]

_MOST_AT_ONCE = 16
"""Samples whose pictures are read before the first is whole: what bounds the memory."""

_LOOKED_AT = 5
"""Clips that tell which frames there are."""

logger = logging.getLogger(__name__)


class ClipSampler(SampleMaker, Dataset[dict[str, Any]]):
    """Samples clips for training: frames, masks, drawings, text and label as tensors.

    It decodes only the pictures that a sample shows. Each pass of a ``DataLoader`` is a new epoch with new windows,
    crops and sentences; see :meth:`set_epoch`. If ``data`` is a streamed dataset, the constructor returns a
    :class:`mmvoxceleb.sampling.ClipStream`, which is iterated instead of indexed.

    A sample is a dict with these keys, where T is ``num_frames`` and pictures have H x W px. A ``DataLoader`` batches
    all values except strings into tensors. The shapes and types are those of the default settings:

    ============================ ======================== ==========================================================
    key                          value                    present with; meaning
    ============================ ======================== ==========================================================
    ``clip_id``                  str                      always
    ``frames``                   float32 [T, 3, H, W]     modality ``video``; RGB, 0 to 1
    ``frame_indices``            int64 [T]                ``frames``; the index of each frame in the clip
    ``mask``                     int64 [H, W], 0 to 18    modality ``mask``; float32 [19, H, W] or [3, H, W] (RGB, 0
                                                          to 1) by ``mask_format``; T masks, along a first
                                                          dimension, with ``mask_at="every"``
    ``mask_index``               int, or int64 [T]        ``mask``; the frame index of each mask
    ``drawing``                  float32 [1, H, W]        modality ``drawing``; 0 black to 1 white; [T, 1, H, W] with
                                                          ``drawing_at="every"``
    ``drawing_index``            int, or int64 [T]        ``drawing``; the frame index of each drawing
    ``image``                    float32 [3, H, W]        ``image_at``; RGB, 0 to 1
    ``image_index``              int                      ``image``; its frame index
    ``text``                     str, or list of str      modality ``text``
    ``tokens``                   result of ``tokenizer``  ``tokenizer``
    ``negative_text``            str                      ``negative_text``; with ``tokenizer`` ``negative_tokens``, too
    ``label``                    int64 [40], 0, 1, or -1  modality ``label``
    ``audio``                    float32 [channels, N]    modality ``audio``; -1 to 1, from the first frame of the
                                                          sample to the end of its last
    ``landmarks``                float32 [T, 478, 3]      modality ``landmarks``; x and y in px of ``frames``, after
                                                          crop and flip, and depth; NaN for a frame without a face
    ``blendshapes``              float32 [T, 52]          modality ``landmarks``; 0 to 1; NaN without a face
    ``head_pose``                float32 [T, 3]           modality ``landmarks``; yaw, pitch and roll in degrees; NaN
                                                          without a face
    ``score``                    dict of float32 [] by    modality ``score``; NaN for an unknown figure
                                 name of the figure
    ``NAME``, ``NAME_index``     float32 [3, H, W], int   a registered modality of pictures; T of them by ``at``
    ``NAME``                     as its class defines     a registered modality of one file per clip
    ``flipped``                  bool                     ``flip`` over 0; whether the sample was mirrored
    ``*_clip_id``                str                      ``image``, and a mask or drawing with ``other_clip``; the
                                                          clip that it is from
    ============================ ======================== ==========================================================

    Args:
        data: A prepared ``datasets.Dataset`` with the columns of a record (from ``load_dataset("mmvoxceleb")``, or from
            an exported Parquet or video dataset), a ``datasets.IterableDataset``, a store, or the path or URL of a
            store.
        **settings: Fields of :class:`mmvoxceleb.sampling.SampleOptions`.

    Raises:
        ConfigError: A setting is unknown or impossible, or the data lacks a clip of ``clips``.
        MissingModalityError: The data lacks a requested modality, or has no clip that is long enough.
        TypeError: ``data`` has an unsupported type, such as a dictionary of splits.
    """

    def __new__(cls, data: Any = None, **settings: Any) -> Any:
        """Make the iterable kind for a stream."""
        if cls is ClipSampler and data is not None and not isinstance(data, str | os.PathLike | Store):
            from datasets import IterableDataset

            if isinstance(data, IterableDataset):
                return ClipStream(data, **settings)
        return super().__new__(cls)

    def __init__(self, data: Any, **settings: Any) -> None:
        super().__init__(settings)
        if isinstance(data, str | os.PathLike):
            data = open_store(data)
        wanted = self.options.modalities
        has_styles = wanted is None or any(kind.has_styles for kind in modalities(wanted))
        style = self.options.style
        style = settled_style(style, data) if isinstance(data, Store) and has_styles else style or DEFAULT_STYLE
        options = self.options = replace(self.options, style=style)
        self._source = sampled_clips(
            data, self._wanted(), options.style, self._listed, options.missing, self._removals,
            told_of=addresses_of(options.removals),
        )  # fmt: skip
        self._take_modalities(self._source.modalities(self.options.style), "data")
        at_once = self._source.reads_at_once
        self._reading = ReadThreads(at_once) if at_once > 1 else None
        self._kept = self._long_enough()
        self._epochs = IndexEpochs(len(self))
        self._same_video = SameVideo(self.clip_ids) if self.options.has_other_clips else None
        self._other_labels = None
        if self.options.negative_text:
            labels = self._source.values(LABEL)
            self._other_labels = OtherLabels([labels[int(position)] for position in self._kept])

    def _wanted(self) -> tuple[str, ...] | None:
        """Return the modalities that every clip must have: those of the sample, and what its options need."""
        options = self.options
        if options.modalities is None:
            return None
        extra = [*([VIDEO.name] if options.image_at else []), *([LABEL.name] if options.negative_text else [])]
        return check_modalities([*options.modalities, *extra])

    def _long_enough(self) -> "NDArray[np.intp]":
        """Return the positions of the clips in which a window fits."""
        options, clips = self.options, self._source
        if options.short == "repeat" or VIDEO.name not in self.modalities:
            return np.arange(len(clips))
        needed = max(options.min_frames, 1)
        counts = clips.num_pictures(VIDEO.folder())
        kept = np.flatnonzero(counts >= needed)
        if len(kept):
            stride = self._stride(kept)
            if options.num_frames > 1 and options.frame_step % stride:
                raise ConfigError(
                    f"frame_step={options.frame_step}, but the data has every {stride}th frame only; "
                    f"take a multiple of {stride}"
                )
            kept = kept[(counts[kept] - 1) * stride + 1 >= options.span]
        if len(kept) == 0:
            raise MissingModalityError(
                f"none of {len(clips)} clips has the {max(needed, options.span)} frames that {options.num_frames} "
                f"frames at step {options.frame_step} need; use fewer or closer ones, or short='repeat'"
            )
        if len(kept) < len(clips):
            logger.info("left out %d of %d clips: too short", len(clips) - len(kept), len(clips))
        return kept

    def _stride(self, kept: "NDArray[np.intp]") -> int:
        """Return the distance of neighbouring frames, which may have been thinned out.

        A few clips tell, one of which may be damaged.

        Raises:
            MMVoxCelebError: All of them are; this says how the first one is.
        """
        strides: list[int] = []
        first_error: MMVoxCelebError | None = None
        for position in kept[np.linspace(0, len(kept) - 1, min(_LOOKED_AT, len(kept)), dtype=int)]:
            try:
                indices = self._source.clip(int(position)).indices(VIDEO.folder())
            except MMVoxCelebError as error:
                first_error = first_error or error
            else:
                strides.append(int(np.diff(indices).min()) if len(indices) > 1 else 1)
        if not strides and first_error is not None:
            raise first_error
        return min(strides)

    def __len__(self) -> int:
        return len(self._kept) * self.options.windows

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a sample, which depends only on ``seed``, the epoch and ``index``.

        Raises:
            IndexError: There is no sample with this index.
            MMVoxCelebError: The clip is damaged, or lacks what the sample needs.
        """
        return self._samples([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Return the samples of a batch, as a ``DataLoader`` requests them; threads decode them without a pause.

        Raises:
            IndexError: There is no sample with one of these indices.
            MMVoxCelebError: A clip is damaged, or lacks what the sample needs.
        """
        if type(self).__getitem__ is not ClipSampler.__getitem__:  # a subclass has more to do to each
            return [self[index] for index in indices]
        return [BatchedSample(sample) for sample in self._samples(indices, BatchRoom(len(indices)))]

    def _samples(self, indices: Sequence[int], room: BatchRoom | None = None) -> list[dict[str, Any]]:
        positions = [operator.index(index) for index in indices]
        for index in positions:
            if not -len(self) <= index < len(self):
                raise IndexError(f"sample {index} of {len(self)}")
        positions = [index % len(self) for index in positions]
        rooms = [None if room is None else (room, place) for place in range(len(positions))]
        if self._reading is not None:
            return self._samples_from_afar(positions, rooms, self._reading)
        most = _MOST_AT_ONCE if self._threads.count > 1 else 1
        samples: list[dict[str, Any]] = []
        for first in range(0, len(positions), most):
            with self._threads.work() as work:
                samples += [
                    self._sample(positions[place], self._clip_of(positions[place]), work, rooms[place])
                    for place in range(first, min(first + most, len(positions)))
                ]
        return samples

    def _samples_from_afar(
        self, positions: Sequence[int], rooms: Sequence[Place | None], reading: ReadThreads
    ) -> list[dict[str, Any]]:
        """Make samples while what the next ones need is on its way: lists and values first, then the pictures."""
        parts = [positions[first : first + _MOST_AT_ONCE] for first in range(0, len(positions), _MOST_AT_ONCE)]
        begun = (self._begun(part, reading) for part in parts)
        coming = next(begun, [])
        samples: list[dict[str, Any]] = []
        with ExitStack() as stack:
            before: ExitStack | None = None
            for part in parts:
                clips, coming = coming, next(begun, [])
                this = stack.enter_context(ExitStack())
                work = this.enter_context(self._threads.work(only_decode=True))
                samples += [
                    self._sample(index, clip, work, rooms[place])
                    for place, (index, clip) in enumerate(zip(part, clips, strict=True), len(samples))
                ]
                if before is not None:
                    before.close()
                before = this
        return samples

    def _begun(self, positions: Sequence[int], reading: ReadThreads) -> list[SampledClip]:
        frames = [kind for kind in self._table if isinstance(kind, FrameModality)]
        frames = [kind for kind in frames if kind is VIDEO or self.options.place_of(kind.name) != "other_clip"]
        folders = [kind.folder_of_style(self.options.style) for kind in frames]
        files = [kind for kind in self._table if isinstance(kind, FileModality)]
        return [ClipInFlight(self._clip_of(index), reading, folders, files) for index in positions]

    def _clip_of(self, index: int) -> SampledClip:
        return self._clip(index // self.options.windows)

    def _sample(self, index: int, clip: SampledClip, work: DecodeWork, room: Place | None) -> dict[str, Any]:
        position, window = divmod(index, self.options.windows)
        seed = np.random.SeedSequence([self.options.seed, self._epochs.of(index), index])
        rng = np.random.Generator(np.random.PCG64(seed))
        same_video, other_labels = self._same_video, self._other_labels
        return Sample(
            clip,
            self.options,
            self._table,
            rng,
            work,
            window,
            partner=None if same_video is None else lambda: self._clip(same_video.choose(position, rng)),
            other_label=None if other_labels is None else lambda: self._clip(other_labels.choose(position, rng)),
            room=room,
        ).made()

    def _clip(self, position: int) -> SampledClip:
        return self._source.clip(int(self._kept[position]))

    @property
    def clip_ids(self) -> list[str]:
        """The ids of the sampled clips, in order; clips that are too short are left out."""
        return [self._source.clip_ids[int(position)] for position in self._kept]

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass; later passes count on from it.

        If you never call this, the passes of a ``DataLoader`` are epochs 0, 1, 2, ... Call it to repeat a pass, for
        example over held-out clips, or to put all ranks of a distributed run in the same epoch. A sample that you
        request yourself, as ``sampler[3]``, always belongs to the epoch set here, 0 at first. Running workers use the
        new epoch, too.
        """
        self._epochs.set(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return how often each sample was read, and the epoch that was set, for :meth:`load_state_dict`."""
        return self._epochs.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the epochs that :meth:`state_dict` returned.

        Raises:
            ConfigError: The state is from a sampler with a different number of samples.
        """
        try:
            self._epochs.load_state_dict(state)
        except ValueError as error:
            raise ConfigError(f"{error}; create the sampler with the same settings and clips as before") from error
