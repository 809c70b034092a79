"""The 40 attributes of a clip: predicted from its frames, or imported from manual annotations."""

from mmvoxceleb.processing.labels.predictor import AttributePredictor, label_of, read_thresholds, thresholds_of

__all__ = ["AttributePredictor", "label_of", "read_thresholds", "thresholds_of"]
