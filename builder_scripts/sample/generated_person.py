"""Who a generated face is and what it does at a moment: everything that is drawn by chance, from seeds."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES
from mmvoxceleb.schema import ATTRIBUTES, CLASSES

__all__ = ["UNKNOWN", "Light", "Moment", "Person", "attributes_of", "make_person", "random_moment"]

Colour = tuple[float, float, float]
UNKNOWN = -1

_SKINS = ((252, 204, 172), (238, 178, 138), (206, 142, 100), (156, 99, 64), (102, 62, 40))
_HAIRS: dict[str, Colour] = {
    "Black_Hair": (30, 26, 26), "Brown_Hair": (92, 60, 38), "Blond_Hair": (206, 168, 104), "Gray_Hair": (150, 150, 152),
    "": (150, 66, 34),
}  # fmt: skip
"""By attribute; red has none."""

_LEAST_SHARE = 0.0004
"""Share of the picture that a thing must take to be called worn."""

_SURE_SMILE, _NO_SMILE = 0.5, 0.3
_SURE_OPEN, _NOT_OPEN = 0.18, 0.06


@dataclass(frozen=True)
class Light:
    """Light on a scene.

    Args:
        direction: Where it comes from: right, down, towards the viewer; unit length.
        ambient: Share that comes from everywhere, 0 to 1.
        colour: Gain of red, green and blue.
    """

    direction: Colour = (-0.35, -0.5, 0.79)
    ambient: float = 0.5
    colour: Colour = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Person:
    """What stays the same in all pictures of one generated person. Lengths are in units of the head, see the shapes.

    Args:
        seed: Number of the person; textures come from it.
        skin: RGB, 0 to 255, as are all colours.
        hair: Colour of the hair.
        hair_name: The attribute of that colour; empty for red.
        hair_length: Where it ends at the sides, in units below the eyes.
        hair_volume: How far it stands off.
        wavy: Whether it is wavy.
        fringe: Whether it falls over the forehead.
        brow: Thickness, arch and height of the brows.
        eye: Half width, half height, distance from the middle and slant of the eyes.
        iris: Colour.
        nose: Half width and length.
        mouth: Half width, fullness of the upper and of the lower lip.
        lips: Colour.
        lipstick: Whether that is paint.
        jaw: Width of the jaw and of the chin, as factors.
        face_width: Half width at the cheekbones.
        beard: ``none``, ``mustache``, ``goatee`` or ``full``.
        rosy: Whether the cheeks are red.
        glasses: Colour and thickness of the frame, half width and half height of a glass; None without.
        hat: Colour, and the half width of the brim; None without.
        earrings: Colour, length; None without.
        necklace: Colour, depth; None without.
        cloth: Colour of the clothes and depth of the neckline.
        cloth_second: Colour of stripes and of the tie.
        tie: Whether there is a tie.
    """

    seed: int
    skin: Colour
    hair: Colour
    hair_name: str
    hair_length: float
    hair_volume: float
    wavy: bool
    fringe: bool
    brow: tuple[float, float, float]
    eye: tuple[float, float, float, float]
    iris: Colour
    nose: tuple[float, float]
    mouth: tuple[float, float, float]
    lips: Colour
    lipstick: bool
    jaw: tuple[float, float]
    face_width: float
    beard: str = "none"
    rosy: bool = False
    glasses: tuple[Colour, float, float, float] | None = None
    hat: tuple[Colour, float] | None = None
    earrings: tuple[Colour, float] | None = None
    necklace: tuple[Colour, float] | None = None
    cloth: tuple[Colour, float] = ((60, 70, 90), 0.2)
    cloth_second: Colour = (200, 60, 60)
    tie: bool = False


@dataclass(frozen=True)
class Moment:
    """What changes from frame to frame.

    Args:
        yaw: Turn of the head to the right of the picture, in degrees.
        pitch: Downwards.
        roll: Clockwise.
        mouth_open: 0 to 1.
        smile: 0 to 1.
        eyes_open: 0 closed to 1.
        gaze: Right and down, -1 to 1.
        brow_raise: -1 to 1.
        light: The light.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    mouth_open: float = 0.0
    smile: float = 0.0
    eyes_open: float = 1.0
    gaze: tuple[float, float] = (0.0, 0.0)
    brow_raise: float = 0.0
    light: Light = field(default_factory=Light)


