"""Write pictures into their room in a sample's tensor, as the type that the tensor has.

Each thread does this for the pictures it decodes. NumPy divides, one picture at a time: torch's own threads cost more
here than they save.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.schema.classes import NUM_CLASSES, colours_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["put_colours", "put_grey", "put_ids", "put_one_hot", "put_rgb"]

_CLASSES = np.arange(NUM_CLASSES, dtype=np.uint8)[:, None, None]


def put_rgb(picture: "NDArray[np.uint8]", room: "NDArray[Any]") -> None:
    """Write a picture channel by channel; OpenCV parts them at twice the speed of a strided copy.

    Args:
        picture: uint8 [H, W, 3], or [H, W, 4], whose fourth channel is left out.
        room: uint8 or float32 [3, H, W], contiguous; overwritten with 0 to 255, or 0 to 1.
    """
    import cv2

    channels = picture.shape[2]
    planes = room if room.dtype == np.uint8 and channels == 3 else np.empty((channels, *room.shape[1:]), np.uint8)
    cv2.split(np.ascontiguousarray(picture), list(planes))
    if planes is not room:
        put_grey(planes[:3], room)


def put_grey(picture: "NDArray[np.uint8]", room: "NDArray[Any]") -> None:
    """Write samples as they lie.

    Args:
        picture: uint8, of the shape of ``room`` or one that fits it.
        room: uint8 or float32; overwritten with 0 to 255, or 0 to 1.
    """
    if room.dtype == np.uint8:
        room[...] = picture
    else:
        room[...] = picture
        room /= np.float32(255)  # in two steps: NumPy casts in small pieces when it divides at the same time


def put_ids(ids: "NDArray[np.uint8]", room: "NDArray[np.int64]") -> None:
    """Write class ids [H, W]."""
    room[...] = ids


def put_one_hot(ids: "NDArray[np.uint8]", room: "NDArray[np.float32]") -> None:
    """Write class ids [H, W] as one plane of ones and zeros for each class: [19, H, W]."""
    room[...] = ids == _CLASSES


def put_colours(ids: "NDArray[np.uint8]", room: "NDArray[Any]") -> None:
    """Write class ids [H, W] in the original colours, as colours."""
    put_rgb(colours_of(ids), room)
