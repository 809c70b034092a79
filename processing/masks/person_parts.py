"""The parts of a person that points do not give: hair, neck, clothes, ears and forehead, by place and colour.

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
from mmvoxceleb.processing.masks.head_geometry import PARTS, Head, head_of, nearer_to

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS_PX", "ClipColours", "SeenPerson", "learnt", "parts_of", "seen"]

PARTS_PX = 256
"""Side of the maps in which parts are told apart."""

_ROUNDS = 3
_SKIN, _HAIR, _NECK, _CLOTH, _L_EAR, _R_EAR, _OTHER = range(len(PARTS))
_OUTLINE_FILTER = (4, 4e-4)
_SURE = 0.02
"""The outline is believed no more than this away from certainty."""
_LOW_HANGING = 0.05
"""What is left of the prior of hair below the chin where hair is short."""
_BARE = 0.8
"""How much less what looks like skin teaches of clothes, far below the chin."""
_HAIR_OVER_CLOTH = 0.7
"""How much less likely clothes are where long hair hangs and the colour is hair's."""
_HAIR_ON_FEATURES = 0.05
"""What is left of the prior of hair at eyes, brows, nose and lips."""
_BALD_FROM = (0.15, 0.3)
"""Share of what is above the forehead that has usual colours of the face: of a head with hair, of a bald one."""
_BRIGHTNESS, _GAIN = 160.0, 6.0
"""How bright a face is made, of 255, and the most that a picture is multiplied by."""
_SHADES = ((1.0, 1.0), (0.8, 0.8), (0.6, 0.6), (0.45, 0.3), (0.32, 0.2))
"""How dark skin below the chin is beside that of the face, and how often."""
_LONG_FROM = (0.08, 0.35)
"""Share of the places beside the jaw that is hair: of short hair at most, of long hair at least."""


@dataclass(frozen=True)
class SeenPerson:
    """A frame as it is looked at: maps of :data:`PARTS_PX` px.

    Args:
        head: Geometry.
        picture: uint8 [S, S, 3], RGB, lit up where the face is dark.
        bins: int32 [S, S], colours; see :func:`features_of`.
        person: float32 [S, S], probability of the person, sharpened along the picture's edges.
        features: bool [S, S], eyes, brows, nose, lips and mouth, and a little around.
        others: bool [S, S], nearer to another face than to this one, each by its size.
        guide: The filter along the picture's edges.
    """

    head: Head
    picture: "NDArray[np.uint8]"
    bins: "NDArray[np.int32]"
    person: "NDArray[np.float32]"
    features: "NDArray[np.bool_]"
    others: "NDArray[np.bool_]"
    guide: GuidedFilter


def seen(
    frame: "NDArray[np.uint8]",
    points: "NDArray[np.floating[Any]]",
    person: "NDArray[np.float32]",
    others: "Sequence[NDArray[np.floating[Any]]]" = (),
) -> SeenPerson:
    """Look at a frame.

    Args:
        frame: uint8 [H, W, 3], RGB.
        points: float [478, 3] in px of the frame.
        person: float32, square, probability of any person.
        others: Points of other faces, float [K, 2] each, in px of the frame.
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
    head = head_of(points, scale, side)
    # dark faces are lit up to the same brightness, so that their colours can be told apart
    face = picture[_is_middle_of_face(head)]
    gain = float(np.clip(_BRIGHTNESS / max(1.0, float(np.median(face.max(axis=1))) if len(face) else 1.0), 1, _GAIN))
    lit = np.minimum(picture * np.float32(gain), 255).astype(np.uint8)
    return SeenPerson(
        head,
        lit,
        features_of(lit),
        np.clip(guide(np.asarray(cv2.resize(person, (side, side)), np.float32)), 0, 1),
        cv2.dilate(features, np.ones((3, 3), np.uint8)) > 0,
        nearer_to(others, points, scale, side) & ~head.inside,
        guide,
    )


@dataclass(frozen=True)
class ClipColours:
    """What a clip teaches of its person.

    Args:
        parts: Colours of :data:`PARTS`, and at the end of what is behind the person.
        long_hair: 0 to 1, how much hair hangs beside the jaw.
        bald: 0 to 1, how much of the head above the forehead has colours of skin.
        hairy: bool, of each colour, whether it is hair's; see :func:`_hairy_colours`.
    """

    parts: ColourModel
    long_hair: float
    bald: float
    hairy: "NDArray[np.bool_]"


def learnt(frames: Sequence[SeenPerson]) -> ClipColours:
    """Learn the colours of a clip's person from some of its frames."""
    bins = np.concatenate([frame.bins.ravel() for frame in frames])
    seeds = np.concatenate([_seeds(frame) for frame in frames], axis=1)
    shaded = _in_shade(frames)
    model = ColourModel.fitted(bins, seeds)
    hairy = _hairy_colours(model)
    long_hair = _long_hair(frames, hairy)
    # where hair hangs down to them, what has its colours is no clothes
    is_cloth = 1 - long_hair * hairy[bins]
    bare = _BARE * (shaded.table[0] > 5 / shaded.table[0].size)[bins]
    seeds[_CLOTH] *= is_cloth * (1 - bare)
    bald = _bald(bins, seeds, model)
    seeds[_HAIR] *= 1 - bald * bare
    colours = ClipColours(_fitted(bins, seeds, shaded), long_hair, bald, hairy)
    for _ in range(_ROUNDS):
        weights = np.concatenate([_weights(frame, colours) for frame in frames], axis=1)
        weights[_CLOTH] *= is_cloth
        colours = ClipColours(_fitted(bins, weights, shaded), long_hair, bald, hairy)
    return colours


