"""Rows of a dataset, with bytes for what they refer to."""

from typing import Any

from mmvoxceleb.stores.stored_file import StoredFile


def with_bytes(value: Any) -> Any:
    """Put bytes in the place of references, as rows hold them that were copied."""
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if isinstance(value, dict) and value.keys() == {"bytes", "path"} and value["bytes"] is None:
        return {"bytes": StoredFile(value["path"]).content(), "path": None}
    if isinstance(value, dict):
        return {name: with_bytes(item) for name, item in value.items()}
    return value
