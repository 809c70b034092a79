"""Read VoxCeleb's annotation files ``txt/<person>/<video>/<utterance>.txt``.

VoxCeleb1 gives boxes in pixels of a picture 360 px high, VoxCeleb2 as fractions of the sides; both count frames at
25 a second from the start of the video. Names and values are padded with blanks, and some files have CRLF.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import quoted, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Annotation", "annotation_files", "read_annotation"]

REFERENCE_HEIGHT_PX = 360
"""Height of the picture that VoxCeleb1's boxes are measured in (``REF_FRAME_SIZE`` of crop_vox.py)."""

COLUMNS = ("FRAME", "X", "Y", "W", "H")
LARGEST_FRAME = 25 * 3600 * 24 * 2
"""No video is longer than two days; a frame number beyond it is damage."""
LARGEST_EDGE = 1e5
"""In pixels; the largest pictures there are have a third of it."""
LARGEST_FRACTION = 1.5
"""Values up to here can be fractions: a box may reach a little beyond the picture."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """One utterance.

    Args:
        path: The file.
        identity: ``Identity`` of the header; empty where it has none.
        reference: ``Reference`` of the header, the video's id; empty where it has none.
        header: All header lines by name: ``Offset`` (sound to picture, frames), ``FV Conf`` (face verification),
            ``ASD Conf`` (active speaker).
        frames: int64 [N], ascending frame numbers at 25 a second.
        boxes_xywh: float64 [N, 4], left, top, width, height in pixels at 360 px height or as fractions.
        is_fraction: Whether the boxes are fractions of width and height (VoxCeleb2).
    """

    path: Path
    frames: "NDArray[np.int64]"
    boxes_xywh: "NDArray[np.float64]"
    is_fraction: bool
    identity: str = ""
    reference: str = ""
    header: dict[str, str] = field(default_factory=dict)

    def boxes_px(self, width_px: int, height_px: int) -> "NDArray[np.float64]":
        """Return the boxes in a picture of this size: float64 [N, 4], left, top, right, bottom."""
        if self.is_fraction:
            scale = np.array([width_px, height_px, width_px, height_px], np.float64)
        else:
            scale = np.full(4, height_px / REFERENCE_HEIGHT_PX)
        boxes = self.boxes_xywh * scale
        boxes[:, 2:] += boxes[:, :2]
        return boxes

    def boxes_on_every_frame(self, width_px: int, height_px: int) -> "NDArray[np.float64]":
        """Return a box for every frame from the first to the last annotated; gaps are interpolated."""
        wanted = np.arange(self.frames[0], self.frames[-1] + 1)
        boxes = self.boxes_px(width_px, height_px)
        return np.stack([np.interp(wanted, self.frames, boxes[:, edge]) for edge in range(4)], axis=1)


def annotation_files(folder: str | os.PathLike[str]) -> Iterator[tuple[str, str, Path]]:
    """List (person, video, file) of a folder of annotations, sorted.

    The folder may be ``txt`` itself or one that holds it (also as ``dev/txt`` or ``vox1_dev_txt/txt``), or a single
    person's.

    Raises:
        SourceUnavailableError: There is no such folder, or no annotation in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SourceUnavailableError(f"{root}: no such folder of annotations; pass VoxCeleb's folder txt")
    files = sorted(
        path
        for path in root.rglob("*.txt")
        if path.is_file() and not any(part.startswith(".") or part == "__MACOSX" for part in path.parts[-4:])
    )
    found = [
        (path.parent.parent.name, path.parent.name, path) for path in files if path.parent.resolve() != root.resolve()
    ]
    if not found:
        raise SourceUnavailableError(
            f"{root}: it holds no annotation; expected files <person>/<video>/<utterance>.txt, "
            "such as id10001/1zcIwhmdeo4/00001.txt"
        )
    yield from found


def read_annotation(path: str | os.PathLike[str]) -> Annotation:
    """Read one utterance. The columns are found by the line that begins with ``FRAME``.

    Raises:
        SourceUnavailableError: The file cannot be read.
        CorruptSourceError: It has no table, lacks columns or rows, or a value is not a number.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the annotation cannot be read ({error}); check the path") from error
    header: dict[str, str] = {}
    for number, line in enumerate(lines):
        if line.lstrip("\ufeff ").upper().startswith("FRAME"):
            frames, boxes = _read_table(path, line, lines[number + 1 :], number + 2)
            break
        name, colon, value = line.partition(":")
        if colon:
            header[name.strip()] = value.strip()
    else:
        what = "is empty" if not any(line.strip() for line in lines) else "has no line that begins with FRAME"
        raise CorruptSourceError(f"{path}: the annotation {what}; get it again, or remove it")
    values = boxes[np.isfinite(boxes)]
    return Annotation(
        path=path,
        frames=frames,
        boxes_xywh=boxes,
        is_fraction=bool(np.abs(values).max() <= LARGEST_FRACTION),
        identity=header.get("Identity", ""),
        reference=header.get("Reference", ""),
        header=header,
    )


def _read_table(
    path: Path, head: str, lines: list[str], first_number: int
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    names = [name.strip().upper() for name in head.lstrip("\ufeff").replace(",", "\t").split("\t")]
    if len(names) == 1:
        names = names[0].split()
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise CorruptSourceError(
            f"{path}: the annotation lacks the column {', '.join(missing)} (it has {shortened(', '.join(names))}); "
            "get it again"
        )
    places = [names.index(name) for name in COLUMNS]
    rows = []
    for number, line in enumerate(lines, first_number):
        if not line.strip():
            continue
        fields = line.replace(",", "\t").split("\t") if "\t" in line or "," in line else line.split()
        try:
            row = [float(fields[place]) for place in places]
        except (IndexError, ValueError) as error:
            raise CorruptSourceError(
                f"{path}: line {number} is not a frame and a box: {quoted(line.strip())}"
            ) from error
        if not _is_possible(row):
            raise CorruptSourceError(f"{path}: line {number} has an impossible frame or box: {quoted(line.strip())}")
        rows.append(row)
    if not rows:
        raise CorruptSourceError(f"{path}: the annotation has a header and no frames; remove it")
    table = np.array(rows, np.float64)
    # one box a frame, in order
    frames, first = np.unique(table[:, 0].astype(np.int64), return_index=True)
    return frames, table[first, 1:]


def _is_possible(row: list[float]) -> bool:
    frame, left, top, width, height = row
    return (
        all(map(np.isfinite, row))
        and 0 <= frame <= LARGEST_FRAME
        and frame == int(frame)
        and 0 <= width <= LARGEST_EDGE
        and 0 <= height <= LARGEST_EDGE
        and abs(left) <= LARGEST_EDGE
        and abs(top) <= LARGEST_EDGE
    )
