"""CelebV-HQ's celebvhq_info.json and CelebV-Text's celebvtext_info.json.

Both name clips ``<YouTube id>_<number>`` with times in seconds. CelebV-HQ's boxes are fractions of the sides;
CelebV-Text's are described as pixels and used as fractions by its script, so they are told apart by their values.
Nobody says who the persons are: each video counts as a person.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.processing.crop.listed import ListedClip, ManualLabel
from mmvoxceleb.processing.crop.sources.files import VideoFiles
from mmvoxceleb.processing.crop.sources.grouping import Entry, list_bytes, name_in, read_rows, videos_of
from mmvoxceleb.processing.crop.videos import SourceVideos
from mmvoxceleb.schema import ATTRIBUTES, attribute_index

__all__ = ["celebv_videos"]

LARGEST_FRACTION = 1.5
"""Boxes up to here are fractions, as in VoxCeleb2's annotations."""

_Record = tuple[str, Any]

_SPELLED = {"blonde_hair": "Blond_Hair"}
"""How CelebV-HQ spells an attribute that CelebA spells otherwise."""


def celebv_videos(raw: str | os.PathLike[str], listed: str | os.PathLike[str]) -> SourceVideos:
    """List the videos of CelebV-HQ or CelebV-Text.

    CelebV-HQ's 40 appearance attributes become manual labels: the 37 that CelebA has too, by name; -1 for CelebA's
    ``Attractive``, ``Mouth_Slightly_Open`` and ``Smiling``.

    Raises:
        SourceUnavailableError: The folder or the list is not there.
        CorruptSourceError: The list has another form. A wrong clip among right ones is in ``refused``.
    """
    path = Path(listed)
    data = list_bytes(path)
    content = parse_json_object(data, str(path), "get the list again", finite=False)
    clips = content.get("clips", content)
    about = content.get("meta_info")
    names = about.get("appearance_mapping") if isinstance(about, dict) else None
    places = _places(names, path) if names is not None else None
    digest = hashlib.sha256(data).hexdigest()
    if not isinstance(clips, dict):
        raise CorruptSourceError(f"{path}: its clips are not an object with clip names as keys; get the list again")
    rows = [
        (f"{path.name}, clip {quoted(name)}", _part(name, record), (name, record)) for name, record in clips.items()
    ]

    def entry(row: _Record, place: str) -> Entry:
        return _entry(*row, places, path.name, digest, place)

    return videos_of(*read_rows(rows, _names, entry), VideoFiles(raw), str(path))


def _names(row: _Record) -> tuple[str, str]:
    video = name_in(row[1], "ytb_id")
    return video, video


def _part(name: str, record: Any) -> str:
    video = record.get("ytb_id") if isinstance(record, dict) else None
    return name.removeprefix(f"{video}_") or name


def _entry(
    name: str, record: dict[str, Any], places: list[int | None] | None, file: str, digest: str, place: str
) -> Entry:
    video, times, edges = name_in(record, "ytb_id"), record["duration"], record["bbox"]
    start = times["start_sec"] if "start_sec" in times else times["start_frame"]  # both hold seconds
    end = times["end_sec"] if "end_sec" in times else times["end_frame"]
    left, top, right, bottom = (float(edges[edge]) for edge in ("left", "top", "right", "bottom"))
    box = left, top, right, bottom
    side = 1.0 if max(box) <= LARGEST_FRACTION else None
    label = None
    attributes = record.get("attributes")
    if places is not None and attributes is not None:
        label = ManualLabel(_label(attributes["appearance"], places), file, digest)
    clip = ListedClip(float(start), float(end), box, side, side, label)
    return Entry(video, video, _part(name, record), clip, place=place)


def _places(names: Any, path: Path) -> list[int | None]:
    """Find the column of a label for each attribute of the list; None for those that CelebA has not."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CorruptSourceError(f"{path}: its appearance_mapping is not a list of names; get the list again")
    places: list[int | None] = []
    for name in names:
        try:
            places.append(attribute_index(_SPELLED.get(name.lower()) or name))
        except ConfigError:
            places.append(None)
    known = [place for place in places if place is not None]
    if len(set(known)) != len(known):
        raise CorruptSourceError(f"{path}: its appearance_mapping names an attribute twice; get the list again")
    return places


def _label(values: Any, places: list[int | None]) -> tuple[int, ...]:
    if not isinstance(values, list) or len(values) != len(places):
        raise ValueError(f"it has {len(values)} appearance values, and appearance_mapping {len(places)} names")
    if any(type(value) is not int or value not in (0, 1) for value in values):
        raise ValueError("an appearance value is neither 0 nor 1")
    label = [-1] * len(ATTRIBUTES)
    for place, value in zip(places, values, strict=True):
        if place is not None:
            label[place] = value
    return tuple(label)
