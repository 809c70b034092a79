"""Any CSV table: ``file`` or ``url``, and if wanted ``person_id``, ``video_id``, ``start``, ``end`` and a box."""

import csv
import os
from pathlib import Path, PurePosixPath

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.celebv import LARGEST_FRACTION
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.decoders import FPS

__all__ = ["table_videos"]

_EDGES = ("left", "top", "right", "bottom")
_COLUMNS = ("file", "url", "person_id", "video_id", "start", "end", *_EDGES)


def table_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos of a table.

    ``file`` is a path below ``raw``; ``url`` an address for ``--download``. Without ``person_id`` a video is a person
    of its own. ``start`` and ``end`` are seconds, by default the whole video. ``left``, ``top``, ``right`` and
    ``bottom`` are pixels of the video, or fractions of its sides where none of them is over 1.5; without them the face
    is looked for.

    Raises:
        SourceUnavailableError: The folder or the table is not there.
        CorruptSourceError: A column or a value is wrong; the line is named.
    """
    path = Path(listed)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            _check_columns(path, columns)
            entries = [_entry(path, reader.line_num, row) for row in reader]
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the table cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptSourceError(f"{path}: this is not a CSV file ({error})") from error
    return videos_of(entries, VideoFiles(raw), str(path))


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


def _entry(path: Path, line: int, row: dict[str, str]) -> Entry:
    values = {name: (row.get(name) or "").strip() for name in _COLUMNS}
    try:
        file, url = values["file"], values["url"]
        if not file and not url:
            raise ValueError("it has neither a file nor a url")
        video = values["video_id"] or (PurePosixPath(file).stem if file else youtube_id(url) or PurePosixPath(url).stem)
        start = float(values["start"] or 0)
        end = float(values["end"]) if values["end"] else None
        edges = [values[name] for name in _EDGES]
        box = tuple(float(edge) for edge in edges) if any(edges) else None
        side = 1.0 if box is not None and max(map(abs, box)) <= LARGEST_FRACTION else None
        clip = ListedClip(start, end, box, side, side)  # type: ignore[arg-type]
    except ValueError as error:
        raise CorruptSourceError(f"{path}, line {line}: {shortened(error)}; fix the table") from error
    name = f"{round(start * FPS):06d}-" + ("end" if end is None else f"{round(end * FPS):06d}")
    return Entry(
        values["person_id"] or video, video, name, clip, url, (PurePosixPath(file).as_posix(),) if file else ()
    )
