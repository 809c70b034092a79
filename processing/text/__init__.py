"""Sentences from labels."""

from mmvoxceleb.processing.text.describing import STYLES, TextStyle, check_label, describe

__all__ = ["STYLES", "TextStyle", "check_label", "describe"]
