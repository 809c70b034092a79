"""Remove clips from zips that hold many clips."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import META
from mmvoxceleb.stores import open_store

__all__ = ["clips_in_zip", "rewrite_zip"]

_TEXTS = (".json", ".jsonl")


def clips_in_zip(path: Path, removals: Removals) -> set[str]:
    """List the removed clips that a zip holds, or names in its ``meta``."""
    try:
        store = open_store(path)
        folders = store.folders()
        found = {clip for folder in folders for clip in store.clips(folder) if clip in removals}
    except MMVoxCelebError:
        return set()  # some other archive
    if not found and META.folder() in folders:
        names = Names(removals)
        with zipfile.ZipFile(path) as archive:
            texts = [info for info in archive.infolist() if info.filename.endswith(_TEXTS)]
            if any(names.are_in(info.filename) or names.are_in(archive.read(info)) for info in texts):
                found = {"(named in its meta)"}
    return found


def rewrite_zip(path: Path, removals: Removals, clip_of: Callable[[str], str | None]) -> None:
    """Replace a zip by a new one without the removed clips.

    Args:
        path: The zip.
        removals: The persons, videos and clips to leave out.
        clip_of: Returns the clip id in the name of a file or folder; None if it is not the name of a clip.

    Raises:
        SourceUnavailableError: There is not enough free space.
    """
    need, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < need:
        raise SourceUnavailableError(
            f"{path}: rewriting needs {need:,} bytes and {free:,} are free; the removal list is written, so exports "
            "leave the clips out; make room and rerun the command"
        )

    def is_theirs(part: str) -> bool:
        clip = clip_of(part)
        return clip is not None and clip in removals

    store = open_store(path)
    kept = {clip for folder in store.folders() for clip in store.clips(folder) if clip not in removals}
    names = Names(removals, kept)
    with replacing(path) as partial, zipfile.ZipFile(path) as before, zipfile.ZipFile(partial, "w") as after:
        for info in before.infolist():
            parts = info.filename.split("/")
            if any(map(is_theirs, parts)) or names.are_in(info.filename):
                continue
            if META.folder_name in parts and info.filename.endswith(_TEXTS) and names.are_in(data := before.read(info)):
                after.writestr(_copy_of(info), _cleaned(info.filename, data, names))
                continue
            with before.open(info) as source, after.open(_copy_of(info), "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _cleaned(name: str, data: bytes, names: Names) -> bytes:
    if name.endswith(".jsonl"):
        return b"".join(line for line in data.splitlines(keepends=True) if not names.are_in(line))
    return names.cut_from_file(data)


def _copy_of(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    copy = zipfile.ZipInfo(info.filename, info.date_time)
    copy.compress_type, copy.external_attr, copy.create_system = (
        info.compress_type,
        info.external_attr,
        info.create_system,
    )
    return copy
