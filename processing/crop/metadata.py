"""Read ``vox-metadata.csv`` of video-preprocessing: the boxes and frames of clips that were once cut.

Its boxes are the union of the detections grown by 0.1 on each side and not yet made square (the shortest "longer side"
of all rows is 306 px, which is 1.2 times the limit of 256); a crop of the original's shape is the square around it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.processing.crop.annotations import LARGEST_EDGE, LARGEST_FRAME
from mmvoxceleb.processing.crop.csv_rows import TableRow, read_csv

__all__ = ["BadRow", "Metadata", "MetadataRow", "read_metadata"]

COLUMNS = ("video_id", "start", "end", "bbox", "fps", "width", "height")
"""What both dialects have; ``person_id`` is a column of its own or a part of ``video_id`` after a ``#``."""


@dataclass(frozen=True, order=True)
class MetadataRow:
    """One clip.

    Args:
        person_id: The identity.
        video_id: YouTube's id.
        start: First frame, at ``fps`` a second from the start of the video.
        end: Frame after the last.
        box_xyxy_px: Left, top, right, bottom in a picture of ``width_px`` x ``height_px``; may reach beyond it.
        fps: Always 25 in the published file.
        width_px: Width of the reference picture.
        height_px: Height of the reference picture.
        chunk: 0, and counted on where a person has several boxes for the same frames of a video.
    """

    person_id: str
    video_id: str
    start: int
    end: int
    box_xyxy_px: tuple[int, int, int, int]
    fps: float
    width_px: int
    height_px: int
    chunk: int = 0

    @property
    def utterance(self) -> str:
        """The third part of the clip's key. The file names no utterance, so it is ``start-end``, ``003657-003994``."""
        return f"{self.start:06d}-{self.end:06d}"

    @property
    def is_beyond_frame(self) -> bool:
        """Whether the box reaches beyond the reference picture."""
        left, top, right, bottom = self.box_xyxy_px
        return left < 0 or top < 0 or right > self.width_px or bottom > self.height_px


class BadRow(NamedTuple):
    """A line that is not a row: which, why, and person and video as far as it says."""

    line: int
    problem: str
    person_id: str
    video_id: str


@dataclass(frozen=True)
class Metadata:
    """A whole file.

    Args:
        rows: Sorted, without repeats.
        num_rows: Rows in the file.
        num_duplicates: Rows that repeat another in every column.
        num_in_both_splits: Further rows that repeat another but for the split (persons id10282 and id10306).
        num_beyond_frame: Rows of the file whose box reaches beyond the picture.
        bad: Rows that are none.
    """

    rows: tuple[MetadataRow, ...]
    num_rows: int
    num_duplicates: int
    num_in_both_splits: int
    num_beyond_frame: int
    bad: tuple[BadRow, ...] = ()


def read_metadata(path: str | os.PathLike[str]) -> Metadata:
    """Read a file of either dialect: 9 columns with ``person_id``, or 8 with ``video#person`` as ``video_id``.

    Raises:
        SourceUnavailableError: There is no such file.
        CorruptSourceError: It lacks columns, or no row is what it should be; the first line is named.
    """
    path = Path(path)
    columns, lines = read_csv(path, "the metadata")
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise CorruptSourceError(
            f"{path}: the metadata lacks the column {', '.join(missing)}; "
            f"it has {shortened(', '.join(columns)) or 'none'}"
        )
    seen: set[tuple[str, ...]] = set()
    unique: set[MetadataRow] = set()
    bad: list[BadRow] = []
    num_duplicates = num_in_both_splits = num_beyond_frame = 0
    for line in lines:
        try:
            row = _row(line)
        except ValueError as error:
            bad.append(BadRow(line.line, str(error), *_names(line)))
            continue
        num_beyond_frame += row.is_beyond_frame
        fields = tuple(line.values.values())
        if fields in seen:
            num_duplicates += 1
        elif row in unique:
            num_in_both_splits += 1
        seen.add(fields)
        unique.add(row)
    if bad and not unique:
        raise CorruptSourceError(f"{path}, line {bad[0].line}: {bad[0].problem}")
    rows = tuple(_number(sorted(unique)))
    return Metadata(rows, len(lines), num_duplicates, num_in_both_splits, num_beyond_frame, tuple(bad))


def _names(line: TableRow) -> tuple[str, str]:
    """Read person and video."""
    video_id, _, person_id = line.values.get("video_id", "").partition("#")
    return line.values.get("person_id") or person_id, video_id


def _row(line: TableRow) -> MetadataRow:
    record = line.values
    person_id, video_id = _names(line)
    try:
        if line.problem:
            raise ValueError(line.problem)
        left, top, right, bottom = (round(float(edge)) for edge in _edges(record["bbox"]))
        row = MetadataRow(
            person_id=person_id,
            video_id=video_id,
            start=int(record["start"]),
            end=int(record["end"]),
            box_xyxy_px=(left, top, right, bottom),
            fps=float(record["fps"]),
            width_px=int(record["width"]),
            height_px=int(record["height"]),
        )
    except (ValueError, OverflowError) as error:
        raise ValueError(f"this is not a row of the metadata ({shortened(error)})") from error
    problem = None
    if not (video_id and person_id):
        problem = "it names no person; expected a column person_id, or video#person as video_id"
    elif any(character in "#/\\" or not character.isprintable() for character in video_id + person_id):
        problem = f"{quoted(video_id)} and {quoted(person_id)} cannot be names of a video and a person"
    elif not (left < right and top < bottom and row.width_px > 0 and row.height_px > 0 and row.fps > 0):
        problem = f"its box {shortened(record['bbox'])} or its picture size is empty"
    elif not 0 <= row.start < row.end:
        problem = f"it ends ({shortened(row.end)}) before it starts ({shortened(row.start)})"
    elif row.end > LARGEST_FRAME or max(map(abs, row.box_xyxy_px)) > LARGEST_EDGE or not row.fps < LARGEST_EDGE:
        problem = "its frames, box or frame rate are beyond any video's"
    if problem:
        raise ValueError(problem)
    return row


def _edges(text: str) -> list[str]:
    """Split ``624-48-1018-553``, where an edge may be negative: ``-5-48-1018-553``."""
    edges: list[str] = []
    sign = ""
    for part in text.split("-"):
        if part == "":
            sign = "-"
            continue
        edges.append(sign + part)
        sign = ""
    if len(edges) != 4:
        raise ValueError(f"expected a box left-top-right-bottom, got {quoted(text)}")
    return edges


def _number(rows: Iterable[MetadataRow]) -> list[MetadataRow]:
    """Count those that would have the same key."""
    from dataclasses import replace

    counts: dict[tuple[str, str, int, int], int] = {}
    numbered = []
    for row in rows:
        key = (row.person_id, row.video_id, row.start, row.end)
        chunk = counts.get(key, 0)
        counts[key] = chunk + 1
        numbered.append(replace(row, chunk=chunk))
    return numbered
