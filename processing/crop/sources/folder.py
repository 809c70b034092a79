"""Videos that no list speaks of: who they are stands in their names and places, or in a table of the user's."""

import csv
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TypeAlias

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.crop.names import PartNames
from mmvoxceleb.processing.crop.sources.files import FoundVideo, VideoFiles, video_of
from mmvoxceleb.processing.crop.videos import WHOLE_VIDEO, SourceVideo, Utterance

__all__ = ["free_videos"]

_Names: TypeAlias = tuple[str, str, str | None]
"""Person, video and utterance; None where the video is whole."""

_VOXCELEB_ID = re.compile(r"id\d{5}")


def free_videos(raw: str | os.PathLike[str], identities: str | os.PathLike[str] | None = None) -> list[SourceVideo]:
    """List the videos of a folder that nobody annotated, or a single video.

    The identity comes from ``identities`` where it names the file, else from the file's name ``PERSON#VIDEO.mp4``, else
    from its place ``PERSON/VIDEO/UTTERANCE.mp4`` or ``PERSON/VIDEO.mp4``; a file with none of these is a person of its
    own. Where two files would have one key (``x.mp4``, ``x.mkv``), the second gets a mark made from its path.

    Args:
        raw: A folder, or one video.
        identities: A CSV file with the columns ``file`` (relative to ``raw``) and ``person_id``, and if wanted
            ``video_id``. A file that it names and that is not there is listed without a path.

    Raises:
        SourceUnavailableError: There is nothing.
        CorruptSourceError: ``identities`` lacks a column.
    """
    files = VideoFiles(raw)
    files.require()
    named = _read_identities(Path(identities)) if identities is not None else {}
    found: list[tuple[FoundVideo | None, str, _Names]] = []
    for each in files.found:
        place = each.relative.as_posix()
        found.append((each, place, named.pop(place) if place in named else _name_parts(each.relative, files.root)))
    found += [(None, place, parts) for place, parts in named.items()]
    names = PartNames()
    videos = []
    for here, place, parts in found:
        person_id, video_id, utterance, note = names.give(*parts, place)
        wanted = (Utterance(utterance or WHOLE_VIDEO),)
        videos.append(video_of(person_id, video_id, here, wanted, note))
    return sorted(videos, key=lambda video: (video.person_id, video.video_id, video.utterances[0].name))


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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows: Sequence[dict[str, str]] = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise SourceUnavailableError(f"{path}: the identities cannot be read ({error}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorruptSourceError(f"{path}: this is not a CSV file ({error})") from error
    known: Iterable[str] = rows[0] if rows else ()
    missing = [name for name in ("file", "person_id") if name not in known]
    if missing:
        raise CorruptSourceError(
            f"{path}: the identities lack the column {' and '.join(missing)}; expected file, person_id, and optionally "
            "video_id"
        )
    named: dict[str, _Names] = {}
    for number, row in enumerate(rows, 2):
        file_name, person_id = (row["file"] or "").strip(), (row["person_id"] or "").strip()
        if not file_name or not person_id:
            raise CorruptSourceError(f"{path}, line {number}: it names no file or no person")
        video_id = (row.get("video_id") or "").strip() or Path(file_name).stem
        named[Path(file_name).as_posix()] = (person_id, video_id, None)
    return named
