"""What differs between two clip lists, or between two stores."""

from mmvoxceleb.diff.lists import ListDiff, diff_lists
from mmvoxceleb.diff.stores import FolderDiff, StoreDiff, diff_stores

__all__ = ["FolderDiff", "ListDiff", "StoreDiff", "diff_lists", "diff_stores"]
