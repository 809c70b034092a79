"""The table of modalities: the original's, then those from outside."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities.audio import AUDIO
from mmvoxceleb.modalities.base import DEFAULT_STYLE, MODALITIES, Modality
from mmvoxceleb.modalities.drawings import DRAWINGS
from mmvoxceleb.modalities.file_modality import FileModality
from mmvoxceleb.modalities.frame_modality import FrameModality
from mmvoxceleb.modalities.label import LABEL
from mmvoxceleb.modalities.landmarks import LANDMARKS
from mmvoxceleb.modalities.masks import MASKS
from mmvoxceleb.modalities.meta import META
from mmvoxceleb.modalities.registry import IDENTITY_FIELDS, Folder, kinds, register_built_in
from mmvoxceleb.modalities.scores import SCORES
from mmvoxceleb.modalities.text import TEXT
from mmvoxceleb.modalities.video import VIDEO

if TYPE_CHECKING:
    from datasets import Features

__all__ = [
    "MODALITIES",
    "ORIGINAL_STRIDE",
    "check_modalities",
    "file_modalities",
    "folders_of",
    "frame_modalities",
    "modalities",
    "record_features",
    "styles_in",
]

_BUILT_IN: tuple[Modality, ...] = (VIDEO, MASKS, DRAWINGS, TEXT, LABEL, AUDIO, LANDMARKS, SCORES)
for _kind in (*_BUILT_IN, META):
    register_built_in(_kind)

ORIGINAL_STRIDE = 4
"""The original has a mask and a drawing for every 4th frame."""


def modalities(names: Iterable[str] | None = None) -> tuple[Modality, ...]:
    """List modalities, those of the original first.

    Args:
        names: Only these; None for all that are registered.

    Raises:
        ConfigError: A name is unknown, or there is none; the message lists the known ones.
    """
    every = tuple(kind for kind in kinds() if kind is not META)
    if names is None:
        return every
    wanted = {names} if isinstance(names, str) else set(names)
    unknown = sorted(wanted - {modality.name for modality in every})
    if unknown or not wanted:
        what = f"unknown modality {', '.join(map(repr, unknown))}" if unknown else "no modality was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(modality.name for modality in every)}")
    return tuple(modality for modality in every if modality.name in wanted)


def frame_modalities(names: Iterable[str] | None = None) -> tuple[FrameModality, ...]:
    """List those of :func:`modalities` that are pictures of frames."""
    return tuple(modality for modality in modalities(names) if isinstance(modality, FrameModality))


def file_modalities(names: Iterable[str] | None = None) -> tuple[FileModality, ...]:
    """List those of :func:`modalities` that are one file for each clip."""
    return tuple(modality for modality in modalities(names) if isinstance(modality, FileModality))


def check_modalities(names: Iterable[str]) -> tuple[str, ...]:
    """Return ``names`` without repeats, in the order of the table.

    Raises:
        ConfigError: A name is unknown, or there is none; the message lists the known ones.
    """
    return tuple(modality.name for modality in modalities(names))


def folders_of(names: Iterable[str], styles: Iterable[str] = (DEFAULT_STYLE,)) -> tuple[Folder, ...]:
    """List the folders that hold modalities, one for each drawing style."""
    styles = tuple(styles)
    return tuple(folder for modality in modalities(names) for folder in modality.folders(styles))


def record_features(
    names: Sequence[str] = MODALITIES, styles: Sequence[str] = (DEFAULT_STYLE,), *, frames_as: str = "images"
) -> "Features":
    """Return the columns of a record as ``datasets`` features: those of the clip's key, then those of each modality.

    Args:
        names: Names of modalities.
        styles: Styles of the drawings, used for modalities that have styles.
        frames_as: ``images`` or ``video``; see :class:`RecordOptions`.

    Raises:
        ConfigError: A modality is unknown.
    """
    from datasets import Features, Value

    identity = {name: Value("int32" if name in ("chunk", "num_frames") else "string") for name in IDENTITY_FIELDS}
    columns = [
        modality.file_features()
        if frames_as == "video" and isinstance(modality, FrameModality) and modality.file_suffix
        else modality.features(styles)
        for modality in modalities(names)
    ]
    return Features({name: feature for part in (identity, *columns) for name, feature in part.items()})


def styles_in(folders: Iterable[Folder]) -> tuple[str, ...]:
    """Name the styles that a store's folders have: the original's first, the others sorted."""
    return tuple(sorted({folder.style for folder in folders if folder.style}, key=lambda s: (s != DEFAULT_STYLE, s)))