def _fitted(bins: "NDArray[np.int32]", weights: "NDArray[np.float32]", shaded: ColourModel) -> ColourModel:
    """Fit all parts; neck and ears have the colours of the face in some shade, and hardly learn others."""
    model = ColourModel.fitted(bins, weights)
    for part, share in ((_NECK, 0.75), (_L_EAR, 0.5), (_R_EAR, 0.5)):
        model.table[part] = share * shaded.table[0] + (1 - share) * model.table[part]
    return model


def _in_shade(frames: Sequence[SeenPerson]) -> ColourModel:
    """Learn how the face's skin would look in several degrees of shade: a model of one part."""
    bins, weights = [], []
    for frame in frames:
        is_skin = _seeds(frame)[_SKIN]
        for shade, weight in _SHADES:
            bins.append(features_of((frame.picture * np.float32(shade)).astype(np.uint8)).ravel())
            weights.append(is_skin * np.float32(weight))
    return ColourModel.fitted(np.concatenate(bins), np.concatenate(weights)[None])


def parts_of(frame: SeenPerson, colours: ClipColours) -> "NDArray[np.float32]":
    """Tell what each pixel is: float32 [1 + len(PARTS), S, S], background and parts, sums to 1."""
    shares = _posterior(frame, colours)
    # the ears lie apart, so that one plane holds both
    left = shares[1 + _L_EAR] / np.maximum(shares[1 + _L_EAR] + shares[1 + _R_EAR], 1e-12)
    shares[1 + _L_EAR] += shares[1 + _R_EAR]
    for number in set(range(1 + len(PARTS))) - {1 + _R_EAR}:
        shares[number] = frame.guide(shares[number])
    shares[1 + _R_EAR] = shares[1 + _L_EAR] * (1 - left)
    shares[1 + _L_EAR] *= left
    np.maximum(shares, 1e-4, out=shares)
    shares /= shares.sum(axis=0)
    return shares


def _posterior(frame: SeenPerson, colours: ClipColours) -> "NDArray[np.float32]":
    """Float32 [1 + len(PARTS), S, S], the background first; sums to 1."""
    likelihood = colours.parts(frame.bins)
    hanging = _LOW_HANGING + (1 - _LOW_HANGING) * colours.long_hair
    is_person = np.clip(frame.person, _SURE, 1 - _SURE)
    product = np.empty((len(PARTS) + 1, *frame.bins.shape), np.float32)
    product[1:] = frame.head.prior * likelihood[:-1]
    product[1 + _HAIR] *= (1 - (1 - hanging) * frame.head.low) * np.where(frame.features, _HAIR_ON_FEATURES, 1)
    product[1 + _SKIN] += colours.bald * frame.head.top * likelihood[_SKIN]
    product[1 + _CLOTH] *= 1 - _HAIR_OVER_CLOTH * colours.long_hair * colours.hairy[frame.bins]
    # of the colours no more than a part is believed, as what is behind a person may have any
    product[0] = (
        (1 - is_person)
        / is_person
        * product[1:].sum(axis=0)
        * np.sqrt(likelihood[-1] / (frame.head.prior * likelihood[:-1]).sum(axis=0))
    )
    product /= product.sum(axis=0)
    product[:, frame.others] = 0
    product[0, frame.others] = 1
    return product


