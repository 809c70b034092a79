"""The bundled sample: four short clips in the original layout, as small zips; ``mmvoxceleb/README.md`` describes them.

It also holds two short raw videos of generated persons and the sample models, so that a dataset can be made from a
video without any download.
"""

import shlex
from pathlib import Path

__all__ = ["SAMPLE_VIDEOS", "SWAPPED_SIDES_SHA256", "copied_first", "sample_path", "sample_videos_path"]


def sample_path() -> str:
    """Return the folder of the sample, for :func:`mmvoxceleb.open_store`."""
    return str(Path(__file__).parent)


def sample_videos_path() -> str:
    """Return the folder of the raw videos: two files ``<person>#<video>.mp4`` of generated persons, one per split."""
    return str(Path(__file__).parent / "raw")


def copied_first(location: str) -> tuple[str, str]:
    """Return a command that must come first, and the store that further commands may write to.

    The bundled sample belongs to the package, so that it is copied; otherwise the command is empty.
    """
    if location == sample_path():
        return "mmvoxceleb copy sample my-sample, then ", "my-sample"
    return "", shlex.quote(location)


SAMPLE_VIDEOS = frozenset({"sample-look", "sample-zoom", "sample-tilt", "generated-1", "generated-2"})
"""Video ids of the sample's clips and raw videos; all persons in them are generated."""

SWAPPED_SIDES_SHA256 = "f8657eae48a5cd7f60ecd73abe7ff198b2dae12a25f3931b5c62e67e78b692fd"
"""Checksum of the sample models before November 2026, whose masks swap left and right brows, eyes and ears."""
