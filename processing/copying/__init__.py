"""Copy a store or some of its clips, and merge several stores into one."""

from mmvoxceleb.processing.copying.copier import CopyReport
from mmvoxceleb.processing.copying.stores import copy_stores, split_persons

__all__ = ["CopyReport", "copy_stores", "split_persons"]
