"""Who was taken out of a store, so that no later run brings them back."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmvoxceleb.errors import (
    ConfigError,
    CorruptSourceError,
    MissingModalityError,
)
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ClipId

__all__ = ["REMOVALS_PATH", "Removals", "parse_removals"]

REMOVALS_PATH = f"{META.folder_name}/removed.jsonl"
"""Where the list is in a store: one JSON object a line, ``{"person_id": "id10001"}``."""

_FIELDS = ("person_id", "video_id", "clip_id")
_LINES = (*_FIELDS, "elsewhere")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[!-~]+")

_ADVICE = "mend it before going on, for nobody on it may come back"


@dataclass(frozen=True)
class Removals:
    """Identities, videos and clips that were removed.

    Names are compared regardless of their Unicode form (composed or not), and identities also regardless of case.

    Args:
        person_id: Identities, such as ``id10001``, of which all clips are removed.
        video_id: YouTube ids of videos of which all clips are removed.
        clip_id: Single clips that are removed.
        elsewhere: Addresses of further removal lists that the owner of the store asks users to obey. They are not
            opened because they are listed here; see :mod:`mmvoxceleb.meta.removal_feed`.

    Raises:
        ConfigError: A value is not a valid identity, video id, clip id or address.
    """

    person_id: frozenset[str] = field(default_factory=frozenset)
    video_id: frozenset[str] = field(default_factory=frozenset)
    clip_id: frozenset[str] = field(default_factory=frozenset)
    elsewhere: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name in _LINES:
            for value in getattr(self, name):
                if problem := _problem(name, value):
                    raise ConfigError(f"{name} {value!a} {problem}")

    def __contains__(self, clip_id: str) -> bool:
        """Return whether a clip must not be there.

        Raises:
            CorruptSourceError: ``clip_id`` is not the name of a clip.
        """
        if not self:
            return False
        clip = ClipId.parse(clip_id)
        return self.has_video(clip.person_id, clip.video_id) or _clip_key(clip) in self._clips

    def __bool__(self) -> bool:
        return bool(self.person_id or self.video_id or self.clip_id)

    def __or__(self, other: "Removals") -> "Removals":
        return Removals(*(getattr(self, name) | getattr(other, name) for name in _LINES))

    def __sub__(self, other: "Removals") -> "Removals":
        return Removals(*(getattr(self, name) - getattr(other, name) for name in _LINES))

    def without(self, others: "Removals") -> "Removals":
        """Return those entries of which the others do not already say all."""
        return Removals(
            frozenset(name for name in self.person_id if not others.has_video(name, "")),
            frozenset(name for name in self.video_id if not others.has_video("", name)),
            frozenset(name for name in self.clip_id if name not in others),
        )

    def has_video(self, person_id: str, video_id: str) -> bool:
        """Return whether all clips of a person in a video must not be there."""
        return _person_key(person_id) in self._persons or _key(video_id) in self._videos

    def keep(self, clip_ids: Iterable[str]) -> list[str]:
        """Return the clips that are not removed, in their order."""
        return [clip_id for clip_id in clip_ids if clip_id not in self] if self else list(clip_ids)

    def keep_some(self, clip_ids: Iterable[str], location: str) -> list[str]:
        """Return the clips of a store that are not removed, in their order.

        Raises:
            MissingModalityError: None is left.
        """
        kept = self.keep(clip_ids)
        if not kept:
            raise MissingModalityError(f"{location}: all its clips are on the removal list, {REMOVALS_PATH}")
        return kept

    def unmatched(self, clip_ids: Iterable[str]) -> list[str]:
        """List the entries that match none of some clips, as ``person_id 'id10001'``: taken out, or misspelt."""
        clips = [ClipId.parse(clip_id) for clip_id in clip_ids] if self else []
        persons = {_person_key(clip.person_id) for clip in clips}
        videos = {_key(clip.video_id) for clip in clips}
        keys = {_clip_key(clip) for clip in clips} if self.clip_id else set()
        found = [f"person_id {name!r}" for name in sorted(self.person_id) if _person_key(name) not in persons]
        found += [f"video_id {name!r}" for name in sorted(self.video_id) if _key(name) not in videos]
        found += [f"clip_id {name!r}" for name in sorted(self.clip_id) if _clip_key(ClipId.parse(name)) not in keys]
        return found

    def entries(self) -> list[str]:
        """List the entries as :meth:`unmatched` does."""
        return self.unmatched(())

    def lines(self) -> list[str]:
        """Format the list as the lines of its file, sorted."""
        return [json.dumps({name: value}) for name in _LINES for value in sorted(getattr(self, name))]

    def to_bytes(self) -> bytes:
        """Format the list as its file."""
        return "".join(f"{line}\n" for line in self.lines()).encode()

    @cached_property
    def _persons(self) -> frozenset[str]:
        return frozenset(map(_person_key, self.person_id))

    @cached_property
    def _videos(self) -> frozenset[str]:
        return frozenset(map(_key, self.video_id))

    @cached_property
    def _clips(self) -> frozenset[tuple[str, str, str, int]]:
        return frozenset(_clip_key(ClipId.parse(clip_id)) for clip_id in self.clip_id)


def parse_removals(data: bytes, where: str) -> Removals:
    """Read the content of a removal list.

    Args:
        data: The file.
        where: Its name, for messages.

    Raises:
        CorruptSourceError: A line cannot be understood.
    """
    found: dict[str, set[str]] = {name: set() for name in _LINES}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        here = f"{where}, line {number}"
        content = parse_json_object(line, here, _ADVICE)
        if len(content) != 1 or not content.keys() <= found.keys():
            raise CorruptSourceError(
                f"{here}: not {{'person_id' | 'video_id' | 'clip_id' | 'elsewhere': ...}} with one of them; {_ADVICE}"
            )
        ((name, value),) = content.items()
        if problem := _problem(name, value):
            raise CorruptSourceError(f"{here}: {name} {str(value)[:60]!a} {problem}; {_ADVICE}")
        found[name].add(value)
    return Removals(*(frozenset(found[name]) for name in _LINES))


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _person_key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _clip_key(clip: ClipId) -> tuple[str, str, str, int]:
    return _person_key(clip.person_id), _key(clip.video_id), _key(clip.utterance), clip.chunk


def _problem(name: str, value: Any) -> str:
    """Say why a value can be no name; empty where it can."""
    if not isinstance(value, str):
        return "is no text"
    if not value or value != value.strip():
        return "begins or ends with a space" if value else "is empty"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if name == "elsewhere":
        return "" if _ADDRESS.fullmatch(value) else "is no address, such as https://lab.example/removed.jsonl"
    if name == "clip_id":
        return "" if ClipId.matches(value) else "is no clip, such as id11248#yDqlBD8m_b8#00004.txt#000.mp4"
    return "has a character that no name has (# / \\)" if set(value) & set("#/\\") else ""
