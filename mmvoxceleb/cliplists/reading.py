"""Read a clip list: its own file, a plain one with a name in each line, or names that were given as they are."""

import os
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from mmvoxceleb.cliplists.clip_list import FORMAT, FORMAT_VERSION, ClipList, StoreMark, digest_of
from mmvoxceleb.cliplists.steps import ChoiceStep
from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.whole import name_of, read_whole
from mmvoxceleb.schema import ClipId

__all__ = ["Clips", "as_clip_list", "parse_clip_list", "read_clip_list"]

Clips = Iterable[str] | str | os.PathLike[str] | ClipList
"""What ``clips=`` takes: names, one name, the path or URL of a clip list, or a clip list."""

_MOST_BYTES = 256 << 20
"""Of four million names."""
_ADVICE = "get the list again, or make it anew: mmvoxceleb select STORE -o list.json"


def as_clip_list(clips: Clips | None) -> ClipList | None:
    """Return what ``clips=`` means; None for no choice.

    A text that is the name of a clip is that clip, and any other the path or URL of a clip list.

    Raises:
        SourceUnavailableError: There is no such file.
        CorruptSourceError: It is not a clip list, or it was changed.
        ConfigError: It is of a later version.
    """
    if clips is None or isinstance(clips, ClipList):
        return clips
    if isinstance(clips, str) and ClipId.matches(clips):
        return ClipList.of([clips])
    if isinstance(clips, str | os.PathLike):
        return read_clip_list(clips)
    return ClipList.of(clips)


def read_clip_list(location: str | os.PathLike[str]) -> ClipList:
    """Read a clip list, or a text file with one clip id per line, such as the viewer exports.

    Args:
        location: Path or URL of the file.

    Raises:
        SourceUnavailableError: The file cannot be read.
        CorruptSourceError: The file is neither of these, names no clip, or was changed after it was made, so that its
            hash does not match.
        ConfigError: The file has a later version of the format than this package reads.
    """
    return parse_clip_list(read_whole(location, most_bytes=_MOST_BYTES), os.fspath(location))


def parse_clip_list(data: bytes, where: str) -> ClipList:
    """Read the content of a clip list.

    Args:
        data: The file.
        where: Its path or URL, for messages; the last part of it names the list.

    Raises:
        CorruptSourceError: It is not a clip list, or was changed.
        ConfigError: It is of a later version.
    """
    if data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        return _of_content(parse_json_object(data, where, _ADVICE), where)
    return ClipList.of(_lines(data, where), name=name_of(where))


def _lines(data: bytes, where: str) -> list[str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptSourceError(
            f"{where}: is no clip list: not UTF-8 ({error.reason} at byte {error.start}); {_ADVICE}"
        ) from None
    names = []
    for number, line in enumerate(text.split("\n"), 1):
        if name := line.strip():
            if not ClipId.matches(name):
                raise CorruptSourceError(
                    f"{where}, line {number}: {quoted(name)} is not the name of a clip, such as "
                    "id11248#yDqlBD8m_b8#00004.txt#000.mp4; a clip list is the JSON file of mmvoxceleb select, or has "
                    "the name of a clip in each line"
                )
            names.append(name)
    if not names:
        raise CorruptSourceError(f"{where}: names no clip; {_ADVICE}")
    return names


def _of_content(content: Mapping[str, Any], where: str) -> ClipList:
    if content.get("format") != FORMAT:
        raise CorruptSourceError(f"{where}: is JSON, but no clip list (its format is not {FORMAT!r}); {_ADVICE}")
    version = content.get("version")
    if type(version) is not int or version < 1:
        raise CorruptSourceError(f"{where}: has no version; {_ADVICE}")
    if version > FORMAT_VERSION:
        raise ConfigError(f"{where}: is a clip list of version {version}; this mmvoxceleb reads 1: update it")
    if digest_of(content) != content.get("sha256"):
        raise CorruptSourceError(
            f"{where}: was changed after it was made: its hash is {digest_of(content)[:12]}..., and it says "
            f"{str(content.get('sha256'))[:12]}...; get the list again. To change the clips on purpose, write their "
            "names into a plain file, one a line"
        )
    clips = content.get("clips")
    if not isinstance(clips, list) or not clips or not all(isinstance(clip, str) for clip in clips):
        raise CorruptSourceError(f"{where}: has no list of names as 'clips'; {_ADVICE}")
    wrong = next((clip for clip in clips if not ClipId.matches(clip)), None)
    if wrong is not None:
        raise CorruptSourceError(f"{where}: {quoted(wrong)} is not the name of a clip; {_ADVICE}")
    if any(before >= after for before, after in pairwise(clips)):
        raise CorruptSourceError(f"{where}: its clips are not sorted, or one is there twice; {_ADVICE}")
    try:
        return ClipList(
            tuple(clips),
            tuple(ChoiceStep.from_json(step) for step in _list(content.get("conditions", []))),
            _store(content.get("store")),
            _versions(content.get("versions", {})),
            str(content.get("created", "")),
            name=name_of(where),
        )
    except ValueError as error:
        raise CorruptSourceError(f"{where}: {error}; {_ADVICE}") from None


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("'conditions' is no list")
    return value


def _store(value: Any) -> StoreMark | None:
    if value is None:
        return None
    if isinstance(value, dict) and type(value.get("clips")) is int and isinstance(value.get("sha256"), str):
        return StoreMark(value["clips"], value["sha256"])
    raise ValueError("'store' does not say how many clips it has, and their hash")


def _versions(value: Any) -> dict[str, str]:
    if isinstance(value, dict) and all(isinstance(version, str) for version in value.values()):
        return value
    raise ValueError("'versions' are no texts by name")
