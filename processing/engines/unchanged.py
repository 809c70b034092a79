"""Which finished clips need not be looked at: nothing that they were made of has changed since a run looked."""

import hashlib
from collections.abc import Mapping, Sequence

from mmvoxceleb.meta.watch import is_same_place
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.stores import Store

__all__ = ["InputMarks"]


class InputMarks:
    """Marks of the files that clips are made of, taken before a run looks at them.

    A file that changes while it is looked at has another mark in the next run, which looks again.

    Args:
        stages: What is made of them.
    """

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = {stage.name: stage.read_folders() for stage in stages}
        self._store: Store | None = None
        self._writer: StoreWriter | None = None
        self._is_same = False
        self._taken: dict[str, tuple[int, ...]] = {}
        self._checked: dict[str, tuple[int, ...]] = {}

    def look_in(self, store: Store, writer: StoreWriter) -> None:
        """Say where inputs come from: clips of a store, and what earlier runs wrote to the output."""
        known = all(folders is not None for folders in self._stages.values())
        if known and writer.tree.is_local:
            self._store, self._writer = store, writer
            self._is_same = is_same_place(store.location, writer.tree.address)

    def is_unchanged(self, clip_id: str, checked: Mapping[str, int]) -> bool:
        """Tell whether all inputs are as they were when a run found the clip finished.

        Args:
            clip_id: The clip.
            checked: The marks of then, by stage.
        """
        marks = self._marks(clip_id)
        if marks is None:
            return False
        self._taken[clip_id] = marks
        is_same = all(checked.get(name) == mark for name, mark in zip(self._stages, marks, strict=True))
        if is_same:
            del self._taken[clip_id]
        return is_same

    def note(self, outcome: ClipOutcome) -> None:
        """Note what a run found: a clip that is finished now is so with the marks that were taken."""
        marks = self._taken.pop(outcome.clip_id, None)
        if marks is not None and not outcome.failed and {*outcome.done, *outcome.skipped} == self._stages.keys():
            self._checked[outcome.clip_id] = marks

    def checked(self) -> dict[str, dict[str, int]]:
        """Return the marks of clips that are finished, by stage."""
        return {clip_id: dict(zip(self._stages, marks, strict=True)) for clip_id, marks in self._checked.items()}

    def _marks(self, clip_id: str) -> tuple[int, ...] | None:
        marks = []
        for folders in self._stages.values():
            found = [self._mark(folder, clip_id) for folder in dict.fromkeys((META.folder(), *(folders or ())))]
            if None in found:
                return None
            text = "\0".join(mark or "" for mark in found)
            digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=7).digest()
            marks.append(int.from_bytes(digest, "big"))
        return tuple(marks)

    def _mark(self, folder: Folder, clip_id: str) -> str | None:
        """Tell the state of a clip in a folder; the output's own provenance is compared elsewhere."""
        if self._store is None or self._writer is None:
            return None
        is_meta = folder.kind is META
        if self._is_same:
            return "" if is_meta else self._store.mark(folder, clip_id)
        mark = self._store.mark(folder, clip_id)
        if mark is None or is_meta:
            return mark
        form = self._writer.form(folder, clip_id)
        if form is None:
            return mark
        path = f"{folder.path}/{clip_id}.zip" if form == "packed" else self._writer.path_of(folder, clip_id)
        own = self._writer.tree.mark(path) if form != "folder" else None
        return None if own is None else f"{mark}\0{own}"
