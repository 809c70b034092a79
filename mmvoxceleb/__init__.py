"""Multimodal VoxCeleb: load, stream, regenerate, publish and train on talking-face clips.

Importing this package lets ``datasets.load_dataset("mmvoxceleb")`` find the dataset.
"""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.registration import load_dataset, register_when_imported

if TYPE_CHECKING:
    from mmvoxceleb.loading import MMVoxCeleb, MMVoxCelebConfig, embed, without_removed
    from mmvoxceleb.sampling import ClipSampler
    from mmvoxceleb.stores import open_store

    __version__: str

__all__ = [
    "ClipSampler",
    "MMVoxCeleb",
    "MMVoxCelebConfig",
    "__version__",
    "embed",
    "load_dataset",
    "open_store",
    "without_removed",
]

_LAZY = {
    "ClipSampler": "mmvoxceleb.sampling",
    "MMVoxCeleb": "mmvoxceleb.loading",
    "MMVoxCelebConfig": "mmvoxceleb.loading",
    "embed": "mmvoxceleb.loading",
    "open_store": "mmvoxceleb.stores",
    "without_removed": "mmvoxceleb.loading",
}

register_when_imported()


if not TYPE_CHECKING:  # else a type checker would take any name

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from importlib.metadata import version

            return version("mmvoxceleb")
        if name in _LAZY:
            import importlib

            return getattr(importlib.import_module(_LAZY[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
