"""The bundled sample: a few short clips in the original layout, as small zips. README.md beside them says of what.

Beside them are two short raw videos of generated persons, and the sample models, so that the whole way from a video to
a dataset can be gone without a download.
"""

from pathlib import Path

__all__ = ["SAMPLE_VIDEOS", "SWAPPED_SIDES_SHA256", "sample_path", "sample_videos_path"]


def sample_path() -> str:
    """The folder of the sample, for :func:`mmvoxceleb.stores.open_store`."""
    return str(Path(__file__).parent)


def sample_videos_path() -> str:
    """The folder of the raw videos, two files ``<person>#<video>.mp4`` of generated persons, one for each split."""
    return str(Path(__file__).parent / "raw")


SAMPLE_VIDEOS = frozenset({"sample-look", "sample-zoom", "sample-tilt", "generated-1", "generated-2"})
"""Video ids of its clips and raw videos, whose persons are all generated."""

SWAPPED_SIDES_SHA256 = "f8657eae48a5cd7f60ecd73abe7ff198b2dae12a25f3931b5c62e67e78b692fd"
"""Of the sample models before November 2026, whose masks have left and right brows, eyes and ears exchanged."""
