"""Training samples of a streamed dataset."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import IterableDataset

from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.sampling.arrow_source import columns_of, modalities_in
from mmvoxceleb.sampling.epochs import StreamEpochs
from mmvoxceleb.sampling.options import SampleOptions
from mmvoxceleb.sampling.randomness import rng_of_clip
from mmvoxceleb.sampling.sample import make_sample
from mmvoxceleb.sampling.sampler import ClipSampler, check_combination
from mmvoxceleb.sampling.threads import DecodeThreads
from mmvoxceleb.sampling.video import VideoClip
from mmvoxceleb.sampling.windows import valid_starts
from mmvoxceleb.schema import Folder, check_modalities

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipStream"]


class ClipStream(ClipSampler, IterableDataset[dict[str, Any]]):
    """The samples of a ``datasets.IterableDataset``, in its order; see :class:`mmvoxceleb.ClipSampler`.

    Workers of a ``DataLoader`` share the stream's shards. A sample depends on ``seed``, the epoch and its clip only.
    What needs to see all clips at once (``other_clip``, ``negative_text``) cannot be had.

    Args:
        data: A ``datasets.IterableDataset`` with the columns of a record.
        **settings: Fields of :class:`mmvoxceleb.sampling.SampleOptions`.

    Raises:
        ConfigError: A setting is unknown or impossible.
        MissingModalityError: The stream lacks a modality asked for.
    """

    def __init__(self, data: Any, **settings: Any) -> None:
        self.options = SampleOptions.named(settings)
        self._stream_epochs = StreamEpochs()
        self._epoch = 0
        self._threads = DecodeThreads(self.options.threads)
        self._rows = data.with_format(None).decode(False)
        names = _names_of(self._rows)
        has = modalities_in(names, self.options.style)
        self.modalities = check_modalities(self.options.modalities or has)
        lacking = [name for name in self.modalities if name not in has]
        if lacking:
            raise MissingModalityError(f"the stream has no {', '.join(lacking)} (it has {', '.join(has) or 'nothing'})")
        check_combination(self.options, self.modalities)
        options = self.options
        if options.negative_text or "other_clip" in (options.mask_at, options.drawing_at, options.image_at):
            raise ConfigError(
                "other_clip and negative_text need all clips at once; prepare the dataset, or use a store"
            )
        self._state_before_row: dict[str, Any] | None = None
        self._windows_done = 0
        self._skip = 0

    def __len__(self) -> int:
        raise TypeError("a stream has no length")

    def __getitem__(self, index: int) -> dict[str, Any]:
        raise TypeError("a stream is iterated, not indexed")

    @property
    def clip_ids(self) -> list[str]:
        raise TypeError("a stream does not know its clips beforehand")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Go through the samples of this worker's shards.

        Raises:
            MMVoxCelebError: A clip is damaged.
        """
        epoch = self._epoch = self._stream_epochs.begin()
        self._rows.set_epoch(epoch)
        skip, self._skip = self._skip, 0
        before = self._rows.state_dict()
        for row in self._rows:
            self._state_before_row, before = before, self._rows.state_dict()
            clip = _RowClip(row)
            if not self._is_long_enough(clip):
                continue
            for window in range(skip, self.options.windows):
                self._windows_done = window + 1
                rng = rng_of_clip(self.options.seed, epoch, clip.clip_id, window)
                with self._threads.work() as work:
                    sample = make_sample(clip, self.options, rng, modalities=self.modalities, work=work, window=window)
                yield sample
            skip = 0

    def _is_long_enough(self, clip: "_RowClip") -> bool:
        options = self.options
        if options.short == "repeat" or "video" not in self.modalities:
            return True
        indices = clip.indices(Folder("video"))
        if len(indices) < options.min_frames:
            return False
        return len(valid_starts(indices, options.num_frames, options.frame_step)) > 0

    def set_epoch(self, epoch: int) -> None:
        """Let the next pass be of an epoch, and the ones after that of those that follow; see the sampler's."""
        self._epoch = epoch
        self._stream_epochs.set(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return where the stream is, for :meth:`load_state_dict`: behind the last sample given by this process.

        With workers, let torchdata's ``StatefulDataLoader`` ask them.
        """
        in_row = 0 < self._windows_done < self.options.windows
        rows = self._state_before_row if in_row else self._rows.state_dict()
        return {"rows": rows, "windows_done": self._windows_done if in_row else 0, "epoch": self._epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on behind the last sample that was given before :meth:`state_dict`."""
        self.set_epoch(state["epoch"])
        self._rows.set_epoch(state["epoch"])
        self._rows.load_state_dict(state["rows"])
        self._skip = self._windows_done = int(state["windows_done"])
        self._state_before_row = state["rows"]


def _names_of(rows: Any) -> list[str]:
    """Return the names of the columns; of the first row where the stream does not say."""
    names = rows.column_names
    return list(names if names is not None else next(iter(rows), {}))


class _RowClip(VideoClip):
    """A row of a stream, not decoded.

    Args:
        row: The columns of a record.
    """

    def __init__(self, row: Mapping[str, Any]) -> None:
        if "clip_id" not in row:
            raise MissingModalityError(f"the stream has no column clip_id (it has {', '.join(row)})")
        super().__init__(row["clip_id"])
        self._row = row

    def _cell(self, name: str) -> Any:
        if self._row.get(name) is None:
            raise self.missing(name)
        return self._row[name]

    def _columns(self, folder: Folder) -> tuple[str, str]:
        columns = columns_of(folder, list(self._row))
        if columns is None:
            raise self.missing(folder)
        return columns

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        pictures, indices = self._columns(folder)
        if self._row.get(indices) is not None:
            return np.asarray(self._row[indices], np.int64)
        cell = self._cell(pictures)
        count = self.count_frames(self._content(cell)) if isinstance(cell, Mapping) else len(cell)
        return np.arange(count, dtype=np.int64)

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        cell = self._cell(self._columns(folder)[0])
        if isinstance(cell, Mapping):
            return self.frames_of_video(self._content(cell), positions)
        chosen = [cell[position] for position in positions]
        if not all(isinstance(one, Mapping) and "bytes" in one for one in chosen):
            raise self.no_pictures(self._columns(folder)[0], f"a list of {type(chosen[0]).__name__}")
        return [self._content(one) for one in chosen]

    def _content(self, cell: Mapping[str, Any]) -> bytes:
        data = cell.get("bytes")
        return bytes(data) if data is not None else self.read_path(cell.get("path"))

    def sentences(self) -> list[str]:
        return [str(sentence) for sentence in self._cell("text")]

    def label(self) -> list[int]:
        return [int(value) for value in self._cell("label")]
