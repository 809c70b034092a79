"""The 19 face classes of a mask, their colours, and the two directions between them.

Order and names: face-parsing.PyTorch ``prepropess_data.py`` on CelebAMask-HQ. Colours: what the original
``generate_mask.py`` left on disk. It handed an RGB table to ``cv2.imwrite``, which takes BGR, so the colours
in the files are the table's reversed; :data:`PALETTE` holds the colours as any PNG reader sees them.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLASSES", "NO_MASK", "NUM_CLASSES", "PALETTE", "PALETTE_BYTES", "SIDE_PAIRS", "colours_of"]

CLASSES: tuple[str, ...] = (
    "background", "skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "l_ear", "r_ear", "ear_r",
    "nose", "mouth", "u_lip", "l_lip", "neck", "neck_l", "cloth", "hair", "hat",
)  # fmt: skip
"""Class names; the position is the pixel value. ``eye_g`` glasses, ``ear_r`` earring, ``neck_l`` necklace.

``l_`` and ``r_`` of brows, eyes and ears are the *person's* left and right, as in CelebAMask-HQ and BiSeNet: the
left eye of an upright, unmirrored face lies at the right of the picture. In ``u_lip`` and ``l_lip`` the letters mean
upper and lower.
"""

NUM_CLASSES = len(CLASSES)

NO_MASK = 255
"""Stands in arrays of class ids if there is no mask; never in a file."""

SIDE_PAIRS: tuple[tuple[int, int], ...] = ((2, 3), (4, 5), (7, 8))
"""Class ids (left, right) that trade places in a mirrored picture: brows, eyes, ears."""

PALETTE: "NDArray[np.uint8]" = np.array(
    [
        (255, 255, 255), (0, 85, 255), (0, 170, 255), (85, 0, 255), (170, 0, 255), (0, 255, 0), (0, 255, 85),
        (0, 255, 170), (85, 255, 0), (170, 255, 0), (255, 0, 0), (255, 0, 85), (255, 0, 170), (255, 85, 0),
        (255, 170, 0), (0, 255, 255), (85, 255, 255), (170, 255, 255), (255, 0, 255),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""uint8 [19, 3], RGB: the colour of each class in the original files."""
PALETTE.setflags(write=False)

PALETTE_BYTES: bytes = PALETTE.tobytes()
"""The palette as Pillow's ``putpalette`` and PNG's PLTE chunk want it: 57 bytes, RGB."""


def colours_of(ids: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Convert class ids into the colours of the original mask files.

    Args:
        ids: uint8 [..., H, W], values 0 to 18.

    Returns:
        uint8 [..., H, W, 3], RGB.
    """
    return PALETTE[ids]
