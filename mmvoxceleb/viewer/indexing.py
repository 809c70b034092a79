"""Fills the catalog in the background, and follows a run that writes to the store."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.viewer.catalog import Catalog
from mmvoxceleb.viewer.facts import ClipFacts, facts_of, stamp_of
from mmvoxceleb.viewer.place import Place
from mmvoxceleb.viewer.query import Querying

__all__ = ["Index"]

_LOOK_SECONDS = 1.5
_SHARE_OF_TIME = 10
"""Listing again may take a tenth of the time at most."""

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
        self._removals, self._marks = place.removals(), Removals()
        try:
            self._marks = place.marks()
        except CorruptSourceError as error:
            self.problem = place.tidy(error)
        self._asking = 0
        self.querying = Querying(self._list())
        self._warmed: Querying | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="viewer-index", daemon=True)

    @property
    def catalog(self) -> Catalog:
        """The clips, as they are known now."""
        return self.querying.catalog

    @property
    def marks(self) -> Removals:
        """Who is marked for removal."""
        return self._marks

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
        catalog = Catalog(clips, ledger, self._removals)
        catalog.mark(self._marks)
        return catalog

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """Go before what is done in the background."""
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    def mark(self, entries: Removals) -> None:
        """Note at once who is marked for removal now."""
        self._marks = entries
        self.catalog.mark(entries)

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
                while self._asking > 0 and not self._stop.is_set():
                    time.sleep(0.005)
                if not catalog.is_read[position]:
                    self._read(catalog, int(position))
            self._warm()
            begun = time.monotonic()
            try:
                self._look()
                self.problem = ""
            except (MMVoxCelebError, OSError) as error:
                self.problem = self.place.tidy(error)
            self._stop.wait(max(_LOOK_SECONDS, _SHARE_OF_TIME * (time.monotonic() - begun)))

    def _warm(self) -> None:
        """Make ready what the next question would wait for, unless that has been done."""
        querying = self.querying
        if self._warmed is not querying and not self._stop.is_set():
            querying.warm()
            self._warmed = querying

    def _look(self) -> None:
        """List the store again if it has changed."""
        removals, mark, marks = self.place.removals(), self.place.mark(), self.place.marks()
        if marks != self._marks:
            self.mark(marks)
        if mark == self._mark and removals == self._removals:
            return
        self._removals, self._mark = removals, mark
        self.place.open_again()
        catalog = self._list()
        catalog.take_over(self.catalog)
        for position in catalog.stamps.nonzero()[0].tolist():
            if stamp_of(StoredClip(self.place.store, catalog.names[position])) != catalog.stamps[position]:
                catalog.is_read[position] = False
        self.querying = Querying(catalog)
