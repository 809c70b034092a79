"""Encode the frames of a clip as they come."""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.codecs.pictures import encode_frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode_pngs", "keeping"]

PNG_THREADS = 2
"""Encoding a PNG takes longer than decoding and cropping its frame."""


def encode_pngs(frames: "Iterable[NDArray[np.uint8]]") -> list[tuple[str, bytes]]:
    """Encode frames, uint8 [H, W, 3], RGB, as ``0000000.png`` and on, on a few threads and in order."""
    encoded = results_ahead(encode_frame, frames, ahead=2 * PNG_THREADS, threads=PNG_THREADS)
    return [(f"{number:07d}.png", data()) for number, (_, data) in enumerate(encoded)]


def keeping(
    frames: "Iterable[NDArray[np.uint8]]", indices: Collection[int], kept: "dict[int, NDArray[np.uint8]]"
) -> "Iterator[NDArray[np.uint8]]":
    """Pass frames on, and put those at ``indices`` into ``kept``."""
    for index, frame in enumerate(frames):
        if index in indices:
            kept[index] = frame
        yield frame
