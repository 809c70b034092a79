"""The checks of one clip, and the checks over all keys. They read nothing themselves."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.codecs.pictures import check_picture
from mmvoxceleb.codecs.png import decode_picture
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.modalities import LABEL, META, TEXT, Folder
from mmvoxceleb.sample import SWAPPED_SIDES_SHA256
from mmvoxceleb.schema import ClipId, split_of
from mmvoxceleb.stores import Entry
from mmvoxceleb.validation.report import Problem

__all__ = ["check_entries", "check_label", "check_leaks", "check_picture_file", "check_sides", "check_text", "ranges"]

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
    if folder.modality == "video":
        gaps = sorted(set(range(max(indices) + 1)) - set(indices)) if max(indices) < 10**6 else []
        if gaps:
            yield Problem("gap", f"frame {ranges(gaps)} is not there", clip_id, str(folder))
    elif frames is not None and (alone := sorted(set(indices) - frames)):
        yield Problem("unmatched", f"frame {ranges(alone)} is not in the video", clip_id, str(folder))


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
        return Problem("picture", _without_place(error, clip_id, file), clip_id, file), (0, 0)
    if folder.modality == "mask":
        try:
            read_mask_ids(data, clip_id=clip_id, name=file)
        except MMVoxCelebError as error:
            return Problem("colour", _without_place(error, clip_id, file), clip_id, file), size
    return None, size


def check_label(clip_id: str, data: bytes) -> Iterator[Problem]:
    """Check that a label has 40 values that are 0 or 1 (or -1 for one that was left out on purpose)."""
    try:
        LABEL.parse(data, clip_id=clip_id)
    except MMVoxCelebError as error:
        yield Problem("label", _without_place(error, clip_id), clip_id, "label")


def check_text(clip_id: str, data: bytes) -> Iterator[Problem]:
    """Check that a text is UTF-8 and says something."""
    try:
        if not TEXT.parse(data, clip_id=clip_id):
            yield Problem("text", "has no sentence", clip_id, "txt")
    except MMVoxCelebError as error:
        yield Problem("text", _without_place(error, clip_id), clip_id, "txt")


def check_sides(clip_id: str, data: bytes) -> Iterator[Problem]:
    """Check by a clip's provenance that its masks are not of the sample models that exchanged left and right."""
    try:
        section = META.parse(data, clip_id=clip_id).get("mask")
    except MMVoxCelebError:
        return  # said where the provenance is needed
    if SWAPPED_SIDES_SHA256 in str(section):
        message = "left and right are exchanged: made by old sample models; regenerate the masks"
        yield Problem("sides", message, clip_id, "mask")


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


def _without_place(error: Exception, clip_id: str, file: str = "") -> str:
    """Take the clip and file from the front of a message, as the report names them itself."""
    message = str(error)
    for front in (f"clip {clip_id}, {file}: ", f"clip {clip_id}: "):
        message = message.removeprefix(front)
    return message
