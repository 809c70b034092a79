"""Clip lists: small files that say which clips are meant, and how they were chosen, so that they can be cited."""

from mmvoxceleb.cliplists.citing import Citation
from mmvoxceleb.cliplists.clip_list import ClipList, StoreMark
from mmvoxceleb.cliplists.reading import as_clip_list, parse_clip_list, read_clip_list
from mmvoxceleb.cliplists.steps import ChoiceStep

__all__ = [
    "ChoiceStep",
    "Citation",
    "ClipList",
    "StoreMark",
    "as_clip_list",
    "parse_clip_list",
    "read_clip_list",
]
