"""The data of a clip from which figures are computed. Each file is decoded only once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.meta.inputs import why_absent
from mmvoxceleb.modalities import AUDIO, LANDMARKS, MASKS, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_FACE", "NO_LANDMARKS", "VOICE_RATE", "Material"]

NO_LANDMARKS = "no landmarks: make them with mmvoxceleb regenerate landmarks"
NO_FACE = "no face: its landmarks have none in any frame"

VOICE_RATE = 16_000


@dataclass
class Material:
    """The data of a clip. Properties decode files when they are first used, and keep the result for other figures.

    Args:
        clip_id: Id of the clip.
        indices: int64 [N], the index of each frame in the clip, ascending, at 25 frames per second.
        frames: uint8 [N, H, W, 3], RGB. Without frames, [0, 0, 0, 3], if no scorer of the run needs them.
        meta: Provenance of the clip; empty if it has none.
        files: Names and contents of the clip's files in the folders that scorers of the run read.
    """

    clip_id: str
    indices: "NDArray[np.int64]"
    frames: "NDArray[np.uint8]"
    meta: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[Folder, Sequence[tuple[str, bytes]]] = field(default_factory=dict)

    @cached_property
    def grey(self) -> "NDArray[np.uint8]":
        """Grey levels of the frames, uint8 [N, H, W], 0 to 255."""
        import cv2

        shape = self.frames.shape[:3]
        grey = np.empty(shape, np.uint8)
        for number, frame in enumerate(self.frames):
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY, dst=grey[number])
        return grey

    @cached_property
    def landmarks(self) -> FaceLandmarks | None:
        """Points, blendshapes and head pose in each frame. None if no scorer reads landmarks, or the clip has none.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        files = self.files.get(LANDMARKS.folder())
        return LANDMARKS.parse(files[0][1], clip_id=self.clip_id) if files else None

    @cached_property
    def sound(self) -> FlacSound | None:
        """The sound of the clip. None if no scorer reads sound, or the clip has none.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        files = self.files.get(AUDIO.folder())
        return AUDIO.parse(files[0][1], clip_id=self.clip_id) if files else None

    @property
    def without_sound(self) -> str:
        """Why the clip has no sound: the reason in its provenance, or that nobody made any."""
        return (
            f"no sound: {why_absent(self.meta, AUDIO.name) or 'make it with mmvoxceleb regenerate audio --raw VIDEOS'}"
        )

    @cached_property
    def voice(self) -> "NDArray[np.float32] | None":
        """The sound as speech models need it: float32 [N], -1 to 1, 16 kHz, the mean of the channels.

        None without :attr:`sound`.

        Raises:
            CorruptSourceError: The file is damaged.
        """
        if self.sound is None:
            return None
        whole = self.sound.part(0.0, round(self.sound.seconds * VOICE_RATE), VOICE_RATE)
        return np.asarray(whole.mean(axis=0), np.float32)

    @cached_property
    def masks(self) -> "list[NDArray[np.uint8]]":
        """The masks of the clip, in order: class ids, each uint8 [H, W].

        Empty if no scorer reads masks, or the clip has none.

        Raises:
            CorruptSourceError: A mask is damaged.
        """
        files = self.files.get(MASKS.folder(), ())
        return [read_mask_ids(data, clip_id=self.clip_id, name=name) for name, data in files]

    @cached_property
    def faces(self) -> "list[tuple[int, NDArray[np.float32]]]":
        """For each frame with a face: its position in ``frames``, and its points (x, y) in px, float32 [478, 2]."""
        if self.landmarks is None:
            return []
        places = {int(index): place for place, index in enumerate(self.indices)}
        rows = zip(self.landmarks.indices.tolist(), self.landmarks.has_face, self.landmarks.points, strict=True)
        return [(places[index], points[:, :2]) for index, is_face, points in rows if is_face and index in places]

    @property
    def without_face(self) -> str:
        """The reason why figures of the face cannot be measured. Empty if they can."""
        if self.landmarks is None:
            return NO_LANDMARKS
        return "" if self.faces else NO_FACE
