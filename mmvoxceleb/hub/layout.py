"""Which columns an export has, and which of them lie in files of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import IDENTITY_FIELDS, VIDEO, FileModality, Modality, modalities, record_features

if TYPE_CHECKING:
    from datasets import Features

__all__ = [
    "INDEX", "POSTER", "PREVIEW", "SHARD", "WHOLE", "Part", "configs_of", "features_among", "features_of", "parts_of",
]  # fmt: skip

WHOLE = "all"
"""The part, and the config, with all columns."""

INDEX, PREVIEW = "index", "preview"
"""Small parts of their own: one to choose clips from, and one to play a few."""

POSTER, SHARD = "poster", "shard"
"""Columns that only the index has: a small picture, and the path of the file of whole rows."""


@dataclass(frozen=True)
class Part:
    """One set of Parquet files.

    Args:
        name: Its folder, ``data/<name>``.
        columns: The columns of its files, in order.
    """

    name: str
    columns: tuple[str, ...]


def features_of(settings: ExportSettings) -> "Features":
    """Declare the columns of the whole record as exported: light columns first; ``video`` instead of ``frames``."""
    from datasets import Features, Video

    record = record_features(settings.modalities, settings.styles)
    heavy = [name for names in _heavy_columns(settings).values() for name in names]
    light = [name for name in record if name not in heavy and name != VIDEO.pictures]
    return Features({name: Video() if name not in record else record[name] for name in [*light, *heavy]})


def features_among(settings: ExportSettings, columns: Sequence[str]) -> "Features":
    """Declare some columns, of the whole record or of small parts."""
    from datasets import Features, Image, Value, Video

    known = {POSTER: Image(), SHARD: Value("string"), VIDEO.name: Video(), **features_of(settings)}
    return Features({name: known[name] for name in columns})


def _heavy_columns(settings: ExportSettings) -> dict[Modality, tuple[str, ...]]:
    """Name the columns of each modality that is more than a few bytes a clip."""
    return {
        kind: (VIDEO.name, VIDEO.indices) if kind is VIDEO and settings.has_mp4 else kind.columns(settings.styles)
        for kind in modalities(settings.modalities)
        if not (isinstance(kind, FileModality) and kind.is_light)
    }


def parts_of(settings: ExportSettings) -> list[Part]:
    """List the sets of Parquet files; the whole comes first, and the others are projections of it.

    Stock readers fetch 5 MiB at a time and whole files when they do not stream, so columns that are much lighter than
    the row lie in files of their own too: all light ones; each modality that is pictures; and H.264 video. PNG frames
    are nearly all of a row, and are not written twice.
    """
    every = tuple(features_of(settings))
    heavy = _heavy_columns(settings)
    light = tuple(name for name in every if not any(name in names for names in heavy.values()))
    parts = [Part(WHOLE, every)]
    if heavy and len(light) > len(IDENTITY_FIELDS):
        parts.append(Part("light", light))
    for kind, names in heavy.items():
        if len(heavy) > 1 and (kind is not VIDEO or settings.has_mp4):
            parts.append(Part(kind.name, (*light, *names)))
    if settings.index:
        has_video = VIDEO.name in settings.modalities
        parts.append(Part(INDEX, (*light, *([POSTER] if has_video else []), SHARD)))
        if has_video:
            parts.append(Part(PREVIEW, (*light, VIDEO.name)))
    return parts


@dataclass(frozen=True)
class Config:
    """One config of the dataset card: a name, the part that it reads, and the columns that it shows.

    Args:
        name: As in ``load_dataset(repo, name)``.
        part: Name of its :class:`Part`.
        columns: What it shows.
        is_projection: Whether the part's files hold more columns than these.
    """

    name: str
    part: str
    columns: tuple[str, ...]
    is_projection: bool


def configs_of(settings: ExportSettings) -> list[Config]:
    """List the configs of a Parquet export, as :class:`mmvoxceleb.MMVoxCelebConfig` names them."""
    parts = {part.name: part.columns for part in parts_of(settings)}
    heavy = _heavy_columns(settings)
    configs = [Config(WHOLE, WHOLE, parts[WHOLE], is_projection=False)]
    for kind in modalities(settings.modalities):
        if kind in heavy:
            light = tuple(name for name in parts[WHOLE] if not any(name in names for names in heavy.values()))
            part, columns = kind.name if kind.name in parts else WHOLE, (*light, *heavy[kind])
        else:
            part = "light" if "light" in parts else WHOLE
            columns = (*IDENTITY_FIELDS, *kind.columns(settings.styles))
        configs.append(Config(kind.name, part, columns, is_projection=set(columns) != set(parts[part])))
    configs += [Config(name, name, parts[name], is_projection=False) for name in (INDEX, PREVIEW) if name in parts]
    return configs
