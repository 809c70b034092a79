"""A store whose clips are video files, with the frame number in the pixels of frames and masks."""

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.codecs.video import first_frame_note
from tests.support.videos import numbered

PERSONS = ("id10001", "id10270")
CLIPS = tuple(f"{person}#aaaaaaaaaaa#00001.txt#000.mp4" for person in PERSONS)


def video_bytes(numbers: Sequence[int], *, size: tuple[int, int] = (96, 64), gop: int = 6) -> bytes:
    """An mp4 file of numbered frames, shown at their numbers, with B-frames."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "10", "g": str(gop), "bf": "2"}
        if numbers[0]:
            container.metadata.update(first_frame_note(numbers[0]))
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def make_video_store(root: Path, numbers: Sequence[int] = range(24), *, masks: int = 4) -> Path:
    """Clips as mp4 files, with a palette mask of class ``number % 19`` at every so many frames."""
    for clip in CLIPS:
        path = root / "video" / clip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video_bytes(numbers))
        for number in numbers:
            if number % masks == 0:
                mask = root / "mask" / clip / f"{number:07d}.png"
                mask.parent.mkdir(parents=True, exist_ok=True)
                mask.write_bytes(encode_palette_mask(np.full((32, 48), number % 19, np.uint8)))
    return root
