"""What the readers of lists share: from entries to the videos that they are cut from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.names import PartNames
from mmvoxceleb.processing.crop.sources.files import VideoFiles, video_of
from mmvoxceleb.processing.crop.videos import SourceVideo, Utterance

__all__ = ["Entry", "videos_of", "youtube_id"]

_YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/shorts/|/embed/)([\w-]{11})(?![\w-])")


@dataclass(frozen=True)
class Entry:
    """One clip of a list.

    Args:
        person: Who it is, as far as the list says.
        video: Name of the video: YouTube's id.
        utterance: Name of the clip in its video.
        clip: Its time and box.
        url: Where the video comes from; empty for YouTube's page of ``video``.
        files: Further names, without suffix, that the video may have on disk; with one, a path below the folder.
    """

    person: str
    video: str
    utterance: str
    clip: ListedClip
    url: str = ""
    files: tuple[str, ...] = ()


def youtube_id(url: str) -> str | None:
    """Find the id of a video in an address of YouTube."""
    match = _YOUTUBE.search(url)
    return match[1] if match else None


def videos_of(entries: Iterable[Entry], files: VideoFiles, where: str) -> list[SourceVideo]:
    """Group the entries of a list by person and video, sorted; videos that are not there too.

    Raises:
        CorruptSourceError: An address is none of the web, or there is no entry.
    """
    names = PartNames()
    places = {found.relative.as_posix(): found for found in files.found}
    grouped: dict[tuple[str, str], list[tuple[Entry, Utterance, str]]] = {}
    for entry in sorted(entries, key=lambda each: (each.person, each.video, each.clip.start_seconds, each.utterance)):
        if entry.url and not entry.url.startswith(("https://", "http://")):
            raise CorruptSourceError(f"{where}: {quoted(entry.url)} is not a web address (https://...); fix the list")
        place = f"{entry.person}#{entry.video}#{entry.utterance}#{entry.clip.start_seconds}#{entry.clip.box_xyxy}"
        person_id, video_id, utterance, note = names.give(entry.person, entry.video, entry.utterance, place)
        assert utterance is not None
        grouped.setdefault((person_id, video_id), []).append((entry, Utterance(utterance, listed=entry.clip), note))
    if not grouped:
        raise CorruptSourceError(f"{where}: it lists no clips; check the file and --list-form")
    videos = []
    for (person_id, video_id), found in sorted(grouped.items()):
        first = found[0][0]
        known = [places.get(name) or files.by_id(name) for name in (*first.files, first.video)]
        here = next((each for each in known if each is not None), None)
        note = next((note for _, _, note in found if note), "")
        utterances = tuple(utterance for _, utterance, _ in found)
        videos.append(video_of(person_id, video_id, here, utterances, note, first.url))
    return videos
