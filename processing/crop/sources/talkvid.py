"""TalkVid's list, a JSON list of clips: ``id``, ``start-time``, ``end-time``, and in ``info`` person and address.

It has no boxes, so the face is looked for.
"""

import os
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, list_bytes, name_in, read_rows, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideos

__all__ = ["talkvid_videos"]


def talkvid_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> SourceVideos:
    """List the videos of TalkVid; persons are its ``Person ID``.

    Raises:
        SourceUnavailableError: The folder or the list is not there.
        CorruptSourceError: The list has another form. A wrong clip among right ones is in ``refused``.
    """
    path = Path(listed)
    content = parse_json(list_bytes(path), str(path), "get the list again", finite=False)
    if not isinstance(content, list):
        raise CorruptSourceError(f"{path}: is not a list of clips; get it again")
    rows = [(f"{path.name}, clip {number}", f"clip {number}", record) for number, record in enumerate(content, 1)]
    return videos_of(*read_rows(rows, _names, _entry), VideoFiles(raw), str(path))


def _names(record: dict[str, Any]) -> tuple[str, str]:
    return name_in(record["info"], "Person ID"), youtube_id(str(record["info"]["Video Link"])) or ""


def _entry(record: dict[str, Any], place: str) -> Entry:
    person, video = _names(record)
    url = str(record["info"]["Video Link"])
    if not video:
        raise ValueError(f"its Video Link {quoted(url)} is not a YouTube video")
    name = name_in(record, "id")
    clip = ListedClip(float(record["start-time"]), float(record["end-time"]))
    return Entry(person, video, name.partition(f"{video}-")[2] or name, clip, url, place=place)
