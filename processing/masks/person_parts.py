"""The parts of a person that points do not give: hair, neck, clothes, ears and forehead, by place and by colour.

A pixel's part is the one with the largest product of a prior, which :mod:`head_geometry` tells from the landmarks, and
the likelihood of its colour, which the clip itself teaches: from places where a part surely is, then a few rounds of
expectation and maximisation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.masks.colour_model import ColourModel, features_of
from mmvoxceleb.processing.masks.face_regions import BROWS, outline, painted
from mmvoxceleb.processing.masks.guided import GuidedFilter
from mmvoxceleb.processing.masks.head_geometry import PARTS, Head, head_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS_PX", "SeenPerson", "learnt", "parts_of", "seen"]

PARTS_PX = 256
"""Side of the maps in which parts are told apart."""

_ROUNDS = 3
_SKIN, _HAIR, _NECK, _CLOTH, _L_EAR, _R_EAR, _OTHER = range(len(PARTS))
_OUTLINE_FILTER = (4, 4e-4)


@dataclass(frozen=True)
class SeenPerson:
    """A frame as it is looked at: maps of :data:`PARTS_PX` px.

    Args:
        head: Geometry.
        bins: int32 [S, S], colours; see :func:`features_of`.
        person: float32 [S, S], probability of the person, sharpened along the picture's edges.
        features: bool [S, S], eyes, brows, nose, lips and mouth, and a little around.
        guide: The filter along the picture's edges.
    """

    head: Head
    bins: "NDArray[np.int32]"
    person: "NDArray[np.float32]"
    features: "NDArray[np.bool_]"
    guide: GuidedFilter


def seen(frame: "NDArray[np.uint8]", points: "NDArray[np.floating[Any]]", person: "NDArray[np.float32]") -> SeenPerson:
    """Look at a frame.

    Args:
        frame: uint8 [H, W, 3], RGB.
        points: float [478, 3] in px of the frame.
        person: float32, square, probability of the person.
    """
    import cv2

    side = PARTS_PX
    picture = np.asarray(cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    scale = (side / frame.shape[1], side / frame.shape[0])
    guide = GuidedFilter(picture, *_OUTLINE_FILTER)
    placed = points[:, :2] * scale
    features = np.zeros((side, side), np.uint8)
    for region in painted(placed, side).values():
        features |= region
    for corners in BROWS.values():
        features |= outline(placed, corners, side)
    return SeenPerson(
        head_of(points, scale, side),
        features_of(picture),
        np.clip(guide(np.asarray(cv2.resize(person, (side, side)), np.float32)), 0, 1),
        cv2.dilate(features, np.ones((3, 3), np.uint8)) > 0,
        guide,
    )


def learnt(frames: Sequence[SeenPerson]) -> ColourModel:
    """Learn the colours of a clip's person from some of its frames."""
    bins = np.concatenate([frame.bins.ravel() for frame in frames])
    model = ColourModel.fitted(bins, np.concatenate([_seeds(frame) for frame in frames], axis=1))
    for _ in range(_ROUNDS):
        weights = np.concatenate([_weights(frame, model) for frame in frames], axis=1)
        model = ColourModel.fitted(bins, weights)
    return model


def parts_of(frame: SeenPerson, model: ColourModel) -> "NDArray[np.float32]":
    """Tell the parts of a frame: float32 [len(PARTS), S, S], sums to 1 where the person is, also beside it."""
    shares = _posterior(frame, model)
    smooth = np.stack([frame.guide(plane) for plane in shares]).clip(1e-4)
    return np.asarray(smooth / smooth.sum(axis=0), np.float32)


def _posterior(frame: SeenPerson, model: ColourModel) -> "NDArray[np.float32]":
    product = frame.head.prior * model(frame.bins)
    product /= product.sum(axis=0)
    return product


def _seeds(frame: SeenPerson) -> "NDArray[np.float32]":
    """Where a part surely is: float32 [len(PARTS), S * S]."""
    head, is_person = frame.head, frame.person > 0.85
    seeds = np.zeros((len(PARTS), *frame.bins.shape), np.float32)
    seeds[_SKIN] = (head.distance < -0.05) & (head.down > -0.15) & (head.down < 0.42) & ~frame.features & is_person
    seeds[_HAIR] = (head.distance > 0.08) & (head.distance < 0.28) & (head.down < -0.4) & is_person
    seeds[_CLOTH] = (head.down > 0.95) & (head.distance > 0.35) & is_person
    seeds[_NECK] = seeds[_L_EAR] = seeds[_R_EAR] = seeds[_SKIN]
    seeds[_OTHER] = 0.02
    return seeds.reshape(len(PARTS), -1)


def _weights(frame: SeenPerson, model: ColourModel) -> "NDArray[np.float32]":
    """How much each pixel teaches of each part: float32 [len(PARTS), S * S]."""
    shares = _posterior(frame, model) * ((frame.person > 0.5) & ~frame.features)
    skin = shares[_SKIN] + shares[_L_EAR] + shares[_R_EAR]
    shares[_NECK] += 0.3 * skin
    shares[_OTHER] = 0.3 * skin + 0.05 * shares.sum(axis=0)
    shares[_SKIN] = shares[_L_EAR] = shares[_R_EAR] = skin
    return shares.reshape(len(PARTS), -1)
