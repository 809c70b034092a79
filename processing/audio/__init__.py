"""Sound: that of a video, in step with the frames of its clips."""

from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.audio.stage import AudioStage

__all__ = ["AudioSettings", "AudioStage"]
