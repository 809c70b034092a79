"""Take clips out of a local store, and put them on its removal list."""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmvoxceleb.errors import ConfigError, MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.files.atomic import remove_folder, replacing
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.ranges import is_url
from mmvoxceleb.stores.removals import Removals, add_removals

__all__ = ["StoreRemoval", "remove_from_store"]

_DEEPEST = 4
_SUFFIXES = (".zip", ".txt", ".json")
_LOADER_CACHES = ("_local.pkl", "_attr_dict_vox2.pkl")
"""What MMVID's loader leaves beside the folder that it reads: pickles with the names of all clips."""


@dataclass
class StoreRemoval:
    """What was taken out of a store.

    Args:
        clips: The clips that had files there.
        paths: How many files and clip folders were deleted.
        rewritten: Zips that were written again without them.
        holding: Zips that still hold them, because rewriting was not asked for.
        caches: Cache files of the original loader that may still name them.
    """

    clips: list[str] = field(default_factory=list)
    paths: int = 0
    rewritten: list[Path] = field(default_factory=list)
    holding: list[Path] = field(default_factory=list)
    caches: list[Path] = field(default_factory=list)


def remove_from_store(root: str | os.PathLike[str], removals: Removals, *, rewrite_zips: bool = False) -> StoreRemoval:
    """Delete the clips of persons or videos from a local store, after noting them on its removal list.

    Folders and zips of one clip each are deleted. A zip of many clips cannot be changed in place: it is written
    again beside itself and renamed, if asked for; until then the removal list keeps its clips out of exports.

    Args:
        root: The store's folder.
        removals: What to take out.
        rewrite_zips: Write zips of many clips again; each needs its own size in free space.

    Raises:
        ConfigError: The store is a URL, or no folder.
        SourceUnavailableError: There is no room to rewrite a zip.
    """
    if is_url(os.fspath(root)):
        raise ConfigError(f"{root}: only local stores can be changed; run this where the files are")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; name the folder that holds the store")
    add_removals(folder, removals)
    report, clips = StoreRemoval(), set()
    for path in list(_walk(folder, 0)):
        clip = _clip_of(path)
        if clip is not None and clip in removals:
            _delete(path)
            clips.add(clip)
            report.paths += 1
        elif clip is None and path.suffix.lower() == ".zip":
            inside = _clips_in_zip(path, removals)
            clips.update(inside)
            if inside and rewrite_zips:
                _rewrite_zip(path, removals)
                report.rewritten.append(path)
            elif inside:
                report.holding.append(path)
        elif path.name.endswith(_LOADER_CACHES):
            report.caches.append(path)
    beside = (folder.resolve().parent / f"{folder.resolve().name}{ending}" for ending in _LOADER_CACHES)
    report.caches.extend(path for path in beside if path.is_file())
    _clean_ledger(folder / "meta" / "ledger.jsonl", removals)
    report.clips = sorted(clips)
    return report


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Yield files, and folders of clips, without going into the latter."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False) or ClipId.matches(entry.name):
                yield path
            elif depth < _DEEPEST and not entry.name.startswith("."):
                yield from _walk(path, depth + 1)


def _clip_of(path: Path) -> str | None:
    name = path.name
    for suffix in _SUFFIXES:
        if name.endswith(suffix) and ClipId.matches(name.removesuffix(suffix)):
            return name.removesuffix(suffix)
    return name if ClipId.matches(name) else None


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_folder(path)
    else:
        path.unlink()


def _clips_in_zip(path: Path, removals: Removals) -> set[str]:
    try:
        store = open_store(path)
        return {clip for folder in store.folders() for clip in store.clips(folder) if clip in removals}
    except MMVoxCelebError:
        return set()  # some other archive


def _rewrite_zip(path: Path, removals: Removals) -> None:
    need, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < need:
        raise SourceUnavailableError(
            f"{path}: rewriting needs {need:,} bytes and {free:,} are free; the removal list is written, so exports "
            "leave the clips out; make room and run this again"
        )
    with replacing(path) as partial, zipfile.ZipFile(path) as before, zipfile.ZipFile(partial, "w") as after:
        for info in before.infolist():
            if not any(_part_of_removed(part, removals) for part in info.filename.split("/")):
                with before.open(info) as source, after.open(_copy_of(info), "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)


def _part_of_removed(name: str, removals: Removals) -> bool:
    clip = _clip_of(Path(name)) if name else None
    return clip is not None and clip in removals


def _copy_of(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(info.filename, info.date_time)
    copy.compress_type, copy.external_attr, copy.create_system = (
        info.compress_type,
        info.external_attr,
        info.create_system,
    )
    copy.file_size = info.file_size
    return copy


def _clean_ledger(path: Path, removals: Removals) -> None:
    """Drop the lines of a ledger that name what was removed."""
    if not path.is_file():
        return
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not _names_removed(line, removals)]
    if len(kept) != len(lines):
        with replacing(path) as partial:
            partial.write_text("".join(kept), "utf-8")


def _names_removed(line: str, removals: Removals) -> bool:
    try:
        row = json.loads(line)
    except ValueError:
        return False
    values = {str(value) for value in row.values()} if isinstance(row, dict) else set()
    clips = {value for value in values if ClipId.matches(value)}
    return bool(values & (removals.person_id | removals.video_id)) or any(clip in removals for clip in clips)
