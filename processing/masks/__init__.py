"""Face masks, from array to array, and for clips with :class:`MaskStage`.

:class:`FaceParser` is the model of the original. :class:`OpenParser` only uses models with permissive licences.
"""

from mmvoxceleb.processing.masks.open_parser import OpenParser
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, FaceParser, NetworkParser, Parser
from mmvoxceleb.processing.masks.stage import MaskStage, make_parser

__all__ = ["MASK_SIZE_PX", "FaceParser", "MaskStage", "NetworkParser", "OpenParser", "Parser", "make_parser"]
