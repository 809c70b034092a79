"""Sound as the files that trainers open."""

import io
import wave
from typing import TYPE_CHECKING

from mmvoxceleb.codecs.sound_track import SoundTrack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["encode_m4a", "encode_wav"]


def encode_wav(samples: "NDArray[np.int16]", rate: int = 16_000) -> bytes:
    """Make a WAV file of int16 [N], one channel."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def encode_m4a(sound: "FlacSound") -> bytes:
    """Make an M4A file, AAC at the rate of the sound; the same sound gives the same bytes."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ipod", container_options={"fflags": "+bitexact"}) as container:
        track = SoundTrack(container, sound)
        track.write(sound.seconds)
        track.end()
    return buffer.getvalue()
