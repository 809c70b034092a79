"""Where mmvoxceleb keeps what it can make again: zip indexes, Drive downloads, model weights."""

import os
from pathlib import Path

__all__ = ["cache_dir"]


def cache_dir() -> Path:
    """Name the cache folder; it need not exist.

    ``MMVOXCELEB_CACHE``, else ``mmvoxceleb`` in ``XDG_CACHE_HOME`` or ``~/.cache``. Datasets that are prepared
    by ``load_dataset`` are not here: they are in the cache of ``datasets``.
    """
    chosen = os.environ.get("MMVOXCELEB_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mmvoxceleb"
