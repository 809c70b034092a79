"""The original layout: ``video/<clip>/*.png``, ``mask``, ``draw/<style>``, ``txt``, ``label``, as MMVID reads it."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.atomic import remove_folder, write_atomically, write_folder
from mmvoxceleb.files.inside import inside
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import DRAWINGS, Folder
from mmvoxceleb.schema import colours_of

__all__ = ["hash_clip", "remove_clip", "to_colour_png", "write_clip"]


def write_clip(root: Path, record: Mapping[str, Any], settings: ExportSettings) -> tuple[int, str]:
    """Write the files of one clip, each folder whole or not at all, and return their bytes and :func:`hash_clip`.

    Args:
        root: The export.
        record: The row, with PNG frames.
        settings: Which modalities; with ``mask_encoding="original"`` masks become colour pictures if they are not.
    """
    clip_id, total, digest = record["clip_id"], 0, hashlib.sha256()
    columns = {Folder("video"): ("frames", "frame_indices"), Folder("mask"): ("masks", "mask_indices")}
    columns |= DRAWINGS.pairs(settings.styles)
    for folder in settings.folders:
        if not folder.is_frames:
            text = "\n".join(record["text"]) if folder.modality == "text" else ",".join(map(str, record["label"]))
            write_atomically(inside(root, f"{folder.path}/{clip_id}.txt"), text.encode())
            total += len(text.encode())
            _add_to(digest, folder, [("", text.encode())])
            continue
        pictures, indices = columns[folder]
        contents = [picture["bytes"] for picture in record[pictures]]
        if folder.modality == "mask" and settings.mask_encoding == "original":
            contents = [to_colour_png(data, clip_id=clip_id) for data in contents]
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
        path = f"{folder.path}/{clip_id}"
        if folder.is_frames:
            names = sorted(os.listdir(inside(root, path)))
            _add_to(digest, folder, [(name, inside(root, f"{path}/{name}").read_bytes()) for name in names])
        else:
            _add_to(digest, folder, [("", inside(root, f"{path}.txt").read_bytes())])
    return digest.hexdigest()


def _add_to(digest: "hashlib._Hash", folder: Folder, files: Sequence[tuple[str, bytes]]) -> None:
    for name, data in sorted(files):
        digest.update(f"{folder.path}/{name} {len(data)}\n".encode())
        digest.update(data)


def remove_clip(root: Path, clip_id: str, settings: ExportSettings) -> None:
    """Take one clip out."""
    for folder in settings.folders:
        if folder.is_frames:
            remove_folder(inside(root, f"{folder.path}/{clip_id}"))
        else:
            inside(root, f"{folder.path}/{clip_id}.txt").unlink(missing_ok=True)


def to_colour_png(data: bytes, *, clip_id: str) -> bytes:
    """Return a mask as the original had it, an 8-bit RGB PNG; one that is RGB already comes back as it is.

    Raises:
        CorruptSourceError: It cannot be decoded.
    """
    if data[24:26] == b"\x08\x02":
        return data
    import cv2

    colours = colours_of(read_mask_ids(data, clip_id=clip_id, name="a mask"))
    done, encoded = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2BGR))
    if not done:
        raise CorruptSourceError(f"clip {clip_id}: a mask cannot be encoded as PNG")
    return bytes(encoded.tobytes())


def _suffix(data: bytes) -> str:
    return "jpg" if data.startswith(b"\xff\xd8\xff") else "png"
