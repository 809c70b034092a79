"""The fsspec filesystem ``mmvoxceleb://``, by which ``datasets`` opens the references in its records.

The entry point in ``pyproject.toml`` makes it known to every process, whether it imports mmvoxceleb or not.
"""

import io
from typing import Any

from fsspec import AbstractFileSystem, register_implementation

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.stores.reference import SCHEME
from mmvoxceleb.stores.stored_file import StoredFile

__all__ = ["ReferenceFileSystem", "register_scheme"]


class _Content(io.BytesIO):
    """A file in memory, whose ``read`` may be replaced, as ``datasets`` does."""


class ReferenceFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Reads files of stores by their references: a picture as a record holds it. There is nothing to list or write."""

    protocol = SCHEME

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> io.BytesIO:
        if mode != "rb":
            raise ConfigError(f"{SCHEME}://{path}: a reference is only read; write to the store itself")
        return _Content(StoredFile(path).content())

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Tell the size of the file in the store; of a mask in colours, that of its palette PNG is smaller."""
        path = self._strip_protocol(path)
        return {"name": path, "size": StoredFile(path).size, "type": "file"}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """List the file itself."""
        found = self.info(path)
        return [found if detail else found["name"]]


def register_scheme() -> None:
    """Make ``mmvoxceleb://`` known, as the entry point does, where the package runs from its folder uninstalled."""
    kind = ReferenceFileSystem
    register_implementation(SCHEME, f"{kind.__module__}.{kind.__qualname__}")
