"""The sound of clips, cut from their videos, in sync with the frames."""

from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.audio.stage import AudioStage

__all__ = ["AudioSettings", "AudioStage"]
