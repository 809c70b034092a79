"""Who must not come back while a run goes on: the removal lists, looked at again for every clip.

A run and ``mmvoxceleb remove`` may go on side by side. ``remove`` first puts a person on the list and then deletes what
is there; a run looks at the list before it writes a clip and once more after it. So whichever of the two comes last
takes the clip away.
"""

import os

from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.removal_feed import followed, followed_offline, followed_removals
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals, parse_removals
from mmvoxceleb.schema import ClipId

__all__ = ["REMOVED", "RemovalWatch", "is_removed", "is_same_place", "is_within"]

REMOVED = f"removed: it is on the removal list, {REMOVALS_PATH}"
"""What becomes of a clip that is taken out; nothing of it is recorded."""


class RemovalWatch:
    """The removal lists that a run obeys. Picklable.

    Args:
        tree: The output.
        source: Path or URL of the store that clips are read from; None if they come from elsewhere.
    """

    def __init__(self, tree: OutputTree, source: str | None = None) -> None:
        self._tree = tree
        self._source = None if source is None or is_same_place(source, tree.address) else source
        self._last: tuple[bytes, Removals] = (b"", Removals())
        self._feeds, self._offline = followed(), followed_offline()

    def now(self) -> Removals:
        """Read who is on the lists.

        Raises:
            CorruptSourceError: A line cannot be understood. The run must end.
            SourceUnavailableError: A list cannot be read. The run must end.
        """
        data = self._tree.read(REMOVALS_PATH) or b""
        last = self._last
        if data != last[0]:
            last = self._last = (data, parse_removals(data, self._tree.where(REMOVALS_PATH)))
        found = last[1] | followed_removals(self._feeds, self._offline) if self._feeds else last[1]
        return found if self._source is None else found | read_removals(self._source)


def is_removed(name: str, removals: Removals) -> bool:
    """Return whether the name in a row of the ledger is of somebody who is on a list.

    Args:
        name: A clip, or what gave none: ``PERSON#VIDEO#...``, ``PERSON#VIDEO``.
        removals: The list.
    """
    if ClipId.matches(name):
        return name in removals
    person_id, _, rest = name.partition("#")
    return removals.has_video(person_id, rest.partition("#")[0])


def is_same_place(source: str, address: str) -> bool:
    """Return whether two paths or URLs name one store."""
    return os.path.realpath(source) == os.path.realpath(address) if "://" not in source + address else source == address


def is_within(address: str, source: str) -> bool:
    """Return whether a path or URL names the store at ``source``, or a place inside it."""
    if "://" in source + address:
        return (address.rstrip("/") + "/").startswith(source.rstrip("/") + "/")
    inner, outer = os.path.realpath(address), os.path.realpath(source)
    return os.path.commonpath((inner, outer)) == outer
