"""The 40 attributes: predicted from frames, or brought in from hand-made annotations."""

from mmvoxceleb.processing.labels.predictor import AttributePredictor, label_of, read_thresholds, thresholds_of

__all__ = ["AttributePredictor", "label_of", "read_thresholds", "thresholds_of"]
