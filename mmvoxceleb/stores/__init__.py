"""Where bytes come from: folders, zips, one zip per clip, local or behind any fsspec URL."""

from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.opening import open_store

__all__ = ["Entry", "Store", "open_store"]
