"""What differs between two stores: clips, files of clips, and their bytes."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.counting import counted
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.modalities import Folder
from mmvoxceleb.stores import Entry, Store

__all__ = ["FolderDiff", "StoreDiff", "diff_stores"]

_AHEAD = 4


@dataclass
class FolderDiff:
    """Differences between two stores, A and B, in one folder of the layout, such as ``mask`` or ``draw/style1``.

    Args:
        only_a: Clips that only A has, sorted.
        only_b: Clips that only B has, sorted.
        compared: Number of clips that both have.
        differing: The compared clips that differ, each with a description of the difference.
        unsized: Number of files that were not compared by size, because a store does not know their size. A deep
            comparison reads them instead.
    """

    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    compared: int = 0
    differing: dict[str, str] = field(default_factory=dict)
    unsized: int = 0

    @property
    def is_same(self) -> bool:
        """Whether there is no difference."""
        return not (self.only_a or self.only_b or self.differing)


@dataclass
class StoreDiff:
    """Differences between two stores, A and B.

    Args:
        folders: Differences in each folder of the layout, by its path.
        only_a: Clips of which only A has anything in these folders, sorted.
        only_b: Clips of which only B has anything, sorted.
        removals_differ: Whether the removal lists of the stores differ. The entries are not shown.
        deep: Whether the bytes of files were compared, and not only their names and sizes.
    """

    folders: dict[str, FolderDiff] = field(default_factory=dict)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    removals_differ: bool = False
    deep: bool = False

    @property
    def is_same(self) -> bool:
        """Whether there is no difference."""
        return not self.removals_differ and all(folder.is_same for folder in self.folders.values())

    def to_json(self) -> dict[str, Any]:
        """Return the differences as JSON values."""
        return {
            "same": self.is_same,
            "deep": self.deep,
            "only_a": self.only_a,
            "only_b": self.only_b,
            "removals_differ": self.removals_differ,
            "folders": {name: {**vars(folder), "same": folder.is_same} for name, folder in self.folders.items()},
        }


def diff_stores(
    a: Store,
    b: Store,
    *,
    deep: bool = False,
    modalities: Collection[str] | None = None,
    clips: Collection[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> StoreDiff:
    """Compare two stores, which may be folders, zips or URLs.

    A clip that cannot be read in one of them counts as different.

    Args:
        a: The first store, A.
        b: The second store, B.
        deep: Compare the bytes of all files, and not only their names and sizes.
        modalities: Compare only these modalities, by name; ``meta`` is the provenance. None for all.
        clips: Compare only these clips; None for all.
        progress: Called with the path of a folder, the number of its clips compared so far, and their total.

    Raises:
        SourceUnavailableError: A store cannot be read.
        CorruptSourceError: A removal list is damaged.
    """
    diff = StoreDiff(deep=deep)
    diff.removals_differ = read_removals(a.location) != read_removals(b.location)
    all_a: set[str] = set()
    all_b: set[str] = set()
    for folder in sorted({*a.folders(), *b.folders()}):
        if modalities is not None and folder.kind.name not in modalities:
            continue
        names_a, names_b = (
            {clip for clip in store.clips(folder) if clips is None or clip in clips} for store in (a, b)
        )
        if names_a or names_b:
            all_a |= names_a
            all_b |= names_b
            diff.folders[str(folder)] = _diff_folder(a, b, folder, names_a, names_b, deep=deep, progress=progress)
    diff.only_a, diff.only_b = sorted(all_a - all_b), sorted(all_b - all_a)
    return diff


def _diff_folder(
    a: Store,
    b: Store,
    folder: Folder,
    names_a: set[str],
    names_b: set[str],
    *,
    deep: bool,
    progress: Callable[[str, int, int], None] | None,
) -> FolderDiff:
    both = sorted(names_a & names_b)
    found = FolderDiff(sorted(names_a - names_b), sorted(names_b - names_a), len(both))

    def compare(clip: str) -> tuple[str, int]:
        try:
            return _diff_clip(a, b, folder, clip, deep=deep)
        except MMVoxCelebError as error:
            return str(error), 0

    for done, (clip, result) in enumerate(results_ahead(compare, both, ahead=_AHEAD if deep else 0), 1):
        difference, unsized = result()
        found.unsized += unsized
        if difference:
            found.differing[clip] = difference
        if progress is not None:
            progress(str(folder), done, len(both))
    return found


def _diff_clip(a: Store, b: Store, folder: Folder, clip: str, *, deep: bool) -> tuple[str, int]:
    """Say what differs of a clip, empty where nothing does, and of how many files no size is known."""
    files_a, files_b = ({entry.name: entry for entry in store.entries(folder, clip)} for store in (a, b))
    if files_a.keys() != files_b.keys():
        only = [
            f"{len(own.keys() - other.keys())} only in {name}, such as {min(own.keys() - other.keys())}"
            for name, own, other in (("A", files_a, files_b), ("B", files_b, files_a))
            if own.keys() - other.keys()
        ]
        return f"other files: {'; '.join(only)}", 0
    pairs = [(files_a[name], files_b[name]) for name in sorted(files_a)]
    sized = [(own, other) for own, other in pairs if own.size >= 0 and other.size >= 0]
    wrong = [own.name for own, other in sized if own.size != other.size]
    if wrong:
        return f"other sizes: {len(wrong)} of {counted(len(pairs), 'file')}, such as {wrong[0]}", 0
    if not deep:
        return "", len(pairs) - len(sized)
    wrong = list(_other_bytes(a, b, folder, clip, pairs))
    return f"other bytes: {len(wrong)} of {counted(len(pairs), 'file')}, such as {wrong[0]}" if wrong else "", 0


def _other_bytes(a: Store, b: Store, folder: Folder, clip: str, pairs: list[tuple[Entry, Entry]]) -> Iterator[str]:
    content_a = a.read(folder, clip, [own for own, _ in pairs])
    content_b = b.read(folder, clip, [other for _, other in pairs])
    for (entry, _), own, other in zip(pairs, content_a, content_b, strict=True):
        if own != other:
            yield entry.name
