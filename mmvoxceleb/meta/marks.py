"""Who is marked for removal in a store: a removal list that nobody obeys before it is handed to ``remove``."""

from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.removals import Removals, parse_removals
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import META

__all__ = ["MARKS_PATH", "Marks"]

MARKS_PATH = f"{META.folder_name}/marked.jsonl"
"""Where the marks are in a store, in the format of its removal list."""


class Marks:
    """The marks of a store. Several threads and processes may set them, and none loses what others set.

    Args:
        tree: The store, on this machine.
    """

    def __init__(self, tree: OutputTree) -> None:
        if not tree.is_local:
            raise ConfigError("clips can be marked in a folder on this machine only")
        self._tree = tree
        self._watch = RemovalWatch(tree)

    def read(self) -> Removals:
        """Read who is marked.

        Raises:
            CorruptSourceError: A line cannot be understood.
        """
        data = self._tree.read(MARKS_PATH)
        return Removals() if data is None else parse_removals(data, self._tree.where(MARKS_PATH))

    def set(self, entries: Removals, *, is_marked: bool) -> Removals:
        """Mark persons, videos or clips, or take their marks away; all other marks stay as they are on disk.

        Returns:
            Who is marked now.

        Raises:
            CorruptSourceError: A line of the file cannot be understood; nothing was changed.
            MissingModalityError: One of them is on the removal list.
            OutputError: The store cannot be written to.
        """
        with writing(self._tree.location):
            with self._tree.lock(META.folder_name):
                before = self.read()
                now = before | entries if is_marked else before - entries
                if is_marked:
                    self._refuse_removed(entries)
                if now != before:
                    self._tree.write(MARKS_PATH, now.to_bytes())
            if is_marked and now != before:
                try:
                    self._refuse_removed(entries)
                except MissingModalityError:  # taken out while it was written, perhaps after the names were
                    self.set(entries, is_marked=False)
                    raise
            return now

    def _refuse_removed(self, entries: Removals) -> None:
        if entries.without(self._watch.now()) != entries:
            raise MissingModalityError("there is no such clip")


def marks_without(data: bytes, removals: Removals, where: str) -> bytes | None:
    """Take those who were removed out of a file of marks; None where a line cannot be understood.

    Args:
        data: The file.
        removals: Who was removed.
        where: Its name.
    """
    try:
        return parse_removals(data, where).without(removals).to_bytes()
    except CorruptSourceError:
        return None
