"""Read into a dataset what it reads in place."""

from typing import Any

from mmvoxceleb.errors import ConfigError

__all__ = ["embed"]

_ROWS_AT_ONCE = 4


def embed(dataset: Any, *, num_proc: int | None = None) -> Any:
    """Copy into a dataset the pictures that it only refers to, so that it no longer needs the store.

    ``push_to_hub`` of ``datasets`` copies them by itself. ``to_parquet`` never does, and ``save_to_disk`` does not from
    ``datasets`` 4.8.5 on; without this function, what they write works only on a machine that has the store.

    Args:
        dataset: A ``Dataset`` or ``DatasetDict`` that ``load_dataset("mmvoxceleb", ...)`` returned, whether called from
            ``datasets`` or from ``mmvoxceleb``.
        num_proc: Number of processes that read the pictures.

    Returns:
        A dataset of the same kind that holds the bytes of all pictures. It is stored in the cache of ``datasets``.

    Raises:
        ConfigError: ``dataset`` is neither of these. A streamed dataset needs no call: it holds the bytes already.
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
