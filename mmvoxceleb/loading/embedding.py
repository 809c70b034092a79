"""Read into a dataset what it reads in place."""

from typing import Any

from mmvoxceleb.errors import ConfigError

__all__ = ["embed"]

_ROWS_AT_ONCE = 4


def embed(dataset: Any, *, num_proc: int | None = None) -> Any:
    """Read into a dataset the pictures that it only refers to, so that it no longer needs the store.

    ``push_to_hub`` does so by itself. ``to_parquet`` of ``datasets`` never does, and ``save_to_disk`` does not from
    4.8.5 on: what they write then works only where the store is.

    Args:
        dataset: ``Dataset`` or ``DatasetDict``, from ``load_dataset("mmvoxceleb", ...)`` by any way.
        num_proc: Processes that read.

    Returns:
        The same, with bytes for all pictures. It lies in the cache of ``datasets``.

    Raises:
        ConfigError: It is no such dataset; a stream has bytes already.
        MMVoxCelebError: A picture cannot be read.
    """
    from datasets import Dataset, DatasetDict
    from datasets.table import embed_table_storage

    if isinstance(dataset, DatasetDict):
        return DatasetDict({name: embed(split, num_proc=num_proc) for name, split in dataset.items()})
    if not isinstance(dataset, Dataset):
        raise ConfigError(f"embed takes a Dataset or DatasetDict, not {type(dataset).__name__}; a stream has its bytes")
    read = dataset.with_format("arrow").map(
        embed_table_storage,
        batched=True,
        batch_size=_ROWS_AT_ONCE,
        writer_batch_size=_ROWS_AT_ONCE,
        num_proc=num_proc,
        desc="Reading pictures",
    )
    return read.with_format(**dataset.format)
