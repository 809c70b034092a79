"""Remove persons, videos and clips from a store, on disk or behind a URL, so that no file in it names them."""

from mmvoxceleb.processing.removal.obeying import obey, sweep
from mmvoxceleb.processing.removal.removing import StoreRemoval, erase, planned_removal, remove_from_store

__all__ = ["StoreRemoval", "erase", "obey", "planned_removal", "remove_from_store", "sweep"]
