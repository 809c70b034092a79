"""A place to write: a folder on disk, or one behind an fsspec URL, with the same promises to who reads it meanwhile."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, TypeAlias

from mmvoxceleb.errors import ConfigError

__all__ = ["Layout", "OutputTree", "Place", "open_output"]

Layout: TypeAlias = Literal["folder", "packed"]


class OutputTree(ABC):
    """A folder with everything below it, to write. Paths are relative to it, with slashes.

    Picklable, and safe to use from several threads and processes at once. A file is whole as soon as it is seen.

    Args:
        address: The path or URL, for :func:`mmvoxceleb.stores.open_store`.
    """

    address: str

    layouts: tuple[Layout, ...]
    """How clips can be written so that each is whole or absent; the first is the default."""

    is_shared = True
    """Whether other processes on this machine see what is written."""

    is_local = False
    """Whether ``address`` is a folder on this machine."""

    @property
    def location(self) -> str:
        """The path or URL for messages, without a password."""
        return self.address

    def where(self, path: str) -> str:
        """Name a file or folder for messages."""
        return f"{self.location.rstrip('/')}/{path}"

    @abstractmethod
    def check(self) -> None:
        """Find out whether results can go here at all.

        Raises:
            ConfigError: They cannot: it is a file.
        """

    @abstractmethod
    def kind(self, path: str) -> Literal["file", "folder"] | None:
        """Tell what is at a path; None where nothing is."""

    @abstractmethod
    def read(self, path: str) -> bytes | None:
        """Read a file; None where there is none."""

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """Read files, in their order."""
        return [self.read(path) for path in paths]

    @abstractmethod
    def names(self, path: str) -> list[str]:
        """List the files and folders in a folder, sorted; none where it is absent."""

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """Write a file, in the place of one that is there.

        Raises:
            OSError: It cannot be written. What was there before still is.
        """

    @abstractmethod
    def write_folder(self, path: str, files: Sequence[tuple[str, bytes]]) -> None:
        """Write a folder that is whole as soon as it is seen, in the place of one that is there.

        Only where ``layouts`` has ``folder``.

        Raises:
            OSError: It cannot be written.
        """

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file or folder, so that no half of it is seen; nothing happens where it is absent."""

    @abstractmethod
    def append(self, path: str, data: bytes) -> None:
        """Add to the end of a log, which stays whole if this process is killed."""

    @abstractmethod
    def read_log(self, path: str) -> bytes:
        """Read a log with all that was added to it; empty where there is none."""

    @abstractmethod
    def rewrite_log(self, path: str, change: Callable[[bytes], bytes | None]) -> None:
        """Put what ``change`` makes of a log in its place; nothing happens where it makes None."""

    @abstractmethod
    def lock(self, path: str) -> AbstractContextManager[None]:
        """Hold off who else wants to change files in the folder ``path``, where files can be changed by several."""

    @abstractmethod
    def alone(self, purpose: str) -> AbstractContextManager[None]:
        """Do something that only one may do at a time, from any thread, process or machine.

        On disk others wait.

        Raises:
            OutputError: Somebody else is doing it, where nobody can be made to wait.
        """

    @abstractmethod
    def size(self, path: str) -> int:
        """Tell the bytes of a file; 0 where there is none."""

    @abstractmethod
    def clean_partial(self, folders: Iterable[str]) -> int:
        """Delete what killed runs left under temporary names in ``folders``; return how many there were."""

    def snapshot(self) -> "OutputTree":
        """A view to read much of what is there now, with as few requests as possible. It is never up to date again."""
        return self


Place: TypeAlias = "str | os.PathLike[str] | OutputTree"
"""What :func:`open_output` takes."""


def open_output(place: Place) -> OutputTree:
    """Return the place to write at a path or URL; nothing is asked or made yet.

    URLs are those of fsspec: ``s3://``, ``gs://``, ``az://``, ``sftp://``, ``memory://`` ... Credentials and endpoints
    come from the services' own configuration or from fsspec's (``~/.config/fsspec/*.json``,
    ``FSSPEC_S3_ENDPOINT_URL``). ``file://`` is a folder on disk.

    Raises:
        ConfigError: There is no writing to URLs of this kind, or its driver is not installed.
    """
    if isinstance(place, OutputTree):
        return place
    address = os.fspath(place)
    if "://" in address and not address.startswith("file://"):
        from mmvoxceleb.processing.output_remote import RemoteOutput

        return RemoteOutput(address)
    from mmvoxceleb.processing.output_local import LocalOutput

    if not address:
        raise ConfigError("the output has no name; name a folder or URL for the results")
    return LocalOutput(address.removeprefix("file://"))
