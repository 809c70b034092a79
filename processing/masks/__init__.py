"""Face masks: :class:`FaceParser` from array to array, :class:`MaskStage` on clips."""

from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, FaceParser, Parser
from mmvoxceleb.processing.masks.stage import MaskStage, make_parser

__all__ = ["MASK_SIZE_PX", "FaceParser", "MaskStage", "Parser", "make_parser"]