def make_person(seed: int) -> Person:
    """Make the person of a number; the same one every time."""
    rng = np.random.default_rng([seed, 0])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def chance(share: float) -> bool:
        return bool(rng.random() < share)

    def any_colour(low: float = 15, high: float = 235) -> Colour:
        return between(low, high), between(low, high), between(low, high)

    tone = between(0, len(_SKINS) - 1.001)
    first, second = np.array(_SKINS[int(tone)], float), np.array(_SKINS[int(tone) + 1], float)
    skin = first + (second - first) * (tone % 1) + rng.normal(0, 5, 3)
    hair_name = str(rng.choice(list(_HAIRS), p=(0.27, 0.27, 0.2, 0.16, 0.1)))
    hair = np.clip(np.array(_HAIRS[hair_name]) * between(0.85, 1.15) + rng.normal(0, 4, 3), 12, 235)
    lipstick = chance(0.35)
    lips = skin * (0.82, 0.62, 0.64) + rng.normal(0, 5, 3)
    if lipstick:
        lips = np.array((between(140, 205), between(15, 60), between(35, 90)))
    long = chance(0.5)
    beard = "none" if long or lipstick or chance(0.4) else str(rng.choice(("mustache", "goatee", "full")))
    metal = (between(190, 235), between(170, 200), between(90, 190))
    return Person(
        seed=seed,
        skin=_triple(skin),
        hair=_triple(hair),
        hair_name=hair_name,
        hair_length=between(0.55, 1.9) if long else between(-0.35, 0.05),
        hair_volume=between(0.03, 0.2),
        wavy=chance(0.45),
        fringe=chance(0.35),
        brow=(
            between(0.075, 0.1) if chance(0.35) else between(0.03, 0.052),
            between(0.075, 0.11) if chance(0.4) else between(0.005, 0.04),
            between(-0.04, 0.03),
        ),
        eye=(between(0.14, 0.18), between(0.055, 0.085), between(0.3, 0.36), between(-0.03, 0.02)),
        iris=((between(50, 95), between(30, 60), between(15, 40)) if chance(0.6) else any_colour(60, 150)),
        nose=(between(0.14, 0.22), between(-0.05, 0.05)),
        mouth=(between(0.24, 0.33), between(0.05, 0.09), between(0.07, 0.13)),
        lips=_triple(lips),
        lipstick=lipstick,
        jaw=(between(0.86, 1.12), between(0.75, 1.3)),
        face_width=between(0.66, 0.78),
        beard=beard,
        rosy=chance(0.3),
        glasses=(
            (any_colour(10, 120), between(0.02, 0.06), between(0.2, 0.27), between(0.13, 0.22))
            if chance(0.25)
            else None
        ),
        hat=(any_colour(), between(0.86, 1.35)) if chance(0.18) else None,
        earrings=(metal if chance(0.6) else any_colour(60), between(0.06, 0.24)) if chance(0.45) else None,
        necklace=(metal if chance(0.6) else any_colour(60), between(0.05, 0.3)) if chance(0.35) else None,
        cloth=(any_colour(), between(0.1, 0.55)),
        cloth_second=any_colour(),
        tie=chance(0.12),
    )


def random_moment(rng: np.random.Generator) -> Moment:
    """Draw a pose, an expression and a light."""
    wide = rng.random() < 0.3
    light = np.array((rng.normal(0, 0.5), rng.normal(-0.4, 0.35), rng.uniform(0.6, 1.1)))
    warmth = rng.normal(0, 0.04)
    talking, smiling = rng.random() < 0.5, rng.random() < 0.5
    return Moment(
        yaw=float(np.clip(rng.normal(0, 15 if wide else 8), -26, 26)),
        pitch=float(np.clip(rng.normal(0, 6), -15, 15)),
        roll=float(np.clip(rng.normal(0, 7), -20, 20)),
        mouth_open=float(rng.uniform(_SURE_OPEN, 1) if talking else rng.uniform(0, 0.1) * (rng.random() < 0.3)),
        smile=float(rng.uniform(_SURE_SMILE, 1) if smiling else rng.uniform(0, 0.35)),
        eyes_open=float(rng.uniform(0.7, 1.1) if rng.random() < 0.9 else rng.uniform(0.05, 0.5)),
        gaze=(float(rng.uniform(-1, 1)), float(rng.uniform(-0.6, 0.6))),
        brow_raise=float(rng.uniform(-0.7, 1)),
        light=Light(
            _triple(light / np.linalg.norm(light)),
            float(rng.uniform(0.35, 0.8)),
            _triple(np.array((1 + warmth, 1.0, 1 - warmth)) * rng.uniform(0.7, 1.15)),
        ),
    )


def attributes_of(person: Person, moment: Moment, ids: NDArray[np.uint8]) -> list[int]:
    """Tell the 40 attributes of a picture: 0, 1, or -1 where a generated face cannot show one or it is in between.

    Args:
        person: Who.
        moment: What they do.
        ids: uint8 [H, W], the classes of the picture; what is outside of it or covered is not called worn.
    """
    shares = np.bincount(ids.ravel(), minlength=len(CLASSES)) / ids.size
    sees_hair = shares[CLASSES.index("hair")] > 0.02
    facts: dict[str, bool | None] = {
        "Arched_Eyebrows": person.brow[1] > 0.055,
        "Bangs": (person.fringe and not person.hat) if sees_hair else None,
        "Bushy_Eyebrows": person.brow[0] > 0.06,
        "Eyeglasses": person.glasses is not None,
        "Goatee": person.beard == "goatee",
        "Mouth_Slightly_Open": _between(moment.mouth_open, _NOT_OPEN, _SURE_OPEN),
        "Mustache": person.beard == "mustache",
        "No_Beard": person.beard == "none",
        "Rosy_Cheeks": person.rosy,
        "Smiling": _between(moment.smile, _NO_SMILE, _SURE_SMILE),
        "Straight_Hair": not person.wavy if sees_hair else None,
        "Wavy_Hair": person.wavy if sees_hair else None,
        "Wearing_Earrings": bool(shares[CLASSES.index("ear_r")] > _LEAST_SHARE),
        "Wearing_Hat": bool(shares[CLASSES.index("hat")] > _LEAST_SHARE),
        "Wearing_Lipstick": person.lipstick,
        "Wearing_Necklace": bool(shares[CLASSES.index("neck_l")] > _LEAST_SHARE),
    }
    for name in _HAIRS:
        if name:
            facts[name] = person.hair_name == name if sees_hair else None
    assert set(facts) == set(SAMPLE_ATTRIBUTES)
    return [UNKNOWN if facts.get(name) is None else int(bool(facts[name])) for name in ATTRIBUTES]


def _between(value: float, low: float, high: float) -> bool | None:
    return None if low < value < high else value >= high


def _triple(values: NDArray[np.float64]) -> Colour:
    return float(values[0]), float(values[1]), float(values[2])
