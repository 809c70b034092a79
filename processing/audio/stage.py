"""The stage that writes the sound of a clip, taken from its source video."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.modalities import AUDIO, Folder
from mmvoxceleb.modalities.audio import SILENT_BELOW
from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.audio.sources import ClipsByVideo
from mmvoxceleb.processing.audio.video_sound import VideoSound
from mmvoxceleb.processing.engines.interface import ClipSource
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.stores import Store, open_store

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AudioStage"]

_WITHOUT = "without"


class AudioStage(Stage):
    """Write the sound of each clip to ``audio/<clip_id>.flac``.

    The sound starts with the first frame of the clip and ends with the end of its last frame. A clip of a video without
    sound gets no file, and its provenance gives the reason.

    Args:
        settings: Format of the sound. The default is 16 kHz, mono.
        raw: Folder of the source videos, or one video, on disk or behind a URL, to add sound to existing clips. None if
            the stage follows a ``CropStage``.
    """

    name = "audio"
    reads_frames = False
    reads_sound = True

    def __init__(self, settings: AudioSettings | None = None, *, raw: str | os.PathLike[str] | None = None) -> None:
        self.audio = settings or AudioSettings()
        self.raw = raw

    def clips_of(
        self, source: Any, stages: Sequence[Stage], writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        if self.raw is None:
            raise ConfigError("sound is cut from videos: name their folder, AudioStage(raw=...), or begin with a crop")
        if any(stage.reads_frames or stage.uses_label for stage in stages):
            raise ConfigError("the sound of clips that exist is made alone; give the other stages a run of their own")
        if isinstance(source, str | os.PathLike):
            source = open_store(source)
        if not isinstance(source, Store):
            raise ConfigError("the sound of clips that exist takes a store, or its path or URL")
        return ClipsByVideo(source, self.raw)

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (AUDIO.folder(),)

    def settings(self) -> dict[str, Any]:
        return self.audio.as_dict()

    def inputs(self, clip: Clip) -> dict[str, Any]:
        section = clip.meta.get(CROP)
        section = section if isinstance(section, Mapping) else {}
        return {name: section.get(name) for name in ("source", "start", "num_frames")}

    def makes_nothing(self, section: Mapping[str, Any]) -> bool:
        return _WITHOUT in section

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> None:
        """Nothing needs the device."""

    def encode(self, clip: Clip, result: None) -> StageOutput:
        """Cut and encode the sound.

        Raises:
            CorruptSourceError: The clip's provenance does not say which frames of which video it has.
            SourceUnavailableError: The video is not on this machine.
        """
        section = self.inputs(clip)
        start, num_frames = section["start"], section["num_frames"]
        if not (isinstance(start, int) and isinstance(num_frames, int) and start >= 0 and num_frames > 0):
            raise CorruptSourceError(
                f"clip {clip.clip_id}: its meta does not say which frames of which video it has, so its sound cannot "
                "be found; it is known of clips that mmvoxceleb regenerate crop made"
            )
        if clip.source is None:
            raise SourceUnavailableError(
                f"clip {clip.clip_id}: the video that it was cut from is not here; name its folder with --raw"
            )
        path, audio = clip.source.path, self.audio
        sound = clip.source.shared(("sound", audio), lambda: VideoSound(path, audio))
        samples, facts = sound.clip(start, num_frames)
        if samples is None:
            return StageOutput({AUDIO.folder(): []}, facts, remark=f"no sound: {facts[_WITHOUT]}")
        loudest = max(-int(samples.min(initial=0)), int(samples.max(initial=0)))
        remark = "silent sound" if loudest < SILENT_BELOW * -np.iinfo(np.int16).min else ""
        return StageOutput({AUDIO.folder(): [("", encode_flac(samples, audio.rate))]}, facts, remark=remark)
