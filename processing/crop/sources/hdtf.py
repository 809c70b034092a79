"""HDTF's folder HDTF_dataset: ``<set>_video_url.txt``, ``_annotion_time.txt``, ``_crop_wh.txt``, ``_resolution.txt``.

``Radio11 https://...``; ``Radio11.mp4 00:30-01:00 01:30-02:30``; ``Radio11_0.mp4 left width top height`` in pixels of a
picture as high as ``Radio11.mp4 720`` says. The README calls left and top "min_width" and "min_height".
"""

import os
import re
from pathlib import Path

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["hdtf_videos"]

_TIMES = "_annotion_time.txt"
_NUMBER = re.compile(r"\d+$")


def hdtf_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos of HDTF. They may be called as HDTF calls them (``Radio11.mp4``) or by their YouTube id.

    A person is the name of the video without the number at its end (``CarolynMaloney1`` and ``2`` are one), but for the
    speakers of the radio, who are numbered. A clip that has no box in the list is searched for a face.

    Raises:
        SourceUnavailableError: The folder or its lists are not there.
        CorruptSourceError: A line has another form; file and line are named.
    """
    folder = Path(listed)
    lists = sorted(folder.glob(f"*{_TIMES}")) if folder.is_dir() else []
    if not lists:
        raise SourceUnavailableError(f"{folder}: it has no list <set>{_TIMES}; pass HDTF's folder HDTF_dataset")
    entries: list[Entry] = []
    for times in lists:
        others = {
            kind: _table(times.with_name(times.name.replace(_TIMES, f"_{kind}.txt")))
            for kind in ("video_url", "crop_wh", "resolution")
        }
        for video, (number, parts) in _table(times).items():
            try:
                entries += _entries(video, parts, others)
            except (ValueError, IndexError) as error:
                raise CorruptSourceError(f"{times}, line {number}: {shortened(error)}; get the lists again") from error
    return videos_of(entries, VideoFiles(raw), str(folder))


_Table = dict[str, tuple[int, list[str]]]


def _entries(video: str, parts: list[str], others: dict[str, _Table]) -> list[Entry]:
    url = " ".join(others["video_url"].get(video, (0, []))[1])
    video_id = youtube_id(url) or video
    person = video if video.startswith("Radio") else _NUMBER.sub("", video) or video
    entries = []
    for number, part in enumerate(parts):
        start, _, end = part.partition("-")
        box = others["crop_wh"].get(f"{video}_{number}")
        height = others["resolution"].get(video)
        clip = ListedClip(_seconds(start), _seconds(end))
        if box is not None and height is not None:
            left, width, top, rows = (float(value) for value in box[1][:4])
            edges = (left, top, left + width, top + rows)
            clip = ListedClip(_seconds(start), _seconds(end), edges, None, float(height[1][0]))
        entries.append(Entry(person, video_id, f"{video}_{number}", clip, url, (video,)))
    return entries


def _table(path: Path) -> _Table:
    """Read lines of a name and values, by the name without ``.mp4``."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the list cannot be read ({error.strerror}); check the file") from error
    except UnicodeDecodeError as error:
        raise CorruptSourceError(f"{path}: is not UTF-8; get the lists again") from error
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    return {fields[0].removesuffix(".mp4"): (number, fields[1:]) for number, fields in rows}


def _seconds(text: str) -> float:
    """Read ``01:30`` or ``1:01:30``."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
