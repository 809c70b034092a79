"""Face masks, from array to array and, by :class:`MaskStage`, on clips.

:class:`FaceParser` is the original's; :class:`OpenParser` uses models of permissive licences alone.
"""

from mmvoxceleb.processing.masks.open_parser import OpenParser
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, FaceParser, NetworkParser, Parser
from mmvoxceleb.processing.masks.stage import MaskStage, make_parser

__all__ = ["MASK_SIZE_PX", "FaceParser", "MaskStage", "NetworkParser", "OpenParser", "Parser", "make_parser"]
