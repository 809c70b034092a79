"""Recognise the modalities by the names of folders and archives, whatever stands in front of them."""

import re
from collections.abc import Callable, Sequence

from mmvoxceleb.modalities import FileModality, Folder, FrameModality
from mmvoxceleb.modalities.registry import modality_of_name, names_in
from mmvoxceleb.schema import ClipId

__all__ = ["clip_of_file", "clips_of_files", "folder_of_path", "hint_of_archive"]

_STYLE = re.compile(r"style\d+")


def hint_of_archive(name: str) -> Folder | None:
    """Guess from an archive's name what is in it: ``video.zip``, ``masks_2.zip``, ``draw_style1-part01.zip``."""
    stem = name.rsplit("/", 1)[-1].lower().removesuffix(".zip")
    found = names_in(stem)
    if len(found) != 1:
        return None
    style = _STYLE.search(stem)
    return found.pop().folder_of_style(style[0] if style else "")


def folder_of_path(path: str, hint: Folder | None) -> tuple[Folder, str | None] | None:
    """Tell which folder of the layout a path in an archive belongs to, and which clip if it names one.

    Args:
        path: Folder path in the archive, ``mmvoxceleb/draw/style1/id10001#...#000.mp4``.
        hint: What the archive's own name says; used where the path names no modality.

    Returns:
        The folder and the clip, ``None`` as clip for a folder that holds clips as single files; None for anything else.
    """
    parts = [part for part in path.split("/") if part]
    clip = parts.pop() if parts and ClipId.matches(parts[-1]) else None
    kinds = [modality_of_name(part) for part in parts]
    at = next((i for i in range(len(parts) - 1, -1, -1) if kinds[i]), None)
    kind = None if at is None else kinds[at]
    if at is None or kind is None:
        folder, below = hint, []
    else:
        below = parts[at + 1 :]
        folder = kind.folder_of_style(below.pop(0) if kind.has_styles and below else "")
    if folder is None or below or (clip is not None and not folder.is_frames):
        return None
    if clip is None and isinstance(folder.kind, FrameModality) and not folder.kind.file_suffix:
        return None
    return folder, clip


def clip_of_file(folder: Folder, name: str, is_clip: Callable[[str], bool] = ClipId.matches) -> str | None:
    """Return the clip of which a folder holds all in one file, None for other files.

    That is ``<clip>.txt`` or ``<clip>.json`` of a modality with one file per clip, and of frames in a video file
    ``<clip>`` itself, whose name ends in ``.mp4`` as it is, or ``<clip>.mp4``.
    """
    kind = folder.kind
    if isinstance(kind, FileModality):
        clip = name.removesuffix(kind.suffix)
        return clip if clip != name and is_clip(clip) else None
    assert isinstance(kind, FrameModality)
    if not kind.file_suffix or not name.endswith(kind.file_suffix):
        return None
    return next(filter(is_clip, (name, name.removesuffix(kind.file_suffix))), None)


def clips_of_files(
    folder: Folder, names: Sequence[str], matched: Callable[[list[str]], Sequence[str | None]]
) -> Sequence[str | None]:
    """Return what :func:`clip_of_file` does, of many files at once.

    Args:
        folder: What they are in.
        names: Of the files.
        matched: Returns each name that is a clip's, and None for the others.
    """
    kind = folder.kind
    if not isinstance(kind, FileModality) or not kind.suffix:
        return [clip_of_file(folder, name) for name in names]
    suffix, length = kind.suffix, -len(kind.suffix)
    return matched([name[:length] if name.endswith(suffix) else "" for name in names])
