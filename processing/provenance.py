"""What was made of each clip, and of what: ``meta/<clip_id>.json`` and ``meta/ledger.jsonl``."""

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.processing.output_tree import Place, open_output
from mmvoxceleb.schema import Folder

__all__ = ["LedgerRow", "Provenance", "differences"]

_PENDING = "pending"
_FOLDER = Folder("meta").path
_LEDGER = f"{_FOLDER}/ledger.jsonl"


@dataclass(frozen=True, order=True)
class LedgerRow:
    """What became of one clip in one stage.

    Args:
        clip_id: The key.
        stage: The stage's name.
        status: ``done``, ``failed``, or ``rejected`` for an input that is no clip by the rules of the crop.
        reason: Why it failed or was rejected; empty when done.
    """

    clip_id: str
    stage: str
    status: Literal["done", "failed", "rejected"]
    reason: str = ""


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
            CorruptSourceError: The file is no JSON object.
        """
        data = self.tree.read(self.path_of(clip_id))
        if data is None:
            return {}
        path = self.tree.where(self.path_of(clip_id))
        try:
            content = json.loads(data)
        except ValueError as error:
            raise CorruptSourceError(f"{path}: is no JSON ({error}); delete it and the clip is made again") from error
        if not isinstance(content, dict):
            raise CorruptSourceError(f"{path}: holds no JSON object; delete it and the clip is made again")
        return content

    def section(self, clip_id: str, stage: str) -> dict[str, Any] | None:
        """Read the section of a finished stage; None where it is not finished."""
        content = self.read(clip_id)
        section = content.get(stage)
        return section if isinstance(section, dict) and stage not in content.get(_PENDING, ()) else None

    def was_interrupted(self, clip_id: str, stage: str) -> bool:
        """Tell whether a run was stopped while it wrote this stage's files, so that they are ours and incomplete."""
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

    def record(self, rows: Iterable[LedgerRow]) -> None:
        """Append outcomes to the ledger."""
        lines = "".join(_line(row) for row in rows)
        if lines:
            with self._lock():
                self.tree.append(_LEDGER, lines.encode())

    def rows(self) -> list[LedgerRow]:
        """Read the ledger: the latest outcome of each clip and stage, sorted."""
        return _parse(self.tree.read_log(_LEDGER))

    def replace(self, stage: str, rows: Iterable[LedgerRow]) -> None:
        """Rewrite the ledger with ``rows`` as all that it says of a stage. The other stages' rows stay."""
        with self._lock():
            self.tree.rewrite_log(
                _LEDGER, lambda log: _format([row for row in _parse(log) if row.stage != stage] + list(rows))
            )

    def drop(self, clip_id: str, stage: str) -> None:
        """Take a stage's section out of a clip's file, and the file away when nothing else is in it."""
        with self._lock():
            content = self.read(clip_id)
            content.pop(stage, None)
            pending = sorted(set(content.pop(_PENDING, ())) - {stage})
            if pending:
                content[_PENDING] = pending
            if set(content) <= {"clip_id"}:
                self.tree.remove(self.path_of(clip_id))
            else:
                self._write(clip_id, content)

    def compact(self) -> None:
        """Rewrite the ledger sorted, with the latest outcome alone: the same whatever the order of the work."""
        if self.tree.kind(_FOLDER) != "folder":
            return
        with self._lock():
            self.tree.rewrite_log(_LEDGER, lambda log: _format(_parse(log)) if log else None)

    def _write(self, clip_id: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        self.tree.write(self.path_of(clip_id), text.encode())

    def _lock(self) -> AbstractContextManager[None]:
        return self.tree.lock(_FOLDER)


def _parse(log: bytes) -> list[LedgerRow]:
    latest: dict[tuple[str, str], LedgerRow] = {}
    for line in log.decode("utf-8", "replace").split("\n"):
        try:
            row = LedgerRow(**json.loads(line))
        except (ValueError, TypeError):
            continue  # a line that a killed run left unfinished
        latest[row.clip_id, row.stage] = row
    return sorted(latest.values())


def _format(rows: Iterable[LedgerRow]) -> bytes:
    return "".join(_line(row) for row in sorted(rows)).encode()


def _line(row: LedgerRow) -> str:
    content = {key: value for key, value in asdict(row).items() if value != ""}
    return json.dumps(content, ensure_ascii=False) + "\n"


def differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say how two settings differ, a phrase for each key: ``stride was 4 and is 2``."""
    keys = sorted({*recorded, *wanted})
    return [
        f"{key} was {_short(recorded.get(key))} and is {_short(wanted.get(key))}"
        for key in keys
        if recorded.get(key) != wanted.get(key)
    ]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
