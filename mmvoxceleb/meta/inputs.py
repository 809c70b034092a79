"""What the provenance of a clip says about the files that its results were made of."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mmvoxceleb.modalities import Folder
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores.interface import Entry

__all__ = ["CONVERT", "digest_of", "folders_of_stage", "inputs_in", "listing_of", "why_absent"]

CONVERT = "convert"
"""The stage that gives frames another form. It has no folder of its own."""
_STYLE = re.compile(r"[\w-][\w.-]*")
"""A style that names one folder: the name of a stage may come from a file of somebody else."""
_WHY_ABSENT = ("without", "no_face")
"""Keys of a stage's section that say why it made no files of a clip."""


def listing_of(entries: Iterable[Entry]) -> str:
    """Return the sha256, hexadecimal, of names and sizes of files, without reading them."""
    return hashlib.sha256("".join(f"{entry.name}\t{entry.size}\n" for entry in entries).encode()).hexdigest()


def digest_of(files: Iterable[tuple[str, bytes]], *, is_frames: bool) -> dict[str, Any] | None:
    """Return the number of a clip's files in a folder, and the sha256 over them; None if there are none.

    Args:
        files: Their names and contents.
        is_frames: Whether they are frames. A clip's only file has no name before it is written.
    """
    digest, count = hashlib.sha256(), 0
    for name, data in files:
        digest.update(f"{name if is_frames else ''}\t{len(data)}\n".encode() + data)
        count += 1
    return {"files": count, "sha256": digest.hexdigest()} if count else None


def inputs_in(meta: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what each stage was given, by the stage's name."""
    sections = ((stage, section) for stage, section in meta.items() if isinstance(section, Mapping))
    return {stage: section["input"] for stage, section in sections if isinstance(section.get("input"), Mapping)}


def why_absent(meta: Mapping[str, Any], stage: str) -> str:
    """Return why a stage rightly made no files of a clip; empty if nothing says so."""
    section = meta.get(stage)
    if not isinstance(section, Mapping):
        return ""
    return next((str(section[key]) for key in _WHY_ABSENT if key in section), "")


def folders_of_stage(stage: str, section: object = None) -> list[Folder]:
    """List the folders that a stage writes: those that its section of the provenance names, or those of its name.

    Args:
        stage: Its name: ``mask``, ``draw/style1+style2``. One that is not named after a modality names its folders.
        section: Its section, if it is known.
    """
    told = section.get("folders") if isinstance(section, Mapping) else None
    if isinstance(told, list):
        return [folder for path in told if isinstance(path, str) for folder in folders_of_stage(path)]
    name, _, named = stage.partition("/")
    kind = modality_of_name(name)
    styles = named.split("+")
    if kind is None or not all(_STYLE.fullmatch(style) if kind.has_styles else not style for style in styles):
        return []
    return [Folder(kind.name, style) for style in styles]
