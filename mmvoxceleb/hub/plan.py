"""Which clips go into which shard, decided before anything is written."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmvoxceleb.cliplists.chosen_store import ChosenStore
from mmvoxceleb.cliplists.selection import choose, split_clips
from mmvoxceleb.hub.derived import preview_of
from mmvoxceleb.hub.layout import PREVIEW, WHOLE
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.taken_out import tell_doubtful_entries
from mmvoxceleb.modalities import VIDEO, FrameModality
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["Plan", "Shard", "digest_of", "plan_projections", "plan_shards"]

MOST_FILES_PER_FOLDER = 10_000
"""The Hub refuses more."""

_CLIPS_PER_FOLDER_SHARD = 64
_SHARE_OF_H264 = 0.1


@dataclass(frozen=True)
class Shard:
    """A shard to be written.

    Args:
        path: Relative to the export; for the original layout the name of its marker.
        part: The part that it belongs to.
        split: ``train`` or ``test``.
        clips: Its clips, sorted.
    """

    path: str
    part: str
    split: str
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is exported.

    Args:
        shards: The shards.
        left_out: Clips that are not exported, with what they lack.
        without: Clips that are exported without a modality, by its name.
    """

    shards: list[Shard]
    left_out: dict[str, str]
    without: dict[str, list[str]]


def plan_shards(store: Store, settings: ExportSettings, removals: Removals, *, limit: int | None = None) -> Plan:
    """Share the clips of a store among shards, by split and in order of ``clip_id``.

    Args:
        store: The store; clips that lack a folder of the settings are left out with a warning.
        settings: Formats and sizes.
        removals: Clips that must not be exported.
        limit: Use only the first ``limit`` clips.

    Raises:
        MissingModalityError: No clip has everything, or all were removed.
    """
    found = choose(store, settings.folders, fewer="name the modalities to export (--modality)", for_export=True)
    if not isinstance(store, ChosenStore):
        tell_doubtful_entries(removals, found.clips, store.location)
    clips = removals.keep_some(found.clips, store.location)[:limit]
    shards = []
    for split, members in split_clips(clips).items():
        groups = _groups(store, settings, members)
        for number, group in enumerate(groups):
            shards.append(Shard(_path(settings.format, WHOLE, split, number, len(groups)), WHOLE, split, group))
    taken = set(clips)
    left_out = {clip: what for clip, what in found.left_out.items() if clip not in removals}
    without = {name: [clip for clip in lacking if clip in taken] for name, lacking in found.without.items()}
    return Plan(shards, left_out, {name: lacking for name, lacking in without.items() if lacking})


def plan_projections(part: str, columns: Sequence[str], whole: Sequence[ShardNote], limit: int) -> list[Shard]:
    """Share the clips of the finished shards among those of a lighter part, which hold more clips each."""
    shards = []
    for split in dict.fromkeys(note.split for note in whole):
        if part == PREVIEW:
            shown = preview_of([clip.clip_id for note in whole if note.split == split for clip in note.clips])
            shards.append(Shard(_path("parquet", part, split, 0, 1), part, split, shown))
            continue
        groups: list[list[str]] = [[]]
        size = 0
        for note in (note for note in whole if note.split == split):
            if groups[-1] and size >= limit:
                groups.append([])
                size = 0
            groups[-1].extend(clip.clip_id for clip in note.clips)
            size += sum(note.column_bytes.get(column, 0) for column in columns)
        for number, group in enumerate(groups):
            shards.append(Shard(_path("parquet", part, split, number, len(groups)), part, split, tuple(group)))
    return shards


def digest_of(shards: Sequence[Shard]) -> str:
    """Digest which clips go where."""
    lines = (f"{shard.path} {' '.join(shard.clips)}\n" for shard in shards)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _path(format_: str, part: str, split: str, number: int, total: int) -> str:
    name = f"{split}-{number:05d}-of-{total:05d}"
    return {"parquet": f"data/{part}/{name}.parquet", "webdataset": f"data/{name}.tar"}.get(format_, name)


def _groups(store: Store, settings: ExportSettings, clips: Sequence[str]) -> list[tuple[str, ...]]:
    if settings.format == "folder":
        edges = [*range(0, len(clips), _CLIPS_PER_FOLDER_SHARD), len(clips)]
        return [tuple(clips[first:last]) for first, last in pairwise(edges)]
    groups: list[list[str]] = [[]]
    size: float = 0
    sizes = {clip: _expected_bytes(store, settings, clip) for clip in clips}
    limit = max(settings.shard_bytes, sum(sizes.values()) / MOST_FILES_PER_FOLDER * 2)
    for clip in clips:
        if groups[-1] and size + sizes[clip] > limit:
            groups.append([])
            size = 0
        groups[-1].append(clip)
        size += sizes[clip]
    return [tuple(group) for group in groups]


def _expected_bytes(store: Store, settings: ExportSettings, clip_id: str) -> float:
    """Guess from the sizes of a clip's files what it will take; only the cutting into shards depends on it."""
    total, clip = 0.0, StoredClip(store, clip_id)
    options = settings.record_options(count_frames=False)
    for folder in settings.folders:
        entries = clip.entries(folder) if folder.kind.exported_without == "never" or clip.has(folder) else ()
        size: float = sum(max(0, entry.size) for entry in entries)
        if folder.kind is VIDEO and settings.has_mp4:
            size *= 1 if settings.lossless else _SHARE_OF_H264
        elif isinstance(folder.kind, FrameModality):
            size *= folder.kind.share_of_bytes(options)
        total += size
    return total
