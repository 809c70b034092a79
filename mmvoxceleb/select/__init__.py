"""Choose clips by what is known of them: conditions, presets, balance, chance. The result is a clip list."""

from mmvoxceleb.select.choosing import Choice, Selected, select_clips
from mmvoxceleb.select.presets import PRESETS

__all__ = ["PRESETS", "Choice", "Selected", "select_clips"]
