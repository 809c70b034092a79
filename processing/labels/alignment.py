"""Bring faces into the frame that FaRL was trained on, by five landmarks.

Coordinates are continuous pixels: a picture covers [0, W] x [0, H], and the centre of pixel i is i + 0.5. The five
points are left eye, right eye, nose tip, left and right corner of the mouth, where left is the smaller x in the
picture (not the person's left).
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "TARGET_POINTS",
    "align_faces",
    "five_of_68",
    "left_to_right",
    "similarity",
]

FACE_PX = 224
"""Side of an aligned face."""

# facer's get_std_points_xray: five points in a 256 px frame, lowered by 30 px, in the middle of a 500 px frame
_REFERENCE = (
    (85.82991, 85.7792), (169.0532, 84.3381), (127.574, 137.0006), (90.6964, 174.7014), (167.3069, 173.3733),
)  # fmt: skip
TARGET_POINTS: "NDArray[np.float64]" = (np.array(_REFERENCE) + np.array((122, 122 + 30))) * (FACE_PX / 500)
"""float64 [5, 2], (x, y): where the five points lie in an aligned face."""

# CLIP's normalisation, RGB
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def similarity(landmarks: "ArrayLike") -> "NDArray[np.float64]":
    """Fit rotation, scale and shift that bring landmarks closest to :data:`TARGET_POINTS`, by least squares.

    Args:
        landmarks: float [N, 5, 2], (x, y) in continuous pixels.

    Returns:
        float64 [N, 3, 3]: from the picture to the aligned face, no reflection.

    Raises:
        ConfigError: Another shape, or points that are not finite or all in one place; the face is named by number.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2):
        raise ConfigError(f"landmarks must be [N, 5, 2], (x, y) of five points for each frame; got {points.shape = }")
    source_mean = points.mean(1, keepdims=True)
    source, target = points - source_mean, TARGET_POINTS - TARGET_POINTS.mean(0)
    spread = (source**2).sum((1, 2))
    wrong = np.flatnonzero(~np.isfinite(spread) | (spread < 1e-6))
    if len(wrong):
        raise ConfigError(
            f"the landmarks of frame {wrong[0]} are not five points: {points[wrong[0]].tolist()}; "
            "leave out frames without a face"
        )
    a = (source * target).sum((1, 2)) / spread
    b = (source[..., 1] * target[:, 0] - source[..., 0] * target[:, 1]).sum(1) / spread
    matrices = np.zeros((len(points), 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = a
    matrices[:, 0, 1], matrices[:, 1, 0] = b, -b
    turned = np.einsum("nij,nj->ni", matrices[:, :2, :2], source_mean[:, 0])
    matrices[:, :2, 2] = TARGET_POINTS.mean(0) - turned
    matrices[:, 2, 2] = 1
    return matrices


def align_faces(frames: "torch.Tensor", landmarks: "ArrayLike") -> "torch.Tensor":
    """Cut out faces as FaRL wants them: turned, scaled, shifted and normalised.

    Sampling is bilinear without antialiasing. What lies outside the picture is black, which is usual: the aligned
    face shows about six eye distances.

    Args:
        frames: uint8 [N, H, W, 3], RGB, on any device.
        landmarks: float [N, 5, 2], (x, y) in continuous pixels of the frames.

    Returns:
        float32 [N, 3, 224, 224] on the device of ``frames``: (value / 255 - mean) / deviation.

    Raises:
        ConfigError: The landmarks are unusable, see :func:`similarity`.
    """
    import torch

    count, height, width = frames.shape[:3]
    places = places_in_frames(landmarks, height=height, width=width)
    if len(places) != count:
        raise ConfigError(f"there are {count} frames but landmarks for {len(places)}")
    return cut_faces(frames, torch.from_numpy(places).to(frames.device))


def places_in_frames(landmarks: "ArrayLike", *, height: int, width: int) -> "NDArray[np.float32]":
    """Say where in its frame each pixel of an aligned face is.

    Args:
        landmarks: float [N, 5, 2], (x, y) in continuous pixels of the frames.
        height: Of the frames, in px.
        width: Of the frames, in px.

    Returns:
        float32 [N, 2, 3]: from (x, y, 1) in the aligned face to the coordinates of ``grid_sample`` in the frame.

    Raises:
        ConfigError: The landmarks are unusable, see :func:`similarity`.
    """
    inverse = np.linalg.inv(similarity(landmarks))[:, :2]
    # picture pixels to grid_sample's -1..1
    inverse[:, 0] *= 2 / width
    inverse[:, 1] *= 2 / height
    inverse[:, :, 2] -= 1
    return inverse.astype(np.float32)


def cut_faces(frames: "torch.Tensor", places: "torch.Tensor") -> "torch.Tensor":
    """Cut out faces: float32 [N, 3, 224, 224], normalised.

    Args:
        frames: uint8 [N, H, W, 3], RGB, on any device.
        places: float32 [N, 2, 3] there, from :func:`places_in_frames`.
    """
    import torch

    outputs, mean, deviation = _constants(frames.device)
    grid = torch.einsum("nij,hwj->nhwi", places, outputs)
    pictures = frames.permute(0, 3, 1, 2).to(torch.float32) / 255
    faces = torch.nn.functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return (faces - mean) / deviation


@lru_cache
def _constants(device: "torch.device") -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Keep on a device, for copies there wait: centres of the pixels [224, 224, 3], (x, y, 1); mean; deviation."""
    import torch

    centres = torch.arange(FACE_PX, dtype=torch.float32, device=device) + 0.5
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    outputs = torch.stack([columns, rows, torch.ones_like(rows)], -1)
    mean, deviation = (torch.tensor(numbers, device=device).view(3, 1, 1) for numbers in (_MEAN, _DEVIATION))
    return outputs, mean, deviation


def left_to_right(points: "ArrayLike") -> "NDArray[np.float32]":
    """Put two eyes, nose and two corners of the mouth, whichever comes first of a pair, into our order.

    Args:
        points: float [..., 5, 2]: an eye, the other eye, the nose tip, a corner of the mouth, the other corner.

    Returns:
        float32 [..., 5, 2]: of each pair the one with the smaller x first.
    """
    ordered = np.array(points, dtype=np.float32)
    for first, second in ((0, 1), (3, 4)):
        swapped = ordered[..., first, 0] > ordered[..., second, 0]
        pair = ordered[..., (first, second), :]
        ordered[..., (first, second), :] = np.where(swapped[..., None, None], pair[..., ::-1, :], pair)
    return ordered


def five_of_68(points: "ArrayLike") -> "NDArray[np.float32]":
    """Reduce the 68 points of iBUG's scheme, which face-alignment's FAN gives, to our five.

    Args:
        points: float [..., 68, 2], (x, y) in continuous pixels.

    Returns:
        float32 [..., 5, 2]: the mean of each eye's six points, the nose tip, the corners of the mouth.
    """
    all_points = np.asarray(points, dtype=np.float32)
    if all_points.shape[-2:] != (68, 2):
        raise ConfigError(f"expected the 68 points [..., 68, 2], got {all_points.shape = }")
    eyes = [all_points[..., start : start + 6, :].mean(-2) for start in (36, 42)]
    others = [all_points[..., index, :] for index in (30, 48, 54)]
    return left_to_right(np.stack([*eyes, *others], -2))
