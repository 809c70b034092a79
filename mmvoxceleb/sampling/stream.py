"""Training samples of a streamed dataset."""

import logging
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import DEFAULT_STYLE, VIDEO, file_modalities
from mmvoxceleb.sampling.epochs import StreamEpochs
from mmvoxceleb.sampling.record_clips import RecordClip, modalities_in
from mmvoxceleb.sampling.sample import Sample, SampleMaker
from mmvoxceleb.sampling.windows import valid_starts

__all__ = ["ClipStream"]

logger = logging.getLogger(__name__)


class ClipStream(SampleMaker, IterableDataset[dict[str, Any]]):
    """Samples a streamed dataset in its own order. :class:`mmvoxceleb.ClipSampler` lists the keys of a sample.

    The workers of a ``DataLoader`` share the shards of the stream. A sample depends only on ``seed``, the epoch, its
    clip and the number of its window. Options that need all clips at once (``other_clip``, ``negative_text``) are not
    available.

    Args:
        data: A ``datasets.IterableDataset`` with the columns of a record.
        **settings: Fields of :class:`mmvoxceleb.sampling.SampleOptions`.

    Raises:
        ConfigError: A setting is unknown or impossible, or needs all clips at once.
        MissingModalityError: The stream lacks a requested modality.
    """

    def __init__(self, data: Any, **settings: Any) -> None:
        super().__init__(settings)
        self._stream_epochs = StreamEpochs()
        self._epoch = 0
        self._rows = data.with_format(None).decode(False)
        self.options = replace(self.options, style=self.options.style or DEFAULT_STYLE)
        self._take_modalities(modalities_in(_names_of(self._rows), self.options.style), "stream")
        if self.options.negative_text or self.options.has_other_clips:
            raise ConfigError(
                "other_clip and negative_text need all clips at once; prepare the dataset, or use a store"
            )
        self._state_before_row: dict[str, Any] | None = None
        self._windows_done = 0
        self._skip = 0
        self._chosen = None if self._listed is None else frozenset(self._listed.clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        raise TypeError("a stream can be iterated, not indexed")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the samples of this worker's shards.

        Raises:
            MMVoxCelebError: A clip is damaged, or lacks what the sample needs.
        """
        epoch = self._epoch = self._stream_epochs.begin()
        if get_worker_info() is not None:
            # datasets shares this number among workers, and adds to it: two that set it at once would set another one,
            # and order the shards in different ways, so that some would be read twice and others not at all
            self._rows._epoch = 0
        self._rows.set_epoch(epoch)
        skip, self._skip = self._skip, 0
        before = self._rows.state_dict()
        num_rows = num_chosen = 0
        kinds, left_out = file_modalities(self.modalities), Counter[str]()
        for row in self._rows:
            self._state_before_row, before = before, self._rows.state_dict()
            clip = RecordClip(row, row.__getitem__)
            num_rows += 1
            if self._chosen is not None and clip.clip_id not in self._chosen:
                continue
            num_chosen += 1
            if clip.clip_id in self._removals:
                continue
            if lacking := [kind.name for kind in kinds if kind.is_null_in(row)]:
                left_out[" and ".join(lacking)] += 1
                continue
            if not self._is_long_enough(clip):
                continue
            for window in range(skip, self.options.windows):
                self._windows_done = window + 1
                rng = self._rng(epoch, clip.clip_id, window)
                with self._threads.work() as work:
                    sample = Sample(clip, self.options, self._table, rng, work, window).made()
                yield sample
            skip = 0
        for lacking_names, count in left_out.items():
            logger.warning(
                "left out %d of the %d clips that this worker read: they have no %s; to keep them, sample fewer "
                "with modalities=(...)",
                count, num_rows, lacking_names,
            )  # fmt: skip
        if num_rows and not num_chosen:
            logger.warning("none of the %d clips that this worker read is one of clips=", num_rows)

    def _rng(self, epoch: int, clip_id: str, window: int) -> np.random.Generator:
        """Return the generator of a sample whose place in the whole nobody knows: its clip stands for it."""
        key = zlib.crc32(clip_id.encode())
        seed = [self.options.seed, epoch, key, len(clip_id), window]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))

    def _is_long_enough(self, clip: RecordClip) -> bool:
        options = self.options
        if options.short == "repeat" or VIDEO.name not in self.modalities:
            return True
        indices = clip.indices(VIDEO.folder())
        if len(indices) < options.min_frames:
            return False
        return len(valid_starts(indices, options.num_frames, options.frame_step)) > 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next pass, as :meth:`mmvoxceleb.ClipSampler.set_epoch` does."""
        self._epoch = epoch
        self._stream_epochs.set(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream after the last sample of this process, for :meth:`load_state_dict`.

        With workers, use the ``StatefulDataLoader`` of torchdata, which collects the state of each worker.
        """
        in_row = 0 < self._windows_done < self.options.windows
        rows = self._state_before_row if in_row else self._rows.state_dict()
        return {"rows": rows, "windows_done": self._windows_done if in_row else 0, "epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the last sample before the call of :meth:`state_dict` that returned ``state``."""
        self.set_epoch(state["epoch"])
        self._rows.set_epoch(state["epoch"])
        self._rows.load_state_dict(state["rows"])
        self._skip = self._windows_done = int(state["windows_done"])
        self._state_before_row = state["rows"]


def _names_of(rows: Any) -> list[str]:
    """Return the names of the columns; of the first row where the stream does not say."""
    names = rows.column_names
    return list(names if names is not None else next(iter(rows), {}))
