"""The one reading interface: clips of a folder, entries of a clip, bytes of entries."""

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.modalities import Folder
from mmvoxceleb.stores.reference import Reference

__all__ = [
    "LARGEST_CLIP_BYTES",
    "LARGEST_FRAME_INDEX",
    "Entry",
    "Store",
    "check_sizes",
    "frame_entries",
    "frame_index_of",
]

LARGEST_FRAME_INDEX = 2**31 - 1
"""Frame numbers are int32 in a record."""
LARGEST_CLIP_BYTES = 1 << 30
"""Most bytes that one read gives. A clip of the original has 20 MB, one of a minute in 512 px 600."""

_DIGITS = re.compile(r"\d+", re.ASCII)
_MOST_DIGITS = len(str(LARGEST_FRAME_INDEX))


@dataclass(frozen=True)
class Entry:
    """One file of a clip.

    Args:
        name: File name without folders, ``0000004.png``.
        index: Frame index, from the last number in the name; 0 where the name has none.
        size: Bytes of the unpacked file; -1 if the source does not say before it is read.
        version: Of a file in a local folder, see :mod:`mmvoxceleb.files.version`.
    """

    name: str
    index: int
    size: int = -1
    version: str = field(default="", compare=False)


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
        """List the keys of the clips in a folder, sorted; empty if the store lacks the folder."""

    @abstractmethod
    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        """List the files of a clip, by frame index and then by name (so ``2.png`` comes before ``10.png``).

        Raises:
            MissingModalityError: The folder has no such clip.
        """

    def entries_of(self, folder: Folder, clip_ids: Sequence[str]) -> Iterator[list[Entry]]:
        """List the files of several clips, one clip after the other, with as few and as parallel requests as can be.

        Raises:
            MMVoxCelebError: As of :meth:`entries`.
        """
        for _, entries in results_ahead(partial(self.entries, folder), clip_ids, ahead=self.reads_ahead):
            yield entries()

    @property
    def reads_at_once(self) -> int:
        """How many clips to read at a time: one on disk, more where each answer has to be waited for."""
        return 1

    @property
    def reads_ahead(self) -> int:
        """What that is for :func:`mmvoxceleb.ahead.results_ahead`, which reads on disk no sooner than asked."""
        return self.reads_at_once if self.reads_at_once > 1 else 0

    @abstractmethod
    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        """Read the content of some entries of a clip, all of them by default, in the order given.

        Neighbouring entries are fetched together, so ask for all that you need in one call.

        Raises:
            MissingModalityError: The folder has no such clip or entry.
            CorruptSourceError: The archive is damaged there.
            UnsafeArchiveError: An entry unpacks to more than is allowed.
            SourceUnavailableError: The source stopped answering, even after retries.
        """

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        """Say where entries of a clip are on this machine; None if they come from elsewhere, or are not whole files.

        Args:
            folder: The folder.
            clip_id: The clip.
            entries: As :meth:`entries` gave them.

        Raises:
            MissingModalityError: The folder has no such clip or entry.
        """
        return None

    @abstractmethod
    def fingerprint(self, folders: Iterable[Folder]) -> str:
        """Digest what identifies the content of ``folders``: names, sizes and mtimes, or ETags."""

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        """Tell a clip in a folder from what it was before, without listing or reading it; empty where it is not there.

        Returns:
            None where only listing or reading its files would tell.
        """
        return None

    def check_names(self, folder: Folder, clip_id: str) -> None:  # noqa: B027  folders have nothing to compare
        """Check that a clip's files are stored under the names in the listing, if the store has both.

        Raises:
            MissingModalityError: The folder has no such clip.
            CorruptSourceError: An archive's directory and its content disagree.
            SourceUnavailableError: The store cannot be read.
        """

    def strangers(self) -> list[str]:
        """List the paths in the place of a clip whose name or kind is not a clip's, sorted."""
        return []


@functools.lru_cache(maxsize=1 << 13)
def frame_index_of(name: str) -> int:
    """Read the frame index from a file name: its last number before the extension, 0 if there is none.

    Raises:
        CorruptSourceError: The number is over :data:`LARGEST_FRAME_INDEX`.
    """
    numbers = _DIGITS.findall(name.rsplit(".", 1)[0])
    digits = numbers[-1].lstrip("0") if numbers else ""
    if len(digits) > _MOST_DIGITS or (number := int(digits or 0)) > LARGEST_FRAME_INDEX:
        raise CorruptSourceError(
            f"file {_short(name)}: no frame has such a number, the largest is {LARGEST_FRAME_INDEX:,}; rename the file"
        )
    return number


def frame_entries(files: Iterable[tuple[str, int, str]]) -> list[Entry]:
    """Make the entries of a clip of names, sizes and versions, by frame index and then by name.

    Raises:
        CorruptSourceError: A name is there twice, or names no possible frame.
    """
    found = [Entry(name, frame_index_of(name), size, version) for name, size, version in files]
    found.sort(key=lambda entry: (entry.index, entry.name))
    for before, after in pairwise(found):
        if before.name == after.name:
            raise CorruptSourceError(
                f"file {_short(before.name)} exists twice; get the archive again, or rebuild it without the copy"
            )
    return found


def check_sizes(folder: Folder, entries: Sequence[Entry]) -> None:
    """Refuse, before anything is read, what would fill the memory.

    Raises:
        UnsafeArchiveError: A file is larger than its modality allows, or all that is asked for together over
            :data:`LARGEST_CLIP_BYTES`.
    """
    largest = folder.kind.largest_file_bytes
    for entry in entries:
        if entry.size > largest:
            raise UnsafeArchiveError(
                f"{folder}/{entry.name}: has {entry.size:,} bytes; refused, the limit is {largest >> 20} MB. Get it "
                "from another source"
            )
    if (total := sum(max(entry.size, 0) for entry in entries)) > LARGEST_CLIP_BYTES:
        raise UnsafeArchiveError(
            f"{len(entries):,} files of {total:,} bytes; refused, the limit for a clip is {LARGEST_CLIP_BYTES >> 20} "
            "MB. Read fewer frames of it (frame_stride, max_frames), or get it from another source"
        )


def _short(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:60]}...{name[-12:]}")
