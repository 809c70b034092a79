"""A folder with everything below it, to read and to write: on disk, or behind an fsspec URL."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import ConfigError, SourceUnavailableError
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.files.retry import is_missing

__all__ = ["Content", "FileTree", "Item", "Kind", "Mark", "Outline", "OutputTree", "several", "visible"]

Kind: TypeAlias = Literal["file", "folder"]
Content: TypeAlias = bytes | Path
"""Of a file that is written: bytes, or a file on this machine."""
Mark: TypeAlias = tuple[int, int, int]
"""Of a file on a disk: its bytes, when it was changed, in nanoseconds, and its number there. A file that takes the
place of another has another number."""

Result = TypeVar("Result")


class Item(NamedTuple):
    """Something in a folder.

    Args:
        name: Its name without folders, as a person would write it (never percent-encoded).
        is_folder: Whether it is a folder.
        size: Bytes of a file; -1 where the source does not say.
        version: What changes when the content does; may be empty.
    """

    name: str
    is_folder: bool
    size: int = -1
    version: str = ""


@dataclass(frozen=True)
class Outline:
    """What is in a folder, by name alone where the source tells no more with the names. In no order.

    Args:
        files: Names of files.
        folders: Names of folders.
        told: What the listing says of the files, by name; None where names are all that it tells.
    """

    files: list[str]
    folders: list[str]
    told: Mapping[str, Item] | None = None

    def items(self) -> list[Item]:
        """List files and folders, sorted by name, without sizes and versions."""
        return visible([*(Item(name, False) for name in self.files), *(Item(name, True) for name in self.folders)])


def visible(items: Iterable[Item]) -> list[Item]:
    """Leave out what is nameless, hidden or ``__MACOSX``, and sort the others by name."""
    shown = [item for item in items if item.name and not item.name.startswith(".") and item.name != "__MACOSX"]
    return sorted(shown, key=attrgetter("name"))


def several(names: Sequence[str]) -> str:
    """Name files that are read together, for messages."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


class FileTree(ABC):
    """A folder to read. Paths are relative to it, with slashes, and come from its listings.

    Picklable, and safe to use from several threads and processes at once.

    Args:
        address: The path or URL, for :func:`mmvoxceleb.stores.open_store`.
    """

    address: str

    reads_at_once = 1
    """How many things to ask for at a time: one on disk, more where each answer has to be waited for."""

    @property
    def location(self) -> str:
        """The path or URL for messages, without a password."""
        return self.address

    def where(self, path: str) -> str:
        """Name a file or folder for messages."""
        return f"{self.location.rstrip('/')}/{path}"

    @abstractmethod
    def items(self, path: str = "") -> list[Item]:
        """List a folder, sorted by name, without dot-files and ``__MACOSX``.

        Raises:
            SourceUnavailableError: There is no such folder, or it cannot be listed.
        """

    def folders_in(self, base: str, names: Mapping[str, Sequence[str]]) -> dict[str, list[Item]]:
        """List several folders of one folder, as :meth:`items` does, with as few and as parallel requests as can be.

        Args:
            base: The folder that they are in.
            names: Their names, by a beginning that they share with each other and with little else in ``base``.

        Raises:
            SourceUnavailableError: One of them is not there, or cannot be listed.
        """
        every = [name for group in names.values() for name in group]
        return {name: items() for name, items in self._at_once(lambda name: self.items(f"{base}/{name}"), every)}

    def _at_once(
        self, ask: Callable[[str], Result], paths: Iterable[str]
    ) -> Iterator[tuple[str, Callable[[], Result]]]:
        """Ask something of several paths, as :func:`results_ahead` gives it."""
        return results_ahead(ask, paths, ahead=self.reads_at_once if self.reads_at_once > 1 else 0)

    def outline(self, path: str = "") -> Outline:
        """List a folder as :meth:`items` does, sizes and versions only where they come with the names.

        Raises:
            SourceUnavailableError: There is no such folder, or it cannot be listed.
        """
        items = self.items(path)
        files = {item.name: item for item in items if not item.is_folder}
        return Outline(list(files), [item.name for item in items if item.is_folder], files)

    def look(self, paths: Sequence[str]) -> list[Item]:
        """Say of files what :meth:`items` says.

        Raises:
            SourceUnavailableError: A folder of theirs cannot be listed, or one of them is no longer there.
        """
        parents = dict.fromkeys(path.rpartition("/")[0] for path in paths)
        listed = {parent: {item.name: item for item in self.items(parent)} for parent in parents}
        found = [listed[parent].get(name) for parent, _, name in (path.rpartition("/") for path in paths)]
        if None in found:
            raise SourceUnavailableError(f"{self.where(paths[found.index(None)])}: is no longer there; load it again")
        return [item for item in found if item is not None]

    @abstractmethod
    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        """Read files that are listed.

        Args:
            paths: The files.
            most_bytes: Most that a server may send for all of them; on disk, and where listings tell sizes, whoever
                asks has seen the sizes.

        Raises:
            SourceUnavailableError: A file cannot be read, also after retries, or they are larger.
        """

    def versions(self, paths: Sequence[str]) -> list[str]:
        """Ask for the versions of files that the listing has none of; empty for those that have none at all.

        Raises:
            SourceUnavailableError: A file cannot be asked for.
        """
        return [version() for _, version in self._at_once(lambda path: self.source(path).version, paths)]

    @abstractmethod
    def source(self, path: str, told: Item | None = None) -> ByteSource:
        """Return the byte source of a file.

        Args:
            path: The file.
            told: What a listing says of it; where that is size and version, they are not asked for again.
        """

    def exists(self, path: str) -> bool:
        """Return whether a file is there, listed or not.

        Raises:
            SourceUnavailableError: The source answers neither yes nor no.
        """
        try:
            return self.source(path).size >= 0
        except SourceUnavailableError as error:
            if is_missing(error):
                return False
            raise

    @abstractmethod
    def below(self, path: str) -> "FileTree":
        """Return the tree of a folder below."""


