"""The one reading interface: clips of a folder, entries of a clip, bytes of entries."""

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mmvoxceleb.schema import Folder

__all__ = ["Entry", "Store", "frame_index_of"]

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Entry:
    """One file of a clip.

    Args:
        name: File name without folders, ``0000004.png``.
        index: Frame index, from the last number in the name; 0 where the name has none.
        size: Bytes of the file once unpacked; -1 where the source does not say before it is read.
    """

    name: str
    index: int
    size: int = -1


class Store(ABC):
    """A dataset in the original layout, whatever holds its bytes: folders, zips, one zip per clip, or a mixture.

    Stores are cheap to pickle and open their files lazily in whichever process or thread reads them.
    All methods may be called from several threads.
    """

    @property
    @abstractmethod
    def location(self) -> str:
        """The path or URL, for messages."""

    @abstractmethod
    def folders(self) -> tuple[Folder, ...]:
        """List the folders of the layout that this store has."""

    @abstractmethod
    def clips(self, folder: Folder) -> list[str]:
        """List the keys of the clips in a folder, sorted; empty where the store lacks the folder."""

    @abstractmethod
    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        """List the files of a clip, by frame index and then by name (so ``2.png`` comes before ``10.png``).

        Raises:
            MissingModalityError: The folder has no such clip.
        """

    @abstractmethod
    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        """Read the content of some entries of a clip, all of them by default, in the order given.

        Neighbouring entries are fetched together, so ask for all that you need in one call.

        Raises:
            MissingModalityError: The folder has no such clip or entry.
            CorruptSourceError: The archive is damaged there.
            UnsafeArchiveError: An entry unpacks to more than is allowed.
            SourceUnavailableError: The source stopped answering, also after retries.
        """

    @abstractmethod
    def fingerprint(self, folders: Iterable[Folder]) -> str:
        """Digest what identifies the content of ``folders``: names, sizes and mtimes, or ETags."""

    def strangers(self) -> list[str]:
        """List the paths that stand where a clip would and are none, because of their name or kind, sorted."""
        return []


@functools.lru_cache(maxsize=1 << 13)
def frame_index_of(name: str) -> int:
    """Read the frame index from a file name: its last number before the extension, 0 where there is none."""
    numbers = _DIGITS.findall(name.rsplit(".", 1)[0])
    return int(numbers[-1]) if numbers else 0
