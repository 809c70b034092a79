"""The file in a store that says of a source video that it is done, and what became of it: ``meta/.crop``."""

import hashlib
import json
from typing import Any
from urllib.parse import quote, unquote

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.processing.removed import is_removed
from mmvoxceleb.stores.removals import Removals

__all__ = ["RECORDS", "STAGE", "is_record_of", "parse_record", "record_path", "row_of", "without_removed", "written_in"]

STAGE = "crop"
RECORDS = "meta/.crop"
"""Where a store keeps a file for every source video that is done."""


def record_path(key: str) -> str:
    """Name the file of a source video in the store."""
    return f"{RECORDS}/{quote(key, safe='')[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"


def is_record_of(name: str, removals: Removals) -> bool:
    """Tell whether a record, by its file name, is of a person or video on a removal list."""
    return is_removed(unquote(name.rpartition("-")[0]), removals)


def without_removed(data: bytes, removals: Removals) -> bytes | None:
    """Take removed clips out of the record of a video; None where nothing of it may stay, or it is damaged."""
    record = parse_record(data)
    if record is None or is_removed(record["key"], removals):
        return None
    rows = [row for row in record["rows"] if not is_removed(row["name"], removals)]
    return (json.dumps({**record, "rows": rows}, ensure_ascii=False) + "\n").encode()


def parse_record(data: bytes) -> dict[str, Any] | None:
    """Read a record; None where it is damaged, and the video is done again."""
    try:
        content = parse_json_object(data, RECORDS, "the video is done again")
        rows = [row_of(row) for row in content["rows"]]
    except (CorruptSourceError, KeyError, TypeError):
        return None
    texts = [text for row in rows for text in (row.clip_id, row.status, row.reason)]
    is_whole = all(isinstance(content.get(name), dict) for name in ("options", "inputs"))
    is_whole = is_whole and isinstance(content.get("num_frames"), int) and isinstance(content.get("key"), str)
    return content if is_whole and all(isinstance(text, str) for text in texts) else None


def written_in(record: dict[str, Any]) -> list[str]:
    """List the clips that a record says were made."""
    return [row["name"] for row in record["rows"] if row["status"] == "done"]


def row_of(content: dict[str, Any]) -> LedgerRow:
    """Read a row of a record as one of the ledger."""
    return LedgerRow(content["name"], STAGE, content["status"], content["reason"])
