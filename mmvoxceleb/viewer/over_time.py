"""Figures over the time of a clip, and lines over its frames, as the page takes them."""

import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.modalities import FileModality, Folder, FrameModality, Modality
from mmvoxceleb.modalities.over_time import Curve
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["curves_of", "has_curves", "outlines_of"]

_AT_ONCE = 32
_NOTHING, _LARGEST = -32768, 32767


def has_curves(kind: Modality) -> bool:
    """Return whether a modality has figures over time."""
    return any(
        isinstance(kind, each) and type(kind).curves is not each.curves for each in (FrameModality, FileModality)
    )


def curves_of(clip: StoredClip, folder: Folder, tidy: Callable[[object], str] = str) -> dict[str, Any]:
    """Measure a clip over time.

    Args:
        clip: The clip.
        folder: Of the modality.
        tidy: Takes the machine's paths out of a message.

    Returns:
        ``curves``, each with its values, null if there is none; ``problem``: why some pictures are left out, or
        empty.

    Raises:
        MMVoxCelebError: The clip cannot be read.
    """
    kind = folder.kind
    problems: list[str] = []
    if isinstance(kind, FrameModality):
        found = kind.curves(_decoded(clip, folder, problems))
    else:
        assert isinstance(kind, FileModality)
        found = kind.curves(clip.value(kind))
    told = f"left out: {counted(len(problems), 'picture')}: {tidy(problems[0])}" if problems else ""
    return {"curves": [_told(curve) for curve in found], "problem": told}


def outlines_of(clip: StoredClip, kind: FileModality) -> bytes:
    """Give the lines and dots over the frames of a clip in one answer.

    Returns:
        A little-endian uint32, the number of bytes of a JSON list, and the list, filled with spaces to a multiple of
        four; then for each of its items frame indices, int32 [N], and points, int16 [N, P, 2], in steps of ``step`` px;
        -32768 if there is none.

    Raises:
        MMVoxCelebError: The clip cannot be read.
    """
    heads, parts = [], []
    for outline in kind.outlines(clip.value(kind)):
        points = outline.points
        largest = float(np.nan_to_num(np.abs(points)).max(initial=1.0))
        step = largest / _LARGEST
        heads.append({
            "name": outline.name, "rows": len(outline.indices), "points": points.shape[1], "step": step,
            "lines": [[list(colour), list(line)] for colour, line in outline.lines],
            "dots": None if outline.dots is None else list(outline.dots),
        })  # fmt: skip
        numbers = np.where(np.isfinite(points), np.nan_to_num(points / step).round(), _NOTHING)
        parts += [outline.indices.astype("<i4").tobytes(), numbers.astype("<i2").tobytes()]
    head = json.dumps(heads).encode()
    head += b" " * (-len(head) % 4)
    return b"".join([struct.pack("<I", len(head)), head, *parts])


def _decoded(clip: StoredClip, folder: Folder, problems: list[str]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Decode the pictures of a clip, a few at a time; those that are damaged are left out and told."""
    kind = folder.kind
    assert isinstance(kind, FrameModality)
    indices = clip.indices(folder).tolist()
    for start in range(0, len(indices), _AT_ONCE):
        positions = range(start, min(start + _AT_ONCE, len(indices)))
        pictures: list[Any] = clip.pictures(folder, positions)
        for position, data in zip(positions, pictures, strict=True):
            try:
                picture = kind.decode(data, where=f"clip {clip.clip_id}, {folder}, frame {indices[position]}")
            except MMVoxCelebError as error:
                problems.append(str(error))
                continue
            yield indices[position], np.ascontiguousarray(picture[..., :3]) if picture.ndim == 3 else picture


def _told(curve: Curve) -> dict[str, Any]:
    known = curve.values[np.isfinite(curve.values)]
    low, high = curve.limits or ((float(known.min()), float(known.max())) if len(known) else (0.0, 0.0))
    values = [round(value, 5) if np.isfinite(value) else None for value in curve.values.tolist()]
    return {"group": curve.group, "name": curve.name, "low": low, "high": high,
            "indices": curve.indices.tolist(), "values": values}  # fmt: skip
