"""The table of the clips of an export for a trainer: what they are, and the figures by which people choose."""

import csv
import io
from collections.abc import Iterable, Mapping

from mmvoxceleb.modalities import SCORES
from mmvoxceleb.stores import Store
from mmvoxceleb.trainers.trainer import ExportedClip

__all__ = ["TABLE", "clip_table", "figures_of"]

TABLE = "clips.csv"
"""Of each clip of an export: key, person, split, frames, file, whether it is silent, its figures (docs/scores.md)."""


def figures_of(store: Store) -> dict[str, dict[str, float | None]]:
    """Read the figures of each clip by which people choose; none where the store has no scores."""
    if SCORES.folder() not in store.folders():
        return {}
    from mmvoxceleb.meta.scores import read_scores

    table = read_scores(store)
    names = [name for name in table.column_names if name not in ("clip_id", "num_frames", "versions")]
    # six digits, as the clips' files have them: the table is of float32
    return {
        row["clip_id"]: {name: None if row[name] is None else float(f"{row[name]:.6g}") for name in names}
        for row in table.to_pylist()
    }


def clip_table(clips: Iterable[ExportedClip], figures: Mapping[str, Mapping[str, float | None]]) -> bytes:
    """Write the table, a CSV file with one row per clip.

    Args:
        clips: The clips, in the order of the rows.
        figures: Of each clip, by name; None for one that could not be measured.
    """
    names = list(dict.fromkeys(name for found in figures.values() for name in found))
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["clip_id", "person_id", "split", "num_frames", "file", "silent", *names])
    for clip in clips:
        person_id, own = clip.clip_id.partition("#")[0], figures.get(clip.clip_id, {})
        told = [own.get(name) for name in names]
        silent = "yes" if clip.is_silent else "no"
        table.writerow([clip.clip_id, person_id, clip.split, clip.num_frames, next(iter(clip.files)), silent, *told])
    return text.getvalue().encode()
