"""What the readers of lists share: from rows to entries, and from entries to the videos that they are cut from."""

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.quoting import quoted, shortened
from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.processing.crop.listed import ListedClip
from mmvoxceleb.processing.crop.names import PartNames, part_of_name
from mmvoxceleb.processing.crop.sources.files import VideoFiles, video_of
from mmvoxceleb.processing.crop.videos import BAD_ROW, SourceVideos, Utterance

__all__ = ["Entry", "ListRow", "list_bytes", "name_in", "read_rows", "refused_row", "videos_of", "youtube_id"]

logger = logging.getLogger(__name__)

_YOUTUBE = re.compile(r"(?:[?&]v=|youtu\.be/|/shorts/|/embed/)([\w-]{11})(?![\w-])")
_T = TypeVar("_T")

ListRow = tuple[str, str, _T]
"""Where a row stands (``mine.csv, line 3``), what to call it beside its video (``line 3``), and the row."""


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
        place: Where it stands in the list.

    Raises:
        ValueError: The address is none of the web.
    """

    person: str
    video: str
    utterance: str
    clip: ListedClip
    url: str = ""
    files: tuple[str, ...] = ()
    place: str = ""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"{quoted(self.url)} is not a web address (https://...)")


def youtube_id(url: str) -> str | None:
    """Find the id of a video in an address of YouTube."""
    match = _YOUTUBE.search(url)
    return match[1] if match else None


def name_in(record: dict[str, Any], key: str) -> str:
    """Read a name from a JSON object.

    Raises:
        ValueError: It is empty, or no name.
    """
    value = record[key]
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise ValueError(f"its {key} is {quoted(value)}")
    return str(value)


def list_bytes(path: Path) -> bytes:
    """Read a list.

    Raises:
        SourceUnavailableError: It is not there, or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the list cannot be read ({error.strerror}); check the path") from error


def read_rows(
    rows: Iterable[ListRow[_T]],
    names: Callable[[_T], tuple[str, str]],
    entry: Callable[[_T, str], Entry],
) -> tuple[list[Entry], list[LedgerRow]]:
    """Read the rows of a list; those that are wrong are told, each by itself.

    Args:
        rows: The rows.
        names: Person and video of a row; empty where it does not say.
        entry: The clip of a row, from it and from where it stands.

    Returns:
        The clips; and a row of the ledger for each that is none.
    """
    entries: list[Entry] = []
    refused: list[LedgerRow] = []
    for place, name, row in rows:
        person = video = ""
        try:
            person, video = names(row)
            entries.append(entry(row, place))
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else shortened(error)
            refused.append(refused_row(place, name, why, person, video))
    return entries, refused


def refused_row(place: str, name: str, why: str, person: str = "", video: str = "") -> LedgerRow:
    """Say in the ledger that a row of a list is none: under the names of its clip, as far as the row gives them."""
    told = f"{part_of_name(person or video)}#{part_of_name(video or name)}#{part_of_name(name)}.txt"
    input_name = told if person or video else shortened(place.encode("utf-8", "backslashreplace").decode())
    return LedgerRow(input_name, CROP, "rejected", f"{BAD_ROW}: {place}: {why}; correct the row")


def videos_of(entries: Iterable[Entry], refused: list[LedgerRow], files: VideoFiles, where: str) -> SourceVideos:
    """Group the entries of a list by person and video, sorted; videos that are not there too.

    Raises:
        CorruptSourceError: There is no entry.
    """
    names = PartNames()
    grouped: dict[tuple[str, str], list[tuple[Entry, Utterance]]] = {}
    seen: dict[tuple[str, str, str, ListedClip], str] = {}
    for entry in sorted(entries, key=lambda each: (each.person, each.video, each.clip.start_seconds, each.utterance)):
        same = entry.person, entry.video, entry.utterance, entry.clip
        if seen.setdefault(same, entry.place) != entry.place:
            name = entry.place.rpartition(", ")[2]
            refused.append(refused_row(entry.place, name, f"it repeats {seen[same]}", entry.person, entry.video))
            continue
        mark = f"{entry.person}#{entry.video}#{entry.utterance}#{entry.clip.start_seconds}#{entry.clip.box_xyxy}"
        origin = f"{entry.place} ({quoted(f'{entry.person}#{entry.video}#{entry.utterance}')})"
        person_id, video_id, utterance, note = names.give(
            entry.person, entry.video, entry.utterance, mark, origin=origin
        )
        assert utterance is not None
        wanted = Utterance(utterance, listed=entry.clip, note=note)
        grouped.setdefault((person_id, video_id), []).append((entry, wanted))
    if not grouped and refused:
        raise CorruptSourceError(f"{where}: none of its {len(refused)} rows can be used; {refused[0].reason}")
    if not grouped:
        raise CorruptSourceError(f"{where}: it lists no clips; check the file and --list-form")
    videos = SourceVideos(refused=refused)
    for (person_id, video_id), found in sorted(grouped.items()):
        first = found[0][0]
        known = [files.at(name) or files.by_id(name) for name in (*first.files, first.video)]
        here = next((each for each in known if each is not None), None)
        utterances = tuple(utterance for _, utterance in found)
        videos.append(video_of(person_id, video_id, here, utterances, first.url))
    return videos
