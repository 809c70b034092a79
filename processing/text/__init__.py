"""Describe the label of a clip in sentences."""

from mmvoxceleb.processing.text.describing import STYLES, TextStyle, check_label, describe

__all__ = ["STYLES", "TextStyle", "check_label", "describe"]
