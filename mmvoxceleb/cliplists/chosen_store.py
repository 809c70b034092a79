"""The clips of a list in what there is: in a store, or among names."""

import logging
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, TypeAlias

from mmvoxceleb.cliplists.clip_list import ClipList
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores import Entry, Store
from mmvoxceleb.stores.reference import Reference

__all__ = ["ChosenStore", "Missing", "choose_in"]

Missing: TypeAlias = Literal["raise", "skip"]

logger = logging.getLogger(__name__)


def choose_in(
    found: Collection[str],
    chosen: ClipList,
    location: str,
    *,
    missing: Missing = "raise",
    removals: Removals | None = None,
    advice: str = "or leave them out and count them: --missing skip",
) -> set[str]:
    """Return the clips of a list that are among others, also where their names are composed otherwise (NFC, NFD).

    Args:
        found: What there is.
        chosen: What is wanted.
        location: Where ``found`` is, for messages.
        missing: ``raise`` if a clip of the list is not there, or ``skip`` those, with a warning that counts them.
        removals: Who was taken out; that their clips are not there is right, and is counted in the log.
        advice: What else can be done, for the message.

    Raises:
        ConfigError: A clip of the list is not there, or none is.
        MissingModalityError: All of them were removed.
    """
    absent = chosen.missing_in(found)
    there = set(chosen.clips).difference(absent)
    if renamed := {clip: other for clip in absent if (other := _otherwise_composed(clip)) in found}:
        there.update(renamed.values())
        absent = [clip for clip in absent if clip not in renamed]
    gone = [clip for clip in absent if ClipId.matches(clip) and clip in removals] if removals else []
    if gone:
        logger.warning(
            "%s: %d of the %d clips of %s were removed, and stay out", location, len(gone), len(chosen), _name(chosen)
        )
        taken = set(gone)
        absent = [clip for clip in absent if clip not in taken]
        if not there and not absent:
            raise MissingModalityError(
                f"{location}: every clip of {_name(chosen)} was removed from there; use a list of other clips"
            )
    if not absent:
        return there
    if not chosen.name:
        message = f"has no clip {absent[0]} ({len(absent)} of clips= are absent)"
    else:
        origin = f" It was made of a store of {chosen.store.clips:,} clips." if chosen.store else ""
        message = (
            f"lacks {len(absent):,} of the {len(chosen):,} clips of {chosen.name}, such as {absent[0]}.{origin} "
            f"Name the store of this list{f', {advice}' if there else ''}"
        )
    if missing == "raise" or not there:
        raise ConfigError(f"{location}: {message}")
    logger.warning("%s: %s. They are left out", location, message.partition(". Name the store")[0].rstrip("."))
    return there


def _otherwise_composed(clip: str) -> str:
    """Return a name with its accents as signs of their own if they are part of the letters, and the reverse."""
    form: Literal["NFC", "NFD"] = "NFD" if unicodedata.is_normalized("NFC", clip) else "NFC"
    return unicodedata.normalize(form, clip)


def _name(chosen: ClipList) -> str:
    return chosen.name or "clips="


class ChosenStore(Store):
    """A store of which only some clips are to be seen.

    Args:
        store: The store.
        clips: Names of the clips.
    """

    def __init__(self, store: Store, clips: Iterable[str]) -> None:
        self.store = store
        self.chosen = frozenset(clips)

    @classmethod
    def of(
        cls, store: Store, chosen: ClipList | None, *, missing: Missing = "raise", removals: Removals | None = None
    ) -> "ChosenStore":
        """Let only the clips of a list be seen, or all, and nobody who was removed; see :func:`choose_in`.

        Raises:
            ConfigError: A clip of the list is not in the store.
        """
        found = {clip for folder in store.folders() if folder.kind is not META for clip in store.clips(folder)}
        if chosen is not None:
            found = choose_in(found, chosen, store.location, missing=missing, removals=removals)
        return cls(store, found if removals is None else removals.keep_some(found, store.location))

    @property
    def location(self) -> str:
        return self.store.location

    def folders(self) -> tuple[Folder, ...]:
        return self.store.folders()

    def clips(self, folder: Folder) -> list[str]:
        return [clip for clip in self.store.clips(folder) if clip in self.chosen]

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        self._check(clip_id)
        return self.store.entries(folder, clip_id)

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        self._check(clip_id)
        return self.store.read(folder, clip_id, entries)

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        self._check(clip_id)
        return self.store.references(folder, clip_id, entries)

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        return self.store.mark(folder, clip_id)

    def _check(self, clip_id: str) -> None:
        if clip_id not in self.chosen:
            raise MissingModalityError(f"{self.location}: clip {clip_id} is none of those that were chosen")

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        """Digest the whole store's content: which clips are chosen, the list says."""
        return self.store.fingerprint(folders)

    def check_names(self, folder: Folder, clip_id: str) -> None:
        self.store.check_names(folder, clip_id)

    def strangers(self) -> list[str]:
        return self.store.strangers()
