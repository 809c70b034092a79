"""The removal list of a store: who was taken out, so that no later run brings them back."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.ranges import is_url
from mmvoxceleb.stores.trees import RemoteTree, open_tree

__all__ = ["REMOVALS_PATH", "Removals", "add_removals", "read_removals"]

REMOVALS_PATH = "meta/removed.jsonl"
"""Where the list is in a store: one JSON object a line, ``{"person_id": "id10001"}``."""

_FIELDS = ("person_id", "video_id", "clip_id")


@dataclass(frozen=True)
class Removals:
    """Who and what was removed.

    Args:
        person_id: Identities, ``id10001``; all their clips are meant.
        video_id: YouTube ids; all clips cut from that video are meant.
        clip_id: Single clips.
    """

    person_id: frozenset[str] = field(default_factory=frozenset)
    video_id: frozenset[str] = field(default_factory=frozenset)
    clip_id: frozenset[str] = field(default_factory=frozenset)

    def __contains__(self, clip_id: str) -> bool:
        """Tell whether a clip must not be there."""
        if clip_id in self.clip_id:
            return True
        clip = ClipId.parse(clip_id)
        return clip.person_id in self.person_id or clip.video_id in self.video_id

    def __bool__(self) -> bool:
        return bool(self.person_id or self.video_id or self.clip_id)

    def __or__(self, other: "Removals") -> "Removals":
        return Removals(*(getattr(self, name) | getattr(other, name) for name in _FIELDS))

    def keep(self, clip_ids: Iterable[str]) -> list[str]:
        """Return the clips that are not removed, in their order."""
        return [clip_id for clip_id in clip_ids if clip_id not in self] if self else list(clip_ids)

    def lines(self) -> list[str]:
        """Format the list as the lines of its file, sorted."""
        return [json.dumps({name: value}) for name in _FIELDS for value in sorted(getattr(self, name))]


def read_removals(location: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None) -> Removals:
    """Read the removal list of a store; empty where it has none.

    Args:
        location: A store as :func:`mmvoxceleb.stores.open_store` takes it: a folder, a zip (the list lies beside it),
            or the URL of one.
        storage_options: Passed to fsspec for URLs.

    Raises:
        CorruptSourceError: The list is damaged. Nothing should be exported or made before it is mended.
        SourceUnavailableError: It cannot be told whether there is a list.
    """
    root = _root_of(location)
    tree = open_tree(root, storage_options)
    if isinstance(tree, RemoteTree):
        there = tree.exists(REMOVALS_PATH)
    else:
        there = (Path(tree.location) / REMOVALS_PATH).is_file()
    return _parse(tree.read([REMOVALS_PATH])[0], f"{root}/{REMOVALS_PATH}") if there else Removals()


def add_removals(root: str | os.PathLike[str], removals: Removals) -> Removals:
    """Add to the removal list of a local store, and return the whole list.

    Raises:
        ConfigError: The store is a URL.
        CorruptSourceError: The list that is there is damaged.
    """
    folder = _root_of(root)
    if is_url(folder):
        raise ConfigError(f"{root}: a removal list is kept beside the data, and a URL cannot be written to")
    merged = read_removals(folder) | removals
    path = Path(folder) / REMOVALS_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    partial.write_text("".join(f"{line}\n" for line in merged.lines()), "utf-8")
    os.replace(partial, path)
    return merged


def _root_of(location: str | os.PathLike[str]) -> str:
    root = os.path.expanduser(os.fspath(location))
    if root.lower().split("?", 1)[0].endswith(".zip"):
        return root.rsplit("/", 1)[0] if "/" in root else "."
    return root


def _parse(data: bytes, where: str) -> Removals:
    found: dict[str, set[str]] = {name: set() for name in _FIELDS}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            ((name, value),) = json.loads(line).items()
            found[name].add(str(value))
        except (ValueError, KeyError, AttributeError) as error:
            raise CorruptSourceError(
                f"{where}, line {number}: not {{'person_id' | 'video_id' | 'clip_id': ...}}; mend it before going on"
            ) from error
    return Removals(*(frozenset(found[name]) for name in _FIELDS))
