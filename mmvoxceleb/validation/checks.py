"""The checks of one clip, and the checks over all keys. They read nothing themselves."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from mmvoxceleb.codecs.pictures import check_picture
from mmvoxceleb.codecs.png import decode_picture
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.modalities import VIDEO, FileModality, Folder, FrameModality, frame_modalities
from mmvoxceleb.schema import ClipId, split_of
from mmvoxceleb.stores import Entry
from mmvoxceleb.validation.report import Problem

__all__ = ["check_entries", "check_file", "check_leaks", "check_meta", "check_picture_file", "ranges"]

_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
_NUMBER = re.compile(r"\D*0*(\d+)\D*")


def ranges(values: Iterable[int], *, most: int = 4) -> str:
    """Write ascending numbers shortly: ``3, 7-12, 20``; after ``most`` parts only how many more numbers there are."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    parts = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]]
    rest = sum(last - first + 1 for first, last in runs[most:])
    return ", ".join(parts) + (f" and {rest:,} more" if rest else "")


def is_picture(entry: Entry) -> bool:
    """Tell by its name whether a file should be a picture."""
    return entry.name.lower().endswith(_PICTURE_SUFFIXES)


def check_entries(folder: Folder, clip_id: str, entries: Sequence[Entry], frames: set[int] | None) -> Iterator[Problem]:
    """Check the names and sizes of a clip's pictures in one folder.

    Args:
        folder: A folder of pictures.
        clip_id: The key.
        entries: What is there.
        frames: Indices of the clip's frames, for masks and drawings; ``None`` where the clip has no video.
    """
    for entry in entries:
        if not is_picture(entry):
            yield Problem("stray", "is no PNG or JPEG file", clip_id, f"{folder}/{entry.name}")
        elif entry.size == 0:
            yield Problem("empty", "has 0 bytes", clip_id, f"{folder}/{entry.name}")
    indices = [entry.index for entry in entries if is_picture(entry)]
    if not indices:
        yield Problem("empty", "has no pictures", clip_id, str(folder))
        return
    twice = sorted(index for index, count in Counter(indices).items() if count > 1)
    if twice:
        yield Problem("repeat", f"several files for frame {ranges(twice)}", clip_id, str(folder))
    if isinstance(folder.kind, FrameModality) and folder.kind.is_timeline:
        gaps = sorted(set(range(max(indices) + 1)) - set(indices)) if max(indices) < 10**6 else []
        if gaps:
            yield Problem("gap", f"{_named(gaps)} missing", clip_id, str(folder))
    elif frames is not None and (alone := sorted(set(indices) - frames)):
        yield Problem("unmatched", f"{_named(alone)} not in the video", clip_id, str(folder))


def _named(indices: Sequence[int]) -> str:
    return f"frame {ranges(indices)} is" if len(indices) == 1 else f"frames {ranges(indices)} are"


def check_picture_file(folder: Folder, clip_id: str, name: str, data: bytes) -> tuple[Problem | None, tuple[int, int]]:
    """Decode a picture completely.

    Args:
        folder: A folder of pictures.
        clip_id: The key.
        name: The file.
        data: Its content.

    Returns:
        What is wrong, if anything, and the picture's width and height in pixels ((0, 0) where it is damaged).
    """
    file = f"{folder}/{name}"
    try:
        check_picture(data, clip_id=clip_id, name=file)
        height, width = decode_picture(data, where=f"clip {clip_id}, {file}").shape[:2]
        size = width, height
    except MMVoxCelebError as error:
        return Problem("picture", _without_place(str(error), clip_id, file), clip_id, file), (0, 0)
    assert isinstance(folder.kind, FrameModality)
    for kind, message in folder.kind.problems(data, clip_id=clip_id, name=file):
        return Problem(kind, _without_place(message, clip_id, file), clip_id, file), size
    return None, size


def check_file(
    folder: Folder, clip_id: str, data: bytes, frames: set[int] | None = None, *, deep: bool = False
) -> Iterator[Problem]:
    """Check the one file of a clip in a folder.

    Args:
        folder: Where it is.
        clip_id: The key.
        data: Its content.
        frames: Indices of the clip's frames; ``None`` where the clip has no video.
        deep: Also check what takes longer.
    """
    if isinstance(folder.kind, FileModality):
        found = [folder.kind.problems(data, clip_id=clip_id)]
        if frames is not None:
            found.append(folder.kind.problems_beside(data, frames, clip_id=clip_id))
        if deep:
            found.append(folder.kind.problems_inside(data, clip_id=clip_id))
        for kind, message in itertools.chain.from_iterable(found):
            yield Problem(kind, _without_place(message, clip_id), clip_id, str(folder))


def check_meta(
    clip_id: str, meta: Mapping[str, Any], held: Set[str], num_frames: int | None = None
) -> Iterator[Problem]:
    """Check what a clip's provenance says of the modalities that are ``held``, and of its ``num_frames``, if any."""
    crop = meta.get(CROP)
    told = crop.get("num_frames") if isinstance(crop, Mapping) else None
    if num_frames is not None and isinstance(told, int) and told != num_frames:
        yield Problem("gap", f"has {num_frames:,} frames; its provenance says {told:,}", clip_id, str(VIDEO.folder()))
    for modality in frame_modalities():
        if modality.name in held:
            for kind, message in modality.problems_of_meta(meta.get(modality.name)):
                yield Problem(kind, message, clip_id, modality.folder_name)


def check_leaks(clip_ids: Iterable[str]) -> Iterator[Problem]:
    """Find persons and YouTube videos of which clips fall into both splits.

    A person's split follows from the identity's name, so a person is in both when the name is written in two ways
    (``id10270`` and ``ID10270``); a video is when two persons in it are of different splits.
    """
    splits_of_person: dict[str, set[str]] = defaultdict(set)
    persons_of_video: dict[str, set[str]] = defaultdict(set)
    names_of_person: dict[str, set[str]] = defaultdict(set)
    for clip_id in clip_ids:
        clip = ClipId.parse(clip_id)
        match = _NUMBER.fullmatch(clip.person_id)
        person = match[1] if match else clip.person_id.casefold()
        splits_of_person[person].add(split_of(clip.person_id))
        names_of_person[person].add(clip.person_id)
        persons_of_video[clip.video_id].add(clip.person_id)
    for person, splits in sorted(splits_of_person.items()):
        if len(splits) > 1:
            names = ", ".join(sorted(names_of_person[person]))
            yield Problem("leak", f"one person under several names, in train and in test: {names}")
    for video, persons in sorted(persons_of_video.items()):
        sides = {split_of(person) for person in persons}
        if len(sides) > 1:
            yield Problem("leak", f"video {video} is in train and in test: {', '.join(sorted(persons))}")


def _without_place(message: str, clip_id: str, file: str = "") -> str:
    """Take the clip and file from the front of a message, as the report names them itself."""
    for front in (f"clip {clip_id}, {file}: ", f"clip {clip_id}: "):
        message = message.removeprefix(front)
    return message
