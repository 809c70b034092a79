"""The ledger of a store, ``meta/ledger.jsonl``: what became of every clip in every stage, one JSON object a line."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.modalities import META

__all__ = ["LEDGER_PATH", "LedgerRow", "format_ledger", "parse_ledger"]

LEDGER_PATH = f"{META.folder_name}/ledger.jsonl"

Status = Literal["done", "failed", "rejected"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class LedgerRow:
    """What became of one clip in one stage.

    Args:
        clip_id: The key.
        stage: The stage's name.
        status: ``done``, ``failed``, or ``rejected`` for an input that is not a clip by the rules of the crop.
        reason: Why it failed or was rejected; when done, empty, or what is odd about it: which file its
            name was made from.
    """

    clip_id: str
    stage: str
    status: Status
    reason: str = ""

    def line(self) -> bytes:
        """Format the row as its line, with the end of the line."""
        content = {key: value for key, value in asdict(self).items() if value != ""}
        # a reason may quote a file name that is not UTF-8
        return (json.dumps(content, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def parse_ledger(log: bytes, where: str) -> list[LedgerRow]:
    """Read a ledger: the latest outcome of each clip and stage, sorted.

    A line that is not a row, such as one that a killed run left unfinished, is left out with a warning: its clip is not
    recorded as finished either, and is done again.

    Args:
        log: The file.
        where: Its name, for the warning.
    """
    latest: dict[tuple[str, str], LedgerRow] = {}
    damaged: list[int] = []
    for number, line in enumerate(log.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
        except (CorruptSourceError, TypeError, ValueError):
            damaged.append(number)
            continue
        latest[row.clip_id, row.stage] = row
    if damaged:
        logger.warning(
            "%s: %d of its lines are no rows (line %s) and are left out; killed runs and full disks leave such lines",
            where, len(damaged), ", ".join(map(str, damaged[:5])) + (", ..." if len(damaged) > 5 else ""),
        )  # fmt: skip
    return sorted(latest.values())


def format_ledger(rows: Iterable[LedgerRow]) -> bytes:
    """Format a ledger, sorted."""
    return b"".join(row.line() for row in sorted(rows))


def _row(line: bytes) -> LedgerRow:
    row = LedgerRow(**parse_json_object(line, "a line", "it is left out"))
    if not all(isinstance(value, str) for value in asdict(row).values()):
        raise ValueError("a value is not a string")
    if not (row.clip_id and row.stage):
        raise ValueError("it has no clip or no stage")
    if row.status not in get_args(Status):
        raise ValueError("an unknown status")
    return row
