"""Fills the catalog in the background, and follows a run that writes to the store."""

import logging
import threading
import time

from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.facts import ClipFacts, facts_of, stamp_of
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.query import Querying

__all__ = ["Index"]

_LOOK_SECONDS = 1.5
_SHARE_OF_TIME = 10
"""Listing anew may take a tenth of the time at most."""

logger = logging.getLogger(__name__)


class Index:
    """The catalog of a place, always as new as it can be.

    Args:
        place: What is looked at.
        only: Leave out all other clips.
    """

    def __init__(self, place: Place, only: frozenset[str] | None = None) -> None:
        self.place = place
        self._only = only
        self.problem = ""
        self._mark = place.mark()
        self._removals = place.removals()
        self.querying = Querying(self._list())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="viewer-index", daemon=True)

    @property
    def catalog(self) -> Catalog:
        """The clips, as they are known now."""
        return self.querying.catalog

    @property
    def num_read(self) -> int:
        """Clips whose facts were read."""
        return int(self.catalog.is_read.sum())

    def start(self) -> None:
        """Begin to read in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()

    def _list(self) -> Catalog:
        store = self.place.store
        clips = {folder: store.clips(folder) for folder in store.folders()}
        ledger = self.place.ledger()
        if self._only is not None:
            clips = {folder: [name for name in found if name in self._only] for folder, found in clips.items()}
            ledger = [row for row in ledger if row.clip_id in self._only]
        return Catalog(clips, ledger, self._removals)

    def ensure(self, positions: "list[int]") -> None:
        """Read at once what is known of some clips, if that has not been done."""
        for position in positions:
            if not self.catalog.is_read[position]:
                self._read(self.catalog, position)

    def read_again(self, clip_id: str) -> None:
        """Read a clip that has changed."""
        position = self.catalog.position(clip_id)
        if position >= 0:
            self._read(self.catalog, position)

    def _read(self, catalog: Catalog, position: int) -> None:
        name = catalog.names[position]
        if not ClipId.matches(name):
            catalog.put(position, ClipFacts())
            return
        clip = StoredClip(self.place.store, name)
        stamp = stamp_of(clip)
        try:
            facts = facts_of(clip)
        except (MMVoxCelebError, OSError) as error:
            facts = ClipFacts(problem=str(error))
        catalog.put(position, facts, stamp)

    def _run(self) -> None:
        while not self._stop.is_set():
            catalog = self.catalog
            for position in (~catalog.is_read).nonzero()[0]:
                if self._stop.is_set() or self.catalog is not catalog:
                    break
                if not catalog.is_read[position]:
                    self._read(catalog, int(position))
            begun = time.monotonic()
            try:
                self._look()
                self.problem = ""
            except (MMVoxCelebError, OSError) as error:
                self.problem = self.place.tidy(error)
            self._stop.wait(max(_LOOK_SECONDS, _SHARE_OF_TIME * (time.monotonic() - begun)))

    def _look(self) -> None:
        """List the store anew if it has changed."""
        removals, mark = self.place.removals(), self.place.mark()
        if mark == self._mark and removals == self._removals:
            return
        self._removals, self._mark = removals, mark
        self.place.open_again()
        catalog = self._list()
        catalog.take_over(self.catalog)
        for position, stamp in list(catalog.stamps.items()):
            if stamp_of(StoredClip(self.place.store, catalog.names[position])) != stamp:
                catalog.is_read[position] = False
        self.querying = Querying(catalog)
