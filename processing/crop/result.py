"""What came of one source video."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.processing.crop.cropping import Rejection

__all__ = ["SourceResult"]


@dataclass
class SourceResult:
    """What came of one source video.

    Args:
        key: Person and video.
        rows: A ledger row for every tube, and for every utterance that gave none.
        num_frames: Frames written, or found written by an earlier run.
        removed: Clips that were not made, or were deleted again, because they are on the removal list.
    """

    key: str
    rows: list[LedgerRow] = field(default_factory=list)
    num_frames: int = 0
    removed: list[str] = field(default_factory=list)

    def add(self, clip_id: str, num_frames: int, remark: str = "") -> None:
        """Note a clip that is in the store, and what is odd about it."""
        self.rows.append(LedgerRow(clip_id, CROP, "done", remark))
        self.num_frames += num_frames

    def reject(self, rejection: Rejection) -> None:
        """Note what gives no clip."""
        self.rows.append(LedgerRow(rejection.name, CROP, "rejected", str(rejection)))

    def close(self, note: str = "", *, notes: Mapping[str, str] | None = None) -> None:
        """Sort the rows, and add to each what is to be said of the video, or by name of its utterance."""
        self.rows = sorted(_noted(row, note or (notes or {}).get(_utterance(row), "")) for row in self.rows)


def _utterance(row: LedgerRow) -> str:
    return row.clip_id.split("#")[2].removesuffix(".txt")


def _noted(row: LedgerRow, note: str) -> LedgerRow:
    if not note:
        return row
    between = "" if not row.reason else "; " if ":" in row.reason else ": "  # up to the colon it is a word for counting
    return replace(row, reason=f"{row.reason}{between}{note}")