class OutputTree(FileTree):
    """A folder to read and write. What is below is for paths of our own making, which never lead out of it.

    A file is whole as soon as it is seen.
    """

    is_shared = True
    """Whether other processes on this machine see what is written."""

    is_local = False
    """Whether ``address`` is a folder on this machine."""

    def check(self) -> None:
        """Find out whether results can go here at all.

        Raises:
            ConfigError: They cannot: it is a file.
        """
        if self.kind("") == "file":
            raise ConfigError(f"{self.location} is a file; pass a folder for the results")

    @abstractmethod
    def kind(self, path: str) -> Kind | None:
        """Tell what is at a path; None if nothing is."""

    @abstractmethod
    def size(self, path: str) -> int:
        """Tell the bytes of a file; 0 if there is none."""

    @abstractmethod
    def names(self, path: str) -> list[str]:
        """List the files and folders in a folder, hidden ones too, sorted; none where it is absent."""

    @abstractmethod
    def read(self, path: str) -> bytes | None:
        """Read a file; None if there is none."""

    def mark(self, path: str) -> Mark | None:
        """Tell a file from what it was before, without reading it; None where there is none, or nothing tells."""
        return None

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """Read files, in their order."""
        return [self.read(path) for path in paths]

    @abstractmethod
    def write(self, path: str, content: Content) -> None:
        """Write a file, in the place of one that is there.

        Args:
            path: The file.
            content: Its bytes; or a file on this machine, which gets another name on the same disk (a hard link), and
                is copied to all others.

        Raises:
            OSError: It cannot be written. What was there before still is.
        """

    def write_folder(self, path: str, files: Sequence[tuple[str, Content]]) -> None:
        """Write a folder that is whole as soon as it is seen, in the place of one that is there.

        Only where ``is_local``.

        Raises:
            OSError: It cannot be written.
        """
        raise NotImplementedError("a folder behind a URL is not whole at once")

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file or folder, so that no half of it is seen; nothing happens where it is absent."""

    @abstractmethod
    def append(self, path: str, data: bytes) -> None:
        """Add to the end of a log, which stays whole if this process is killed."""

    @abstractmethod
    def read_log(self, path: str) -> bytes:
        """Read a log with all that was added to it; empty if there is none."""

    @abstractmethod
    def rewrite_log(self, path: str, change: Callable[[bytes], bytes | None]) -> None:
        """Put what ``change`` makes of a log in its place; nothing happens where it makes None."""

    @abstractmethod
    def lock(self, path: str) -> AbstractContextManager[None]:
        """Hold off who else wants to change files in the folder ``path``, where files can be changed by several."""

    @abstractmethod
    def alone(self, folder: str, purpose: str) -> AbstractContextManager[None]:
        """Do something that only one may do at a time, from any thread, process or machine.

        On disk others wait.

        Args:
            folder: Where it is announced, made when absent.
            purpose: What it is: a word for file names and messages.

        Raises:
            OutputError: Somebody else is doing it, where nobody can be made to wait.
        """

    @abstractmethod
    def clean_partial(self, folders: Iterable[str]) -> int:
        """Delete what killed runs left under temporary names in ``folders``; return how many there were."""

    def snapshot(self) -> "OutputTree":
        """A view to read much of what is there now, with as few requests as possible. It is never up to date again."""
        return self
