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
        name: File name without folders, such as ``0000004.png``.
        index: Frame index: the last number in the name, or 0 if the name has none.
        size: Size of the unpacked file in bytes; -1 if it is unknown before the file is read.
        version: Version of a file in a local folder (:mod:`mmvoxceleb.files.version`), otherwise empty. It is ignored
            when entries are compared.
    """

    name: str
    index: int
    size: int = -1
    version: str = field(default="", compare=False)


class Store(ABC):
    """A dataset in the original layout, held in folders, zips, one zip per clip, or a mixture of these.

    Stores are cheap to pickle, and open their files lazily in the process or thread that reads them. All methods may be
    called from several threads. A method that has to list or read something raises ``SourceUnavailableError`` if the
    source cannot be read, and ``CorruptSourceError`` or ``UnsafeArchiveError`` if an archive is damaged or unsafe.
    """

    @property
    @abstractmethod
    def location(self) -> str:
        """The path or URL of the store, as messages show it."""

    @abstractmethod
    def folders(self) -> tuple[Folder, ...]:
        """Return the folders of the layout that this store has, sorted."""

    @abstractmethod
    def clips(self, folder: Folder) -> list[str]:
        """Return the keys of the clips in a folder, sorted; empty if the store lacks the folder."""

    @abstractmethod
    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        """Return the files of a clip, sorted by frame index and then by name (so ``2.png`` comes before ``10.png``).

        Raises:
            MissingModalityError: The folder has no such clip.
            CorruptSourceError: A file name occurs twice or holds an impossible frame index, or the archive is damaged.
        """

    def entries_of(self, folder: Folder, clip_ids: Sequence[str]) -> Iterator[list[Entry]]:
        """Yield the files of each of several clips, in the order given, as :meth:`entries` returns them.

        This takes fewer requests than a call of :meth:`entries` for each clip, and sends them in parallel.

        Raises:
            MMVoxCelebError: See :meth:`entries`.
        """
        for _, entries in results_ahead(partial(self.entries, folder), clip_ids, ahead=self.reads_ahead):
            yield entries()

    @property
    def reads_at_once(self) -> int:
        """How many clips to read at the same time: 1 on disk, more if each request waits for a server."""
        return 1

    @property
    def reads_ahead(self) -> int:
        """How many clips to read before they are needed: :attr:`reads_at_once` if that is over 1, otherwise 0."""
        return self.reads_at_once if self.reads_at_once > 1 else 0

    @abstractmethod
    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        """Read the content of some files of a clip.

        Neighbouring files are fetched together, so request all files that you need in one call.

        Args:
            folder: The folder.
            clip_id: The clip.
            entries: The files, as returned by :meth:`entries`; None for all of them.

        Returns:
            The content of each file, in the order of ``entries``.

        Raises:
            MissingModalityError: The folder has no such clip or file.
            CorruptSourceError: The archive is damaged at one of these files.
            UnsafeArchiveError: A file, or all of them together, would be larger than is allowed (1 GiB for a clip).
            SourceUnavailableError: The source did not answer, even after retries.
        """

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        """Return where some files of a clip are on this machine.

        There is no answer for files behind a URL, and for frames in a video file, which are no files of their own.

        Args:
            folder: The folder.
            clip_id: The clip.
            entries: The files, as returned by :meth:`entries`.

        Returns:
            The path and version of each file, or None if there is no answer.

        Raises:
            MissingModalityError: The folder has no such clip.
        """
        return None

    @abstractmethod
    def fingerprint(self, folders: Iterable[Folder]) -> str:
        """Return a text that identifies the content of ``folders``, computed from file names, sizes and versions.

        A version is a modification time, an ETag, or the like. If a server gives none, every call returns another text.
        """

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        """Return a text that changes when a clip in a folder changes, without listing or reading the clip's files.

        Returns:
            The text; empty if the folder has no such clip; None if such a text needs listing or reading the files.
        """
        return None

    def check_names(self, folder: Folder, clip_id: str) -> None:  # noqa: B027  folders have nothing to compare
        """Check that an archive stores a clip's files under the names that its directory lists.

        Stores that do not hold these names twice, such as folders, check nothing.

        Raises:
            MissingModalityError: The archive has no such clip in this folder.
            CorruptSourceError: The directory and the content of the archive disagree.
            SourceUnavailableError: The archive cannot be read.
        """

    def strangers(self) -> list[str]:
        """Return the paths of files and folders that lie among the clips but are no clips, sorted."""
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
