"""Any CSV table: ``file`` or ``url``, and if wanted ``person_id``, ``video_id``, ``start``, ``end`` and a box."""

import os
from pathlib import Path, PurePosixPath

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.processing.crop.csv_rows import TableRow, read_csv
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.celebv import LARGEST_FRACTION
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, read_rows, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideos
from mmvoxceleb.processing.decoders import FPS

__all__ = ["table_videos"]

_EDGES = ("left", "top", "right", "bottom")
_COLUMNS = ("file", "url", "person_id", "video_id", "start", "end", *_EDGES)


def table_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> SourceVideos:
    """List the videos of a table.

    ``file`` is a path below ``raw``; ``url`` an address for ``--download``. Without ``person_id`` a video is a person
    of its own. ``start`` and ``end`` are seconds, by default the whole video. ``left``, ``top``, ``right`` and
    ``bottom`` are pixels of the video, or fractions of its sides where none of them is over 1.5; without them the face
    is looked for.

    Raises:
        SourceUnavailableError: The folder or the table is not there.
        CorruptSourceError: A column is wrong, or no row is right. A wrong row among right ones is in ``refused``.
    """
    path = Path(listed)
    columns, rows = read_csv(path, "the table")
    _check_columns(path, columns)
    found = [(f"{path.name}, line {row.line}", f"line {row.line}", row) for row in rows]
    return videos_of(*read_rows(found, _names, _entry), VideoFiles(raw), str(path))


def _check_columns(path: Path, columns: list[str]) -> None:
    unknown = [name for name in columns if name not in _COLUMNS]
    edges = [name for name in _EDGES if name in columns]
    problem = ""
    if "file" not in columns and "url" not in columns:
        problem = "it has neither the column file nor url"
    elif unknown:
        problem = f"it has the unknown column {shortened(', '.join(unknown))}"
    elif edges and len(edges) < len(_EDGES):
        problem = f"of a box it has only {', '.join(edges)}"
    if problem:
        raise CorruptSourceError(f"{path}: {problem}; the known columns are {', '.join(_COLUMNS)}")


def _names(row: TableRow) -> tuple[str, str]:
    file, url, video = (row.values.get(name, "") for name in ("file", "url", "video_id"))
    video = video or (PurePosixPath(file).stem if file else youtube_id(url) or PurePosixPath(url).stem)
    return row.values.get("person_id") or video, video


def _entry(row: TableRow, place: str) -> Entry:
    if row.problem:
        raise ValueError(row.problem)
    values = {name: row.values.get(name, "") for name in _COLUMNS}
    file, url = values["file"], values["url"]
    if not file and not url:
        raise ValueError("it has neither a file nor a url")
    start = _number(values, "start") if values["start"] else 0.0
    end = _number(values, "end") if values["end"] else None
    box = None
    if any(values[name] for name in _EDGES):
        left, top, right, bottom = (_number(values, name) for name in _EDGES)
        box = left, top, right, bottom
    side = 1.0 if box is not None and max(map(abs, box)) <= LARGEST_FRACTION else None
    clip = ListedClip(start, end, box, side, side)
    name = f"{round(start * FPS):06d}-" + ("end" if end is None else f"{round(end * FPS):06d}")
    return Entry(*_names(row), name, clip, url, (PurePosixPath(file).as_posix(),) if file else (), place)


def _number(values: dict[str, str], column: str) -> float:
    try:
        return float(values[column])
    except ValueError:
        raise ValueError(f"its {column} is {quoted(values[column])}, no number") from None
