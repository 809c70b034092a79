"""The original layout: ``video/<clip>/*.png``, ``mask``, ``draw/<style>``, ``txt``, ``label``, as MMVID reads it."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmvoxceleb.files.atomic import remove_folder, write_atomically, write_folder
from mmvoxceleb.files.inside import inside
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import FileModality, Folder, FrameModality, frame_modalities

__all__ = ["hash_clip", "remove_clip", "write_clip"]


def write_clip(root: Path, record: Mapping[str, Any], settings: ExportSettings) -> tuple[int, str]:
    """Write the files of one clip, each folder whole or not at all, and return their bytes and :func:`hash_clip`.

    Args:
        root: The export.
        record: The row, with PNG frames.
        settings: Which modalities; with ``mask_encoding="original"`` masks become colour pictures if they are not.
    """
    clip_id, total, digest = record["clip_id"], 0, hashlib.sha256()
    options = settings.record_options(count_frames=False)
    pairs = {
        folder: names
        for kind in frame_modalities(settings.modalities)
        for folder, names in kind.pairs(settings.styles).items()
    }
    for folder in settings.folders:
        if isinstance(folder.kind, FileModality):
            if folder.kind.is_null_in(record):
                continue
            data = folder.kind.to_file(record)
            write_atomically(inside(root, _file_of(folder.kind, clip_id)), data)
            total += len(data)
            _add_to(digest, folder, [("", data)])
            continue
        assert isinstance(folder.kind, FrameModality)
        pictures, indices = pairs[folder]
        contents = [folder.kind.to_file(each["bytes"], options, clip_id=clip_id) for each in record[pictures]]
        names = [f"{index:07d}.{_suffix(data)}" for index, data in zip(record[indices], contents, strict=True)]
        files = list(zip(names, contents, strict=True))
        write_folder(inside(root, f"{folder.path}/{clip_id}"), files)
        total += sum(map(len, contents))
        _add_to(digest, folder, files)
    return total, digest.hexdigest()


def hash_clip(root: Path, clip_id: str, settings: ExportSettings) -> str:
    """Return one sha256 of the names and contents of all files of a clip.

    Raises:
        OSError: A file cannot be read, or is not there.
        UnsafeArchiveError: A file is a link out of the export.
    """
    digest = hashlib.sha256()
    for folder in settings.folders:
        if isinstance(folder.kind, FileModality):
            path = inside(root, _file_of(folder.kind, clip_id))
            if folder.kind.exported_without == "never" or path.exists():
                _add_to(digest, folder, [("", path.read_bytes())])
        else:
            frames = f"{folder.path}/{clip_id}"
            names = sorted(os.listdir(inside(root, frames)))
            _add_to(digest, folder, [(name, inside(root, f"{frames}/{name}").read_bytes()) for name in names])
    return digest.hexdigest()


def _add_to(digest: "hashlib._Hash", folder: Folder, files: Sequence[tuple[str, bytes]]) -> None:
    for name, data in sorted(files):
        digest.update(f"{folder.path}/{name} {len(data)}\n".encode())
        digest.update(data)


def remove_clip(root: Path, clip_id: str, settings: ExportSettings) -> None:
    """Take one clip out."""
    for folder in settings.folders:
        if isinstance(folder.kind, FileModality):
            inside(root, _file_of(folder.kind, clip_id)).unlink(missing_ok=True)
        else:
            remove_folder(inside(root, f"{folder.path}/{clip_id}"))


def _file_of(kind: FileModality, clip_id: str) -> str:
    return f"{kind.folder_name}/{clip_id}{kind.suffix}"


def _suffix(data: bytes) -> str:
    return "jpg" if data.startswith(b"\xff\xd8\xff") else "png"
