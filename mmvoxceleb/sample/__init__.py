"""The bundled sample: a few short clips in the original layout, as small zips. README.md beside them says of what."""

from pathlib import Path

__all__ = ["sample_path"]


def sample_path() -> str:
    """The folder of the sample, for :func:`mmvoxceleb.stores.open_store`."""
    return str(Path(__file__).parent)
