"""TalkVid's list, a JSON list of clips: ``id``, ``start-time``, ``end-time``, and in ``info`` person and address.

It has no boxes, so the face is looked for.
"""

import os
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.json_text import parse_json
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, videos_of, youtube_id
from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["talkvid_videos"]


def talkvid_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> list[SourceVideo]:
    """List the videos of TalkVid; persons are its ``Person ID``.

    Raises:
        SourceUnavailableError: The folder or the list is not there.
        CorruptSourceError: The list has another form; the entry is named.
    """
    path = Path(listed)
    try:
        content = parse_json(path.read_bytes(), str(path), "get the list again")
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the list cannot be read ({error.strerror}); check the path") from error
    if not isinstance(content, list):
        raise CorruptSourceError(f"{path}: is not a list of clips; get it again")
    entries = []
    for number, record in enumerate(content, 1):
        try:
            entries.append(_entry(record))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else shortened(error)
            raise CorruptSourceError(f"{path}: clip {number} is invalid: {what}") from error
    return videos_of(entries, VideoFiles(raw), str(path))


def _entry(record: dict[str, Any]) -> Entry:
    about = record["info"]
    url = str(about["Video Link"])
    video = youtube_id(url)
    if video is None:
        raise ValueError(f"its Video Link {url!a} is not a YouTube video")
    name = str(record["id"])
    clip = ListedClip(float(record["start-time"]), float(record["end-time"]))
    return Entry(str(about["Person ID"]), video, name.partition(f"{video}-")[2] or name, clip, url)
