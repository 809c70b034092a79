"""The results of cropping a source video: clips, and the reasons for rejections."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.processing.crop.listed import ManualLabel
from mmvoxceleb.processing.crop.uprightness import TURNED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmvoxceleb.processing.decoders.probe import VideoInfo
    from mmvoxceleb.processing.decoders.timeline import Timeline

__all__ = ["IGNORED_TURN", "PLACE", "CroppedClip", "Rejection", "SourceResult", "Unwanted", "missing_of"]

IGNORED_TURN = "ignored_turn_degrees"
"""In the provenance of a clip: the angle of a display matrix that was not applied."""
_MISSING = "missing_seconds"
"""In the provenance of a clip: how much of the end of its video is not there."""
_CUT_OFF_IN = "cut_off_in"
"""In the provenance of a clip: in which part of its container a video ends, where nothing says how much is gone."""
PLACE = ("source", "start", "face_box_xyxy_px")
"""Keys of the provenance that say of what a clip was cropped, besides the settings."""


class CroppedClip(NamedTuple):
    """One clip whose frames are not decoded yet.

    Args:
        clip_id: Id of the clip.
        frames: Iterator over the frames, each uint8 [size_px, size_px, 3], RGB. Take all frames before you ask for the
            next clip; afterwards the iterator raises ConfigError. It raises CorruptSourceError if frames are missing in
            the video.
        meta: Provenance of the clip, as JSON values. ``end``, ``num_frames``, ``frames`` (numbers of dropped, doubled
            and undecodable frames) and the sharpness and motion under ``quality`` are complete once ``frames`` is
            exhausted.
        label: The attributes that the list of clips gives for this clip; None if it gives none.
    """

    clip_id: str
    frames: "Iterator[NDArray[np.uint8]]"
    meta: dict[str, Any]
    label: ManualLabel | None = None

    @property
    def remark(self) -> str:
        """Remark about the clip for the ledger, or an empty string."""
        video = self.meta["video"]
        told = []
        if _MISSING in video:
            told.append(f"its video is cut off: {video[_MISSING]:g} s at its end are missing")
        if _CUT_OFF_IN in video:
            told.append(f"its video is cut off: the file ends in the middle of {video[_CUT_OFF_IN]}")
        if IGNORED_TURN in video:
            told.append(f"not turned: its video is to be shown turned by {video[IGNORED_TURN]:g} degrees")
        if TURNED in self.meta:
            told.append(f"its face seems turned by {self.meta[TURNED]} degrees: rotate the video, and crop it again")
        return "; ".join(told)

    def is_same(self, section: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
        """Return whether an earlier run already made this clip with the same options.

        Args:
            section: The provenance of the crop in the earlier clip.
            options: The current options of the crop.
        """
        same = all(section.get(key) == self.meta[key] for key in PLACE)
        return same and section.get("settings") == options and isinstance(section.get("num_frames"), int)


def missing_of(info: "VideoInfo", timeline: "Timeline") -> dict[str, Any]:
    """Return what the provenance of a clip says of a video that is cut off, as JSON values; empty if it seems whole."""
    seconds = timeline.missing_seconds(info)
    if seconds:
        return {_MISSING: round(seconds, 2)}
    return {} if info.cut_off_in is None else {_CUT_OFF_IN: info.cut_off_in}


@dataclass(frozen=True)
class Rejection:
    """The reason why an utterance or a tube did not become a clip. ``str()`` gives it as one sentence.

    Args:
        name: Name of the utterance (``id10001#1zcIwhmdeo4#00001.txt``), or the id that the clip would have.
        code: The reason in a few words, such as ``too small``, by which rejections are counted.
        detail: Details of the reason, such as sizes; may be empty.
    """

    name: str
    code: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code


class Unwanted(Exception):  # noqa: N818  not an error: a verdict
    """Ends the crop of an utterance that gives no clip.

    Args:
        rejection: Why.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(str(rejection))
        self.rejection = rejection


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
