"""A store that is looked at: its clips, who may not be shown, and messages without paths of the machine."""

import contextlib
import itertools
import os
import threading
import time
from pathlib import Path

from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.hub.manifest import is_export
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow, parse_ledger
from mmvoxceleb.meta.marks import MARKS_PATH, Marks
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.modalities import META
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.export_store import ExportStore

__all__ = ["Place"]

_LOCAL_SECONDS, _REMOTE_SECONDS = 1.0, 60.0
"""For so long is a removal list believed."""


def _styles_in(folder: Path) -> list[Path]:
    """List folders in a folder that are not clips, as far as its first entries show them: there may be a million."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [Path(entry.path) for entry in itertools.islice(entries, 64) if "#" not in entry.name and entry.is_dir()]
    return []


class Place:
    """A store, export or URL that is looked at. All methods may be called from several threads.

    Args:
        location: As :func:`mmvoxceleb.stores.open_store` takes it, or the folder of a Parquet export.

    Raises:
        SourceUnavailableError: There is nothing there, or it cannot be reached.
        MissingModalityError: What is there holds no modality.
    """

    def __init__(self, location: str) -> None:
        self.location = os.path.expanduser(location)
        self.is_local = not is_url(self.location)
        self.is_export = self.is_local and is_export(Path(self.location))
        self._lock = threading.Lock()
        self._removals: tuple[float, Removals] = (-1e9, Removals())
        self.store: Store = self._open()

    @property
    def name(self) -> str:
        """What the page calls it: the last part of its path."""
        end = os.path.abspath(self.location) if self.is_local else self.location.split("?", 1)[0].rstrip("/")
        return end.replace("\\", "/").rsplit("/", 1)[-1] or "store"

    @property
    def is_root(self) -> bool:
        """Whether it is the very folder of a store on this machine, so that a ``meta`` there is the store's own."""
        if not self.is_local or self.is_export or not os.path.isdir(self.location):
            return False
        return any(modality_of_name(name) or name.lower().endswith(".zip") for name in os.listdir(self.location))

    def _open(self) -> Store:
        return ExportStore(Path(self.location)) if self.is_export else open_store(self.location)

    def open_again(self) -> None:
        """List again what is there."""
        self.store = self._open()

    def clip(self, clip_id: str) -> StoredClip:
        """Return a clip.

        Raises:
            MissingModalityError: It is on the removal list.
        """
        if clip_id in self.removals():
            raise MissingModalityError("there is no such clip")
        return StoredClip(self.store, clip_id)

    def removals(self) -> Removals:
        """Read who may not be shown.

        Raises:
            CorruptSourceError: A line of the list cannot be understood; nobody is shown before it is mended.
            SourceUnavailableError: The list cannot be read; likewise.
        """
        with self._lock:
            read_at, removals = self._removals
            now = time.monotonic()
            if now - read_at > (_LOCAL_SECONDS if self.is_local else _REMOTE_SECONDS):
                removals = read_removals(self.location)
                self._removals = now, removals
            return removals

    def marks(self) -> Removals:
        """Read who is marked for removal; nobody where nothing can be marked.

        Raises:
            CorruptSourceError: A line of the file of marks cannot be understood.
        """
        if not self.is_local or not (Path(self.location) / MARKS_PATH).is_file():
            return Removals()
        return Marks(LocalTree(self.location)).read()

    def ledger(self) -> list[LedgerRow]:
        """Read what became of every clip in every stage; empty where nothing is recorded."""
        path = Path(self.location) / LEDGER_PATH
        if not self.is_local or not path.is_file():
            return []
        return parse_ledger(path.read_bytes(), self.name)

    def mark(self) -> tuple[tuple[str, int], ...]:
        """Tell by times of change whether clips have come or gone, without listing them; () where nobody can tell."""
        if not self.is_local:
            return ()
        root = Path(self.location)
        folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
        inner = [path for folder in folders if folder.name != META.folder_name for path in _styles_in(folder)]
        watched = [root, *folders, *inner]
        files = [root / LEDGER_PATH, root / REMOVALS_PATH]
        found = []
        for path in watched + files:
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((str(path), stat.st_mtime_ns + stat.st_size))
        return tuple(found)

    def tidy(self, text: object) -> str:
        """Take the machine's paths out of a message."""
        result = str(text)
        if self.is_local:
            for path in sorted({os.path.realpath(self.location), os.path.abspath(self.location), self.location},
                               key=len, reverse=True):  # fmt: skip
                if len(path) > 1:
                    result = result.replace(path, self.name)
        else:
            result = result.replace(self.location, self.name)
        return result.replace(os.path.expanduser("~"), "~")
