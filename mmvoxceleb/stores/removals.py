"""The removal list of a store: who was taken out, so that no later run brings them back."""

import contextlib
import json
import logging
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import (
    ConfigError,
    CorruptSourceError,
    MissingModalityError,
    MMVoxCelebError,
    SourceUnavailableError,
)
from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.opening import open_tree
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.files.retry import is_missing
from mmvoxceleb.files.tree import FileTree
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES

__all__ = ["REMOVALS_PATH", "Removals", "add_removals", "parse_removals", "read_removals"]

REMOVALS_PATH = "meta/removed.jsonl"
"""Where the list is in a store: one JSON object a line, ``{"person_id": "id10001"}``."""

_FIELDS = ("person_id", "video_id", "clip_id")
logger = logging.getLogger(__name__)
_TOLD: set[tuple[str, int]] = set()

_ADVICE = "mend it before going on, for nobody on it may come back"


@dataclass(frozen=True)
class Removals:
    """Who and what was removed.

    Names mean the same whatever their Unicode form (composed or not), and those of persons in upper and lower case.

    Args:
        person_id: Identities, ``id10001``; all their clips are meant.
        video_id: YouTube ids; all clips cut from that video are meant.
        clip_id: Single clips.

    Raises:
        ConfigError: A value can be no name of a person, a video or a clip.
    """

    person_id: frozenset[str] = field(default_factory=frozenset)
    video_id: frozenset[str] = field(default_factory=frozenset)
    clip_id: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name in _FIELDS:
            for value in getattr(self, name):
                if problem := _problem(name, value):
                    raise ConfigError(f"{name} {value!a} {problem}")

    def __contains__(self, clip_id: str) -> bool:
        """Tell whether a clip must not be there.

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
        return Removals(*(getattr(self, name) | getattr(other, name) for name in _FIELDS))

    def __sub__(self, other: "Removals") -> "Removals":
        return Removals(*(getattr(self, name) - getattr(other, name) for name in _FIELDS))

    def has_video(self, person_id: str, video_id: str) -> bool:
        """Tell whether all clips of a person in a video must not be there."""
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

    def tell_unmatched(self, clip_ids: Iterable[str], location: str) -> None:
        """Warn, once in a process, of entries that match no clip of a store, by their number: logs would keep names."""
        if unmatched := self.unmatched(clip_ids):
            told = location, len(unmatched)
            if told in _TOLD:
                return
            _TOLD.add(told)
            logger.warning(
                "%s/%s: %d of its %d entries match no clip here: right if `mmvoxceleb remove` removed the clips; "
                "otherwise check their spelling",
                location, REMOVALS_PATH, len(unmatched), sum(len(getattr(self, name)) for name in _FIELDS),
            )  # fmt: skip

    def lines(self) -> list[str]:
        """Format the list as the lines of its file, sorted."""
        return [json.dumps({name: value}) for name in _FIELDS for value in sorted(getattr(self, name))]

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


def read_removals(location: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None) -> Removals:
    """Read the removal list of a store; empty where it has none.

    As :func:`mmvoxceleb.stores.open_store` looks one folder down, so are lists there read.

    Args:
        location: A store as :func:`mmvoxceleb.stores.open_store` takes it: a folder, a zip (the list lies beside it),
            or the URL of one.
        storage_options: Passed to fsspec for URLs.

    Raises:
        CorruptSourceError: A line cannot be understood. Nothing should be exported or made before it is mended.
        SourceUnavailableError: It cannot be told whether there is a list, or it cannot be read.
    """
    root = _root_of(location)
    tree = open_tree(root, storage_options)
    found = _read(tree)
    for name in _folders_below(tree) if root == os.path.expanduser(os.fspath(location)) else ():
        found |= _read(tree.below(name))
    for folder in _linked_roots(root, os.path.expanduser(os.fspath(location))):
        found |= _read(LocalTree(folder))
    return found


def _linked_roots(root: str, location: str) -> list[str]:
    """The stores that links of a local store lead to: their lists hold for what they lend."""
    if is_url(root):
        return []
    folder = Path(root)
    links = [Path(location), folder]
    with contextlib.suppress(OSError):
        links += [child for child in folder.iterdir() if child.is_symlink()]
    found = set()
    for link in links:
        target = Path(os.path.realpath(link))
        if target == Path(os.path.abspath(link)):
            continue
        # of a folder of clips or an archive the store is what holds it; of a whole store it is the folder itself
        found |= {str(target), str(target.parent)} if target.is_dir() else {str(target.parent)}
    return sorted(found - {os.path.abspath(root)})


def add_removals(root: str | os.PathLike[str], removals: Removals) -> Removals:
    """Add to the removal list of a local store, and return the whole list.

    Several processes may add at once.

    Raises:
        ConfigError: The store is a URL.
        CorruptSourceError: The list that is there is damaged.
        SourceUnavailableError: It cannot be written.
    """
    from filelock import FileLock

    folder = _root_of(root)
    if is_url(folder):
        raise ConfigError(f"{root}: a removal list is stored next to the data, but this URL cannot be written to")
    path = Path(folder) / REMOVALS_PATH
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            merged = _read(LocalTree(folder)) | removals
            write_atomically(path, merged.to_bytes())
    except MMVoxCelebError:
        raise
    except OSError as error:
        raise SourceUnavailableError(
            f"{path}: the removal list cannot be written ({error.strerror or error}), so nothing was removed; mend the "
            "permissions and run this again"
        ) from error
    return merged


def parse_removals(data: bytes, where: str) -> Removals:
    """Read the content of a removal list.

    Args:
        data: The file.
        where: Its name, for messages.

    Raises:
        CorruptSourceError: A line cannot be understood.
    """
    found: dict[str, set[str]] = {name: set() for name in _FIELDS}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        here = f"{where}, line {number}"
        content = parse_json_object(line, here, _ADVICE)
        if len(content) != 1 or not content.keys() <= found.keys():
            raise CorruptSourceError(
                f"{here}: not {{'person_id' | 'video_id' | 'clip_id': ...}} with one of the three; {_ADVICE}"
            )
        ((name, value),) = content.items()
        if problem := _problem(name, value):
            raise CorruptSourceError(f"{here}: {name} {str(value)[:60]!a} {problem}; {_ADVICE}")
        found[name].add(value)
    return Removals(*(frozenset(found[name]) for name in _FIELDS))


def _read(tree: FileTree) -> Removals:
    where = f"{tree.location.rstrip('/')}/{REMOVALS_PATH}"
    try:
        (data,) = tree.read_files([REMOVALS_PATH], most_bytes=LARGEST_CLIP_BYTES)
    except SourceUnavailableError as error:
        is_dangling = isinstance(tree, LocalTree) and os.path.lexists(where)
        if is_missing(error) and not is_dangling:
            return Removals()
        raise SourceUnavailableError(
            f"{error}. Whether somebody was removed cannot be told, so nothing is done; where there is no removal list "
            f"and never was one, put an empty file there: {where}"
        ) from error
    return parse_removals(data, where)


def _folders_below(tree: FileTree) -> list[str]:
    """List the folders one below, which may be stores of their own; those of a store itself are none."""
    try:
        items = tree.items()
    except SourceUnavailableError:
        return []  # absent, or a server without an index: nobody finds a store below either
    for item in items:
        if modality_of_name(item.name) if item.is_folder else item.name.lower().endswith(".zip"):
            return []
    return [item.name for item in items if item.is_folder]


def _root_of(location: str | os.PathLike[str]) -> str:
    root = os.path.expanduser(os.fspath(location))
    if root.lower().split("?", 1)[0].endswith(".zip"):
        return root.rsplit("/", 1)[0] if "/" in root else "."
    return root


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
    if name == "clip_id":
        return "" if ClipId.matches(value) else "is no clip, such as id11248#yDqlBD8m_b8#00004.txt#000.mp4"
    return "has a character that no name has (# / \\)" if set(value) & set("#/\\") else ""
