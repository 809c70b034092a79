"""What figures are computed from: a clip's frames, and what there is of it beside them, each decoded once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.modalities import AUDIO, LANDMARKS, MASKS, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_FACE", "NO_LANDMARKS", "NO_SOUND", "VOICE_RATE", "Material"]

NO_LANDMARKS = "no landmarks: make them with mmvoxceleb regenerate landmarks"
NO_SOUND = "no sound: make it with mmvoxceleb regenerate audio"
NO_FACE = "no face: its landmarks have none in any frame"

VOICE_RATE = 16_000


@dataclass
class Material:
    """A clip. What needs decoding is decoded when it is first asked for, and kept for the next figure.

    Args:
        clip_id: The clip.
        indices: int64 [N], index of each frame in the clip, ascending, at 25 a second.
        frames: uint8 [N, H, W, 3], RGB; [0, 0, 0, 3] where no scorer of the run wants frames.
        meta: The clip's provenance, ``{}`` if there is none.
        files: Name and content of its files in the folders that scorers read.
    """

    clip_id: str
    indices: "NDArray[np.int64]"
    frames: "NDArray[np.uint8]"
    meta: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[Folder, Sequence[tuple[str, bytes]]] = field(default_factory=dict)

    @cached_property
    def grey(self) -> "NDArray[np.uint8]":
        """Grey levels of the frames, uint8 [N, H, W]."""
        import cv2

        shape = self.frames.shape[:3]
        grey = np.empty(shape, np.uint8)
        for number, frame in enumerate(self.frames):
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY, dst=grey[number])
        return grey

    @cached_property
    def landmarks(self) -> FaceLandmarks | None:
        """Points, blendshapes and head pose; None where the clip has none.

        Raises:
            CorruptSourceError: They are damaged.
        """
        files = self.files.get(LANDMARKS.folder())
        return LANDMARKS.parse(files[0][1], clip_id=self.clip_id) if files else None

    @cached_property
    def sound(self) -> FlacSound | None:
        """The clip's sound; None if it has none.

        Raises:
            CorruptSourceError: It is damaged.
        """
        files = self.files.get(AUDIO.folder())
        return AUDIO.parse(files[0][1], clip_id=self.clip_id) if files else None

    @cached_property
    def voice(self) -> "NDArray[np.float32] | None":
        """The sound as models of speech hear it, float32 [N], 16 kHz, -1 to 1, the mean of its channels.

        Raises:
            CorruptSourceError: It is damaged.
        """
        if self.sound is None:
            return None
        whole = self.sound.part(0.0, round(self.sound.seconds * VOICE_RATE), VOICE_RATE)
        return np.asarray(whole.mean(axis=0), np.float32)

    @cached_property
    def masks(self) -> "list[NDArray[np.uint8]]":
        """Class ids of its masks, each uint8 [H, W], in order; empty where it has none.

        Raises:
            CorruptSourceError: One is damaged.
        """
        files = self.files.get(MASKS.folder(), ())
        return [read_mask_ids(data, clip_id=self.clip_id, name=name) for name, data in files]

    @cached_property
    def faces(self) -> "list[tuple[int, NDArray[np.float32]]]":
        """Of each frame with a face its place in ``frames``, and the x and y of its points in px, float32 [478, 2]."""
        if self.landmarks is None:
            return []
        places = {int(index): place for place, index in enumerate(self.indices)}
        rows = zip(self.landmarks.indices.tolist(), self.landmarks.has_face, self.landmarks.points, strict=True)
        return [(places[index], points[:, :2]) for index, is_face, points in rows if is_face and index in places]

    @property
    def without_face(self) -> str:
        """Why nothing can be told of the face; empty if there is one."""
        if self.landmarks is None:
            return NO_LANDMARKS
        return "" if self.faces else NO_FACE
