"""Set labels by hand, one attribute at a time, as the browser viewer does."""

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from mmvoxceleb.errors import ConfigError, IncompatibleOutputError, MissingModalityError
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.labels.importing import write_label
from mmvoxceleb.processing.labels.stage import mended_source
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.removal import erase
from mmvoxceleb.schema import ATTRIBUTE_INDEX

__all__ = ["LabelMender"]

_VALUES = (-1, 0, 1)


class LabelMender:
    """Set attributes of clips in a store on this machine. Several people may do so at once without losing changes.

    Args:
        root: Folder of the dataset.
        by: Name of the person who sets them, for the provenance.

    Raises:
        ConfigError: ``root`` is not a folder on this machine.
        IncompatibleOutputError: The store is one folder down from there.
    """

    def __init__(self, root: str | os.PathLike[str], by: str) -> None:
        if not os.path.isdir(root):
            raise ConfigError("labels can be set in a folder on this machine only")
        self._root = os.fspath(root)
        self._by = by
        self._provenance, self._writer = Provenance(self._root), StoreWriter(self._root)
        self._writer.check()
        self._watch = RemovalWatch(self._writer.tree)
        self._before: dict[str, list[tuple[list[int], list[int], dict[str, Any]]]] = {}

    def set(self, clip_id: str, attribute: str, value: int, was: int) -> None:
        """Set one attribute of a clip. The other attributes keep their current values on disk.

        Args:
            clip_id: Id of the clip.
            attribute: Name of the attribute.
            value: 1 (present), 0 (absent) or -1 (unknown).
            was: The value that the person saw before the change.

        Raises:
            ConfigError: The attribute or the value is unknown.
            IncompatibleOutputError: Somebody else has changed the attribute in the meantime.
            MissingModalityError: The clip has no label, or was removed.
        """
        if attribute not in ATTRIBUTE_INDEX or value not in _VALUES:
            raise ConfigError("an attribute of CelebA is set to 1, 0 or -1")
        with self._writer.tree.alone(LABEL.folder_name, "mending"):
            label = self._label(clip_id)
            number = ATTRIBUTE_INDEX[attribute]
            if label[number] != was:
                raise IncompatibleOutputError(f"{attribute} was changed elsewhere in the meantime; look again")
            meta = self._provenance.read(clip_id)
            section = meta.get(LABEL.name)
            section = dict(section) if isinstance(section, Mapping) else {}
            old = {"section": section, "label_source": meta.get("label_source")}
            mended = section.get("mended")
            said = {"value": value, "by": self._by, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
            new = [value if at == number else each for at, each in enumerate(label)]
            decided = mended if isinstance(mended, Mapping) else {}
            if value == was and attribute in decided:  # said before, so that there is nothing to undo
                return
            decided = {**decided, attribute: said}
            source = mended_source(meta.get("label_source"), new, decided)
            self._write(clip_id, new, {**section, "mended": decided, "label_source": source}, source)
            self._before.setdefault(clip_id, []).append((label, new, old))

    def undo(self, clip_id: str) -> bool:
        """Undo the last change that this object made to a clip, and restore its previous provenance.

        Args:
            clip_id: Id of the clip.

        Returns:
            False if there is nothing to undo.

        Raises:
            IncompatibleOutputError: Somebody else has changed the label in the meantime.
            MissingModalityError: The clip was removed.
        """
        with self._writer.tree.alone(LABEL.folder_name, "mending"):
            if not self._before.get(clip_id):
                return False
            label, new, old = self._before[clip_id].pop()
            if self._label(clip_id) != new:
                raise IncompatibleOutputError("the label was changed elsewhere in the meantime, so nothing was undone")
            self._write(clip_id, label, old["section"], old["label_source"])
            return True

    def read(self, clip_id: str) -> tuple[list[int], dict[str, Any]]:
        """Read the current label of a clip and its provenance from disk.

        Raises:
            MissingModalityError: The clip has no label, or was removed.
            CorruptSourceError: The label or the provenance is damaged.
        """
        return self._label(clip_id), self._provenance.read(clip_id)

    def _label(self, clip_id: str) -> list[int]:
        if clip_id in self._watch.now():
            raise MissingModalityError("there is no such clip")
        data = self._writer.tree.read(f"{LABEL.folder_name}/{clip_id}{LABEL.suffix}")
        if data is None:
            raise MissingModalityError("the clip has no label here; import one, or let a model predict it")
        return LABEL.parse(data, clip_id=clip_id)

    def _write(self, clip_id: str, label: list[int], section: dict[str, Any], source: str | None) -> None:
        write_label(clip_id, label, section, source, self._provenance, self._writer)
        if clip_id in self._watch.now():  # while it was written
            erase(self._writer.tree, Removals(clip_id=frozenset({clip_id})))
            raise MissingModalityError("there is no such clip")
        self._provenance.record([LedgerRow(clip_id, LABEL.name, "done")])
