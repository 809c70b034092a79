"""Videos that no list speaks of: who they are stands in their names and places, or in a table of the user's."""

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TypeAlias

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.meta.videos import VideoRecord, VideoRecords
from mmvoxceleb.processing.crop.csv_rows import read_csv
from mmvoxceleb.processing.crop.names import PartNames, plain_name
from mmvoxceleb.processing.crop.sources.files import FoundVideo, VideoFiles, video_of
from mmvoxceleb.processing.crop.videos import WHOLE_VIDEO, SourceVideo, SourceVideos, Utterance, fingerprint

__all__ = ["free_videos"]

logger = logging.getLogger(__name__)

_Names: TypeAlias = tuple[str, str, str | None]
"""Person, video and utterance; None where the video is whole."""

_Found: TypeAlias = tuple[FoundVideo | None, str, _Names]
"""A file, None where it is not there; its place; its names."""

_VOXCELEB_ID = re.compile(r"id\d{5}")


def free_videos(
    raw: str | os.PathLike[str],
    identities: str | os.PathLike[str] | None = None,
    *,
    earlier: VideoRecords | None = None,
) -> SourceVideos:
    """List the videos of a folder that nobody annotated, or a single video.

    The identity comes from ``identities`` where it names the file, else from the file's name ``PERSON#VIDEO.mp4``, else
    from its place ``PERSON/VIDEO/UTTERANCE.mp4`` or ``PERSON/VIDEO.mp4``; a file with none of these is a person of its
    own. Where two files would have one key (``x.mp4``, ``x.mkv``), the second gets a mark made from its path. The one
    of which ``earlier`` says that it was cropped under this key keeps it.

    Args:
        raw: A folder, or one video.
        identities: A CSV file with the columns ``file`` (relative to ``raw``) and ``person_id``, and if wanted
            ``video_id``. A file that it names and that is not there is listed without a path.
        earlier: The videos that are done in the output, if there is one.

    Raises:
        SourceUnavailableError: There is nothing.
        CorruptSourceError: ``identities`` lacks a column, or a row says nothing; the line is named.
    """
    files = VideoFiles(raw)
    files.require()
    named = _read_identities(Path(identities)) if identities is not None else {}
    found: list[_Found] = []
    for each in files.found:
        place = each.relative.as_posix()
        found.append((each, place, named.pop(place) if place in named else _name_parts(each.relative, files.root)))
    found += [(files.at(place), place, parts) for place, parts in named.items()]
    not_taken = files.not_taken(named)
    if not_taken:
        logger.info("%s: %s", plain_name(raw), not_taken)
    videos = _named(found)
    if earlier is not None and (keepers := _keepers(found, videos, earlier)):
        videos = _named(sorted(found, key=lambda each: each[1] not in keepers))
    videos.sort(key=lambda video: (video.person_id, video.video_id, video.utterances[0].name))
    return SourceVideos(videos, not_taken=not_taken)


def _keepers(found: Sequence[_Found], videos: Sequence[SourceVideo], earlier: VideoRecords) -> set[str]:
    """Return the places of files that come second to a key, and were cropped under it before the first one came."""
    by_key = {video.key: video for video in videos}
    keepers = set()
    for (here, place, parts), video in zip(found, videos, strict=True):
        if not video.note:
            continue
        person_id, video_id, utterance, _ = PartNames().give(*parts, place)
        key = video_of(person_id, video_id, here, (Utterance(utterance or WHOLE_VIDEO),)).key
        record = earlier.read(key) if key != video.key else None
        if record is not None and _is_of(record, video) and not (key in by_key and _is_of(record, by_key[key])):
            keepers.add(place)
    return keepers


def _is_of(record: VideoRecord, video: SourceVideo) -> bool:
    """Return whether a video is the file that a record is of."""
    with contextlib.suppress(SourceUnavailableError):
        return video.path is not None and fingerprint(video.path) == record.inputs.get("video")
    return False


def _named(found: Iterable[_Found]) -> list[SourceVideo]:
    """Name the videos, in this order: the first one of a key has it."""
    names = PartNames()
    videos = []
    for here, place, parts in found:
        person_id, video_id, utterance, note = names.give(*parts, place)
        wanted = (Utterance(utterance or WHOLE_VIDEO, note=note),)
        videos.append(video_of(person_id, video_id, here, wanted))
    return videos


def _name_parts(relative: PurePath, root: PurePath) -> _Names:
    stem, folders = relative.stem, relative.parts[:-1]
    above = (*root.parts[-2:], *folders)[-2:]
    if len(above) == 2 and _VOXCELEB_ID.fullmatch(above[0]):  # also where one person's folder was given, or one video's
        folders = above
    person_id, *others = stem.removesuffix(".txt").split("#")
    if person_id and others and others[0]:
        utterance = "-".join(others[1:]).replace(".txt", "")
        return person_id, others[0], utterance if utterance not in ("", WHOLE_VIDEO) else None
    if len(folders) >= 2:
        return folders[-2], folders[-1], stem if stem != WHOLE_VIDEO else None
    return folders[-1] if folders else stem, stem, None


def _read_identities(path: Path) -> dict[str, _Names]:
    columns, rows = read_csv(path, "the identities")
    missing = [name for name in ("file", "person_id") if name not in columns]
    if missing or not rows:
        lacking = f"the column {' and '.join(missing)}" if missing else "rows"
        raise CorruptSourceError(
            f"{path}: the identities lack {lacking}; expected file, person_id, and optionally video_id"
        )
    named: dict[str, _Names] = {}
    for row in rows:
        file, person_id = row.values["file"], row.values["person_id"]
        if row.problem or not file or not person_id:  # a wrong row is no reason to guess who somebody is
            raise CorruptSourceError(f"{path}, line {row.line}: {row.problem or 'it names no file or no person'}")
        named[Path(file).as_posix()] = (person_id, row.values.get("video_id") or Path(file).stem, None)
    return named
