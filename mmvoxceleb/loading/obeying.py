"""Take out of a dataset who is on a removal list elsewhere."""

from typing import Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.removal_feed import Feeds, Offline, read_feeds

__all__ = ["without_removed"]


def without_removed(dataset: Any, removals: Feeds, *, removals_offline: Offline = "stop") -> Any:
    """Remove from a loaded dataset the clips that a removal list names, wherever it was loaded from.

    Each call reads the list again, so call it whenever you load your copy of the data.

    Args:
        dataset: A ``Dataset``, an ``IterableDataset``, or a dictionary of splits of either, with a column ``clip_id``.
        removals: Path or URL of the list, or several of them.
        removals_offline: What to do if a list cannot be read: ``stop`` with an error, or use the ``last`` version that
            was read on this machine.

    Returns:
        A dataset of the same kind without the rows of these clips.

    Raises:
        SourceUnavailableError: A list cannot be read; with ``last``, only if it was never read on this machine.
        CorruptSourceError: A line of a list is invalid.
        ConfigError: ``dataset`` is not a dataset, has no column ``clip_id``, or ``removals_offline`` is unknown.
    """
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    found = read_feeds(removals, offline=removals_offline)

    def of(part: Any) -> Any:
        names = part.column_names
        if names is not None and "clip_id" not in names:
            raise ConfigError(f"there is no column clip_id (there are {', '.join(names)}), so nobody can be left out")
        if isinstance(part, IterableDataset):
            return part.filter(_Stays(found), input_columns=["clip_id"])
        kept = [position for position, clip in enumerate(part.with_format(None)["clip_id"]) if clip not in found]
        return part if len(kept) == len(part) else part.select(kept)

    if isinstance(dataset, DatasetDict | IterableDatasetDict):
        return type(dataset)({name: of(part) for name, part in dataset.items()})
    if not isinstance(dataset, Dataset | IterableDataset):
        raise ConfigError(f"without_removed takes a dataset of datasets, not {type(dataset).__name__}")
    return of(dataset)


class _Stays:
    def __init__(self, removals: Any) -> None:
        self._removals = removals

    def __call__(self, clip_id: str) -> bool:
        return clip_id not in self._removals