def _is_middle_of_face(head: Head) -> "NDArray[np.bool_]":
    """Tell where nothing but skin and features can be."""
    return np.asarray((head.distance < -0.05) & (head.down > -0.15) & (head.down < 0.42))


def _seeds(frame: SeenPerson) -> "NDArray[np.float32]":
    """Where a part surely is: float32 [len(PARTS) + 1, S * S]."""
    head, is_person = frame.head, frame.person > 0.85
    seeds = np.zeros((len(PARTS) + 1, *frame.bins.shape), np.float32)
    seeds[_SKIN] = _is_middle_of_face(head) & ~frame.features & is_person
    seeds[_HAIR] = (head.distance > 0.08) & (head.distance < 0.28) & (head.down < -0.4) & is_person
    seeds[_CLOTH] = (head.down > 0.95) & (head.distance > 0.35) & is_person
    seeds[_NECK] = seeds[_L_EAR] = seeds[_R_EAR] = seeds[_SKIN]
    seeds[_OTHER] = 0.02
    seeds[-1] = frame.person < 0.05
    seeds[:, frame.others] = 0
    return seeds.reshape(len(PARTS) + 1, -1)


def _weights(frame: SeenPerson, colours: ClipColours) -> "NDArray[np.float32]":
    """How much each pixel teaches of each part: float32 [len(PARTS) + 1, S * S]."""
    shares = _posterior(frame, colours)[1:] * ((frame.person > 0.5) & ~frame.features)
    skin = shares[_SKIN] + shares[_L_EAR] + shares[_R_EAR]
    shares[_NECK] += 0.3 * skin
    shares[_OTHER] = 0.3 * skin + 0.05 * shares.sum(axis=0)
    shares[_SKIN] = shares[_L_EAR] = shares[_R_EAR] = skin
    behind = (frame.person < 0.05) & ~frame.others
    return np.concatenate([shares, behind[None].astype(np.float32)]).reshape(len(PARTS) + 1, -1)


def _hairy_colours(model: ColourModel) -> "NDArray[np.bool_]":
    """Tell which colours are rather hair's than skin's, and no rare ones of it."""
    hair, skin = model.table[_HAIR], model.table[_SKIN]
    return np.asarray((hair > 2 * skin) & (hair > 3 / hair.size))


def _bald(bins: "NDArray[np.int32]", seeds: "NDArray[np.float32]", model: ColourModel) -> float:
    """Tell how much of what is above the forehead has the colours of the face: 0 to 1."""
    face = bins[seeds[_SKIN] > 0]
    above = bins[seeds[_HAIR] > 0]
    if not len(face) or not len(above):
        return 0.0
    # the colours that half of the face's pixels have or surpass
    usual = model.table[_SKIN][above] >= np.median(model.table[_SKIN][face])
    low, high = _BALD_FROM
    return float(np.clip((usual.mean() - low) / (high - low), 0, 1))


def _long_hair(frames: Sequence[SeenPerson], hairy: "NDArray[np.bool_]") -> float:
    """Tell from the places beside the jaw, where of short hair there is nothing, how long it is: 0 to 1."""
    low, high = _LONG_FROM
    shares = []
    for zone in range(2):
        places = [frame.head.beside_jaw == zone + 1 for frame in frames]
        hair = [here & hairy[frame.bins] & (frame.person > 0.5) for here, frame in zip(places, frames, strict=True)]
        shares.append(sum(int(here.sum()) for here in hair) / max(1, sum(int(here.sum()) for here in places)))
    return float(np.clip((min(shares) - low) / (high - low), 0, 1))
