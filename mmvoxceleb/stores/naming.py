"""Recognise the modalities by the names of folders and archives, whatever stands in front of them."""

import re

from mmvoxceleb.schema import DEFAULT_STYLE, ClipId, Folder

__all__ = ["SINGLE_FILE_SUFFIX", "clip_of_file", "folder_of_path", "hint_of_archive", "modality_of_name"]

_MODALITY_NAMES = {
    "video": "video", "videos": "video",
    "mask": "mask", "masks": "mask",
    "draw": "drawing", "draws": "drawing", "drawing": "drawing", "drawings": "drawing",
    "txt": "text", "text": "text", "texts": "text",
    "label": "label", "labels": "label",
    "meta": "meta",
}  # fmt: skip
"""What a folder may be called; the first of each kind is how we write it."""

SINGLE_FILE_SUFFIX = {"text": ".txt", "label": ".txt", "meta": ".json"}

_WORD = re.compile(r"[a-z]+")
_STYLE = re.compile(r"style\d+")


def modality_of_name(name: str) -> str | None:
    """Return the modality that a folder's name stands for, None for any other name."""
    return _MODALITY_NAMES.get(name.lower())


def hint_of_archive(name: str) -> Folder | None:
    """Guess from an archive's name what is in it: ``video.zip``, ``masks_2.zip``, ``draw_style1-part01.zip``."""
    stem = name.rsplit("/", 1)[-1].lower().removesuffix(".zip")
    modalities = {_MODALITY_NAMES[word] for word in _WORD.findall(stem) if word in _MODALITY_NAMES}
    if len(modalities) != 1:
        return None
    modality = modalities.pop()
    style = _STYLE.search(stem)
    return Folder(modality, (style[0] if style else DEFAULT_STYLE) if modality == "drawing" else "")


def folder_of_path(path: str, hint: Folder | None) -> tuple[Folder, str | None] | None:
    """Tell which folder of the layout a path in an archive belongs to, and which clip if it names one.

    Args:
        path: Folder path in the archive, ``mmvoxceleb/draw/style1/id10001#...#000.mp4``.
        hint: What the archive's own name says; used where the path names no modality.

    Returns:
        The folder and the clip, ``None`` as clip for the folder of a single-file modality; None for anything else.
    """
    parts = [part for part in path.split("/") if part]
    clip = parts.pop() if parts and ClipId.matches(parts[-1]) else None
    at = next((i for i in range(len(parts) - 1, -1, -1) if modality_of_name(parts[i])), None)
    if at is None:
        folder, below = hint, []
    else:
        modality = modality_of_name(parts[at]) or ""
        below = parts[at + 1 :]
        style = below.pop(0) if modality == "drawing" and below else ""
        folder = Folder(modality, (style or DEFAULT_STYLE) if modality == "drawing" else "")
    if folder is None or below or folder.is_frames != (clip is not None):
        return None
    return folder, clip


def clip_of_file(folder: Folder, name: str) -> str | None:
    """Return the clip of a file in a single-file folder (``<clip>.txt``, ``<clip>.json``), None for other files."""
    suffix = SINGLE_FILE_SUFFIX[folder.modality]
    clip = name.removesuffix(suffix)
    return clip if clip != name and ClipId.matches(clip) else None
