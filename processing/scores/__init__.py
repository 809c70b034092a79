"""Measure figures by which clips are chosen, such as the size of the face, its sharpness and the head pose."""

from mmvoxceleb.processing.scores.interface import Scorer
from mmvoxceleb.processing.scores.material import Material
from mmvoxceleb.processing.scores.registry import make_scorers, register_score, scorers, unregister_score
from mmvoxceleb.processing.scores.stage import ScoreStage

__all__ = ["Material", "ScoreStage", "Scorer", "make_scorers", "register_score", "scorers", "unregister_score"]
