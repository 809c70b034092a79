"""Columns of small configs that are made out of whole rows: posters, the shard of a clip, a video to play."""

import io
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.hub.layout import INDEX, POSTER, SHARD, features_of
from mmvoxceleb.hub.mp4 import encode_mp4
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import VIDEO, file_modalities

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

__all__ = ["derived_table", "preview_of", "source_columns"]

logger = logging.getLogger(__name__)
_POSTER_PX, _POSTER_QUALITY = 128, 85
_PREVIEW_CRF = 23
_PREVIEWED = 8
"""Clips of a split that the preview shows."""


def preview_of(clips: Sequence[str]) -> tuple[str, ...]:
    """Choose the clips of a split that are shown, evenly among all."""
    count = min(len(clips), _PREVIEWED)
    return tuple(clips[place * len(clips) // count] for place in range(count))


def source_columns(settings: ExportSettings, columns: Sequence[str]) -> list[str]:
    """Name the columns of the whole row that columns of a small config are made of."""
    whole = features_of(settings)
    found = [name for name in columns if name in whole]
    if {POSTER, VIDEO.name} & set(columns) - set(whole) or POSTER in columns:
        found += [name for name in (VIDEO.pictures, VIDEO.name) if name in whole]
    if VIDEO.name in columns and VIDEO.name not in whole:
        sounds = [name for kind in file_modalities(settings.modalities) if kind.holds_file for name in kind.columns()]
        found += [name for name in sounds if name in whole]
    return list(dict.fromkeys(found))


def derived_table(
    rows: "pa.Table", settings: ExportSettings, features: "Features", part: str, shard: str
) -> "tuple[pa.Table, dict[str, str]]":
    """Make the rows of a small config.

    Args:
        rows: Whole rows, with :func:`source_columns`.
        settings: Of the export.
        features: Of the small config.
        part: Its name.
        shard: Path of the shard that the rows are from.

    Returns:
        The rows, and why clips have none: their frames make no video. A clip whose frame is damaged has no poster.
    """
    import pyarrow as pa

    made: list[dict[str, Any]] = []
    left: dict[str, str] = {}
    for number in range(len(rows)):
        row = rows.slice(number, 1).to_pylist()[0]
        new = {name: row.get(name) for name in features}
        if POSTER in features:
            new[POSTER] = _poster(row)
        if SHARD in features:
            new[SHARD] = shard
        if part != INDEX and VIDEO.name not in row:
            try:
                new[VIDEO.name] = {"bytes": _video(row, settings), "path": None}
            except MMVoxCelebError as error:
                left[row["clip_id"]] = str(error)
                continue
        made.append(new)
    return pa.Table.from_pylist(made, schema=features.arrow_schema), left


def _poster(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Make a small JPEG of the frame in the middle; None if there is none, or it is damaged."""
    try:
        return {"bytes": _small_jpeg(row), "path": None}
    except (MMVoxCelebError, IndexError) as error:
        logger.warning("clip %s: has no poster: %s", row["clip_id"], error)
        return None


def _small_jpeg(row: Mapping[str, Any]) -> bytes:
    from PIL import Image

    where = f"clip {row['clip_id']}, a frame"
    if VIDEO.pictures in row:
        frames = row[VIDEO.pictures]
        picture = decode_rgb(frames[len(frames) // 2]["bytes"], where=where)[..., :3]
    else:
        video = VideoFrames(row[VIDEO.name]["bytes"], clip_id=row["clip_id"])
        (picture,) = video.decode([len(video) // 2])
    image = Image.fromarray(picture)
    image.thumbnail((_POSTER_PX, _POSTER_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_POSTER_QUALITY)
    return buffer.getvalue()


def _video(row: Mapping[str, Any], settings: ExportSettings) -> bytes:
    """Encode the frames, with the clip's sound."""
    sound: FlacSound | None = None
    for kind in file_modalities(settings.modalities):
        found = (
            kind.sound(kind.value_of(row, clip_id=row["clip_id"]))
            if kind.holds_file and not kind.is_null_in(row)
            else None
        )
        sound = found or sound
    frames = [frame["bytes"] for frame in row[VIDEO.pictures]]
    if not frames:
        raise MissingModalityError(f"clip {row['clip_id']}: has no frames")
    return encode_mp4(frames, crf=_PREVIEW_CRF, lossless=False, clip_id=row["clip_id"], sound=sound)[0]
