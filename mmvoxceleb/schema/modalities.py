"""The modalities of a clip and the names that they have on disk."""

from collections.abc import Iterable
from dataclasses import dataclass

from mmvoxceleb.errors import ConfigError

__all__ = ["DEFAULT_STYLE", "MODALITIES", "ORIGINAL_STRIDE", "STYLES", "Folder", "check_modalities", "folders_of"]

MODALITIES: tuple[str, ...] = ("video", "mask", "drawing", "text", "label")
"""What a clip can have, as configs and arguments name it."""

STYLES: tuple[str, ...] = ("style1", "style2", "style3")
"""The line drawing styles of Unpaired-Portrait-Drawing; the original dataset holds ``style1`` only."""

DEFAULT_STYLE = "style1"

ORIGINAL_STRIDE = 4
"""The original has a mask and a drawing for every 4th frame."""


@dataclass(frozen=True, order=True)
class Folder:
    """One folder of the layout, the unit in which a store is laid out and read.

    Args:
        modality: One of :data:`MODALITIES`, or ``meta`` for the provenance of regenerated clips.
        style: The drawing style; empty for all other modalities.
    """

    modality: str
    style: str = ""

    @property
    def path(self) -> str:
        """Its path in a store as we write it: ``video``, ``mask``, ``draw/style1``, ``txt``, ``label``, ``meta``."""
        name = {"drawing": "draw", "text": "txt"}.get(self.modality, self.modality)
        return f"{name}/{self.style}" if self.style else name

    @property
    def is_frames(self) -> bool:
        """Whether a clip is many pictures here (video, mask, drawing) rather than one small file."""
        return self.modality in ("video", "mask", "drawing")

    def __str__(self) -> str:
        return self.path


def check_modalities(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names`` without repeats, in the order of :data:`MODALITIES`.

    Raises:
        ConfigError: A name is unknown, or there is none; the known ones are listed.
    """
    wanted = {names} if isinstance(names, str) else set(names)
    unknown = sorted(wanted - set(MODALITIES))
    if unknown or not wanted:
        what = f"unknown modality {', '.join(map(repr, unknown))}" if unknown else "no modality was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(MODALITIES)}")
    return tuple(name for name in MODALITIES if name in wanted)


def folders_of(modalities: Iterable[str], styles: Iterable[str] = (DEFAULT_STYLE,)) -> tuple[Folder, ...]:
    """List the folders that hold ``modalities``, one for each drawing style."""
    styles = tuple(styles)
    return tuple(
        folder
        for modality in check_modalities(modalities)
        for folder in ([Folder(modality, style) for style in styles] if modality == "drawing" else [Folder(modality)])
    )
