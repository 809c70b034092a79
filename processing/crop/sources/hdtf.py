"""HDTF's folder HDTF_dataset: ``<set>_video_url.txt``, ``_annotion_time.txt``, ``_crop_wh.txt``, ``_resolution.txt``.

``Radio11 https://...``; ``Radio11.mp4 00:30-01:00 01:30-02:30``; ``Radio11_0.mp4 left width top height`` in pixels of a
picture as high as ``Radio11.mp4 720`` says. The README calls left and top "min_width" and "min_height".
"""

import os
import re
from pathlib import Path
from typing import NamedTuple

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, ListRow, list_bytes, read_rows, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideos

__all__ = ["hdtf_videos"]

_TIMES = "_annotion_time.txt"
_NUMBER = re.compile(r"\d+$")


def hdtf_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> SourceVideos:
    """List the videos of HDTF. They may be called as HDTF calls them (``Radio11.mp4``) or by their YouTube id.

    A person is the name of the video without the number at its end (``CarolynMaloney1`` and ``2`` are one), but for the
    speakers of the radio, who are numbered. A clip that has no box in the list is searched for a face.

    Raises:
        SourceUnavailableError: The folder or its lists are not there.
        CorruptSourceError: A list is not UTF-8, or no line is right. A wrong one among right ones is in ``refused``.
    """
    folder = Path(listed)
    lists = sorted(folder.glob(f"*{_TIMES}")) if folder.is_dir() else []
    if not lists:
        raise SourceUnavailableError(f"{folder}: it has no list <set>{_TIMES}; pass HDTF's folder HDTF_dataset")
    rows: list[ListRow[_Part]] = []
    seen: set[str] = set()
    for times in lists:
        others = {
            kind: _table(times.with_name(times.name.replace(_TIMES, f"_{kind}.txt")))
            for kind in ("video_url", "crop_wh", "resolution")
        }
        for number, video, parts in _lines(times):
            place = f"{times.name}, line {number}"
            rows += [
                (place, f"{video}_{part}", _Part(video, part, time, others, video in seen))
                for part, time in enumerate(parts or [""])
            ]
            seen.add(video)
    return videos_of(*read_rows(rows, _names, _entry), VideoFiles(raw), str(folder))


_Table = dict[str, tuple[int, list[str]]]


class _Part(NamedTuple):
    video: str
    number: int
    time: str
    others: dict[str, _Table]
    is_repeat: bool

    @property
    def url(self) -> str:
        return " ".join(self.others["video_url"].get(self.video, (0, []))[1])


def _names(part: _Part) -> tuple[str, str]:
    video = part.video
    person = video if video.startswith("Radio") else _NUMBER.sub("", video) or video
    return person, youtube_id(part.url) or video


def _entry(part: _Part, place: str) -> Entry:
    if part.is_repeat:
        raise ValueError(f"a line before it names {quoted(part.video)}, too")
    start, dash, end = part.time.partition("-")
    if not dash:
        raise ValueError(f"it has {quoted(part.time)} in place of times like 00:30-01:00")
    name = f"{part.video}_{part.number}"
    box, height = part.others["crop_wh"].get(name), part.others["resolution"].get(part.video)
    clip = ListedClip(_seconds(start), _seconds(end))
    if box is not None and height is not None:
        try:
            left, width, top, rows = (float(value) for value in box[1][:4])
            edges = (left, top, left + width, top + rows)
            clip = ListedClip(_seconds(start), _seconds(end), edges, None, float(height[1][0]))
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"its box (crop_wh, line {box[0]}; resolution, line {height[0]}) is none: {shortened(error)}"
            ) from error
    return Entry(*_names(part), name, clip, part.url, (part.video,), place)


def _table(path: Path) -> _Table:
    return {name: (number, values) for number, name, values in _lines(path)}


def _lines(path: Path) -> list[tuple[int, str, list[str]]]:
    """Read the number of each line, its name without ``.mp4``, and its values."""
    if not path.exists():
        return []
    try:
        lines = list_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"{path}: is not UTF-8; get the lists again") from error
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    return [(number, fields[0].removesuffix(".mp4"), fields[1:]) for number, fields in rows]


def _seconds(text: str) -> float:
    """Read ``01:30`` or ``1:01:30``."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
