"""What was made of each clip, and of what: ``meta/<clip_id>.json`` and ``meta/ledger.jsonl``."""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.meta.ledger import LEDGER_PATH, LedgerRow, format_ledger, parse_ledger
from mmvoxceleb.modalities import META

__all__ = ["COMPUTATION", "LedgerRow", "Provenance", "unfinished_in"]

COMPUTATION = "computation"
"""Key of a stage's section: how it computed, where another device or batch may flip single pixels. Not compared."""

_PENDING = "pending"
_ADVICE = "delete it and the clip is made again"
_FOLDER = META.folder_name


class Provenance:
    """The folder ``meta`` of an output store.

    On disk safe against other processes that write to the same store; on a URL as long as no two work on one clip.

    A clip's file has one section per stage, under the stage's name. While the files of a stage are being
    replaced, its name stands under ``pending``, so that a killed run is never taken for a finished one.

    Args:
        place: The store's folder or URL.
    """

    def __init__(self, place: Place) -> None:
        self.tree = open_output(place)

    def path_of(self, clip_id: str) -> str:
        """Name the file of a clip in the store."""
        return f"{_FOLDER}/{clip_id}.json"

    def read(self, clip_id: str) -> dict[str, Any]:
        """Read what is recorded of a clip; empty where nothing is.

        Raises:
            CorruptSourceError: The file is not a JSON object.
        """
        data = self.tree.read(self.path_of(clip_id))
        if data is None:
            return {}
        path = self.tree.where(self.path_of(clip_id))
        content = parse_json_object(data, path, _ADVICE)
        pending = content.get(_PENDING, [])
        if not isinstance(pending, list) or not all(isinstance(stage, str) for stage in pending):
            raise CorruptSourceError(f"{path}: {_PENDING!r} is no list of stages; {_ADVICE}")
        return content

    def section(self, clip_id: str, stage: str) -> dict[str, Any] | None:
        """Read the section of a finished stage; None if it is not finished."""
        content = self.read(clip_id)
        section = content.get(stage)
        return section if isinstance(section, dict) and stage not in content.get(_PENDING, ()) else None

    def was_interrupted(self, clip_id: str, stage: str) -> bool:
        """Return whether a run was stopped while it wrote this stage's files, so that they are ours and incomplete."""
        return stage in self.read(clip_id).get(_PENDING, ())

    def begin(self, clip_id: str, stages: Iterable[str]) -> None:
        """Note that the files of ``stages`` are about to be replaced."""
        with self._lock():
            content = self.read(clip_id)
            content[_PENDING] = sorted({*content.get(_PENDING, ()), *stages})
            self._write(clip_id, content)

    def finish(self, clip_id: str, sections: Mapping[str, Any]) -> None:
        """Record stages as finished, after their files were written.

        Args:
            clip_id: The clip.
            sections: What to record by stage; facts for the top level may stand beside them.
        """
        with self._lock():
            content = self.read(clip_id)
            pending = sorted(set(content.pop(_PENDING, ())) - set(sections))
            content.update({"clip_id": clip_id, **sections})
            if pending:
                content[_PENDING] = pending
            self._write(clip_id, content)

    def forget(
        self, clip_id: str, stages: Collection[str], *, facts: Collection[str] = (), unfinished: Collection[str] = ()
    ) -> None:
        """Take out what is recorded of stages, because their files were deleted.

        Args:
            clip_id: The clip.
            stages: The stages.
            facts: Keys of the top level that go with them.
            unfinished: Those whose files are still there, and are as unfinished as those that a killed run left.
        """
        with self._lock():
            content = self.read(clip_id)
            kept = {key: value for key, value in content.items() if key not in stages and key not in facts}
            pending = sorted({*content.get(_PENDING, ())} - {*stages} | {*unfinished})
            kept.pop(_PENDING, None)
            self._write(clip_id, {**kept, **({_PENDING: pending} if pending else {})})

    def record(self, rows: Iterable[LedgerRow]) -> None:
        """Append outcomes to the ledger."""
        lines = b"".join(row.line() for row in rows)
        if lines:
            with self._lock():
                self.tree.append(LEDGER_PATH, lines)

    def rows(self) -> list[LedgerRow]:
        """Read the ledger: the latest outcome of each clip and stage, sorted."""
        return self._parse(self.tree.read_log(LEDGER_PATH))

    def replace(self, stage: str, rows: Iterable[LedgerRow]) -> None:
        """Rewrite the ledger with ``rows`` as all that it says of a stage.

        The other stages' rows stay, but for those of clips that the stage gave up: it said last that they are not done.
        """
        new = list(rows)
        done = {row.clip_id for row in new if row.status == "done"}

        def change(log: bytes) -> bytes:
            old = self._parse(log)
            gone = {row.clip_id for row in old if row.stage == stage and row.status != "done"} - done
            return format_ledger([row for row in old if row.stage != stage and row.clip_id not in gone] + new)

        with self._lock():
            self.tree.rewrite_log(LEDGER_PATH, change)

    def compact(self) -> None:
        """Rewrite the ledger sorted, with the latest outcome alone: the same whatever the order of the work."""
        if self.tree.kind(_FOLDER) != "folder":
            return
        with self._lock():
            self.tree.rewrite_log(LEDGER_PATH, lambda log: format_ledger(self._parse(log)) if log else None)

    def _parse(self, log: bytes) -> list[LedgerRow]:
        return parse_ledger(log, self.tree.where(LEDGER_PATH))

    def _write(self, clip_id: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        self.tree.write(self.path_of(clip_id), text.encode())

    def _lock(self) -> AbstractContextManager[None]:
        return self.tree.lock(_FOLDER)


def unfinished_in(meta: Mapping[str, Any]) -> list[str]:
    """List the stages whose files a killed run may have left, by the content of a clip's file."""
    pending = meta.get(_PENDING)
    return [stage for stage in pending if isinstance(stage, str)] if isinstance(pending, list) else []
