"""What a generated person has around the face: hair, neck, clothes, glasses, earrings and hat, as layers."""

import math

import numpy as np
from generated_head import EYE_Y, Head, Layer, Points, ellipse, mirrored, scaled, smooth
from generated_person import Person

__all__ = ["back_hair", "body", "earrings", "front_hair", "glasses", "hat", "neck"]


def _wave(points: Points, person: Person, unit_px: float) -> Points:
    """Push an outline of wavy hair in and out."""
    if not person.wavy:
        return points
    step = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    normal = np.column_stack([step[:, 1], -step[:, 0]]) / np.maximum(np.linalg.norm(step, axis=1), 1e-6)[:, None]
    along = np.cumsum(np.linalg.norm(np.roll(points, -1, 0) - points, axis=1)) / unit_px
    return np.asarray(points + normal * (np.sin(along * 19 + person.seed % 7) * 0.028 * unit_px)[:, None])


def back_hair(head: Head) -> list[Layer]:
    """Hair behind the head."""
    person = head.person
    volume, end = person.hair_volume, max(person.hair_length, 0.1)
    if end < 0.3:
        wide = person.face_width + 0.02
        right = [(0.0, -1.2, -0.2), (0.5, -1.05, -0.2), (wide + 0.06, -0.6, -0.2), (wide + 0.06, -0.3, -0.2),
                 (wide, 0.0, -0.2), (0.55, 0.5, -0.2)]  # fmt: skip
    else:
        right = [(0.0, -1.25, -0.1), (0.7, -1.0, -0.2), (0.86 + volume, -0.5, -0.35), (0.88 + volume, end * 0.6, -0.35),
                 (0.8 + volume * 1.5, end, -0.35), (0.4, end + 0.05, -0.35)]  # fmt: skip
    outline = _wave(smooth(head.at_depth(mirrored(right)), steps=12), person, head.unit_px)
    return [Layer(outline, "hair", scaled(person.hair, 0.72))]


def neck(head: Head) -> list[Layer]:
    """The neck."""
    top = head.at_depth([(-0.45, 0.5, -0.1), (0.45, 0.5, -0.1)])
    width = 0.43
    low = head.on_body(
        [(width, 1.25), (width + 0.1, 1.5), (0.6, 2.2), (-0.6, 2.2), (-width - 0.1, 1.5), (-width, 1.25)]
    )
    return [Layer(np.vstack([top, low]), "neck", scaled(head.person.skin, 0.88))]


def body(head: Head) -> list[Layer]:
    """Clothes, tie and necklace."""
    person = head.person
    colour, depth = person.cloth
    neckline = [(0.0, 1.5 + depth), (0.28, 1.46 + depth * 0.62), (0.5, 1.36)]
    right = [*neckline, (0.75, 1.47), (1.2, 1.62), (1.6, 1.85), (1.8, 2.3), (1.9, 3.5), (1.9, 6.0)]
    layers = [Layer(smooth(head.on_body(mirrored(right))), "cloth", colour)]
    if person.tie:
        knot = [(-0.1, 1.5 + depth), (0.1, 1.5 + depth), (0.07, 1.66 + depth), (0.16, 3.0), (-0.16, 3.0),
                (-0.07, 1.66 + depth)]  # fmt: skip
        layers.append(Layer(head.on_body(knot), "cloth", person.cloth_second))
    collar = smooth(head.on_body([(-x, y) for x, y in reversed(neckline)] + neckline[1:]), closed=False)
    layers.append(Layer(collar, "cloth", person.cloth_second, closed=False, width_px=0.035 * head.unit_px))
    if person.necklace is not None:
        chain = [(-0.47, 1.3), (-0.3, 1.42 + person.necklace[1] * 0.6), (0.0, 1.5 + person.necklace[1]),
                 (0.3, 1.42 + person.necklace[1] * 0.6), (0.47, 1.3)]  # fmt: skip
        line = smooth(head.on_body(chain), closed=False, steps=8)
        width = 0.055 * head.unit_px
        layers.append(Layer(line, "neck_l", person.necklace[0], closed=False, width_px=width))
    return layers


def glasses(head: Head) -> list[Layer]:
    """Glasses; their class covers the eyes."""
    if head.person.glasses is None:
        return []
    colour, thick, half, height = head.person.glasses
    width = thick * head.unit_px
    layers = []
    apart = max(head.person.eye[2], half + 0.05)
    for side in (-1, 1):
        angle = np.arange(24) * 2 * math.pi / 24
        square = 0.75
        x, y = np.cos(angle), np.sin(angle)
        points = np.column_stack(
            [
                side * apart + half * np.sign(x) * np.abs(x) ** square,
                EYE_Y + 0.03 + height * np.sign(y) * np.abs(y) ** square,
            ]
        )
        lens = head.on_face(points, 0.1)
        layers.append(Layer(lens, "eye_g", (232, 240, 248), 0.1, ink=None, fill=None))
        ring = np.vstack([lens, lens[:1]])
        layers.append(Layer(ring, "eye_g", colour, closed=False, width_px=width))
        w = head.person.face_width + 0.03
        temple = head.at_depth([(side * (apart + half), EYE_Y, 0.28), (side * w, EYE_Y - 0.01, -0.05)])
        layers.append(Layer(temple, "eye_g", colour, closed=False, width_px=width))
    bridge = [(-(apart - half), EYE_Y), (0.0, EYE_Y - 0.05), (apart - half, EYE_Y)]
    layers.append(
        Layer(smooth(head.on_face(bridge, 0.12), closed=False), "eye_g", colour, closed=False, width_px=width)
    )
    return layers


def front_hair(head: Head) -> list[Layer]:
    """Hair over the head and at its sides."""
    person = head.person
    volume, w, end = person.hair_volume, person.face_width, person.hair_length
    long = end > 0.3
    out, crown = w + 0.1 + volume, -1.3 - volume
    side = [(out, -0.4, -0.2), (out + 0.02, end * 0.5, -0.2), (out + 0.02 + 0.06 * end, end, -0.15)] if long else [
        (out - 0.02, -0.45, -0.2), (w + 0.07, end, -0.12)]  # fmt: skip
    outer = [(0.0, crown, -0.1), (0.45, crown + 0.12, -0.1), (out - 0.12, -0.85, -0.15), *side]
    low = -0.42 if person.fringe else -0.86
    rise = 0.02 if person.fringe else -0.04
    inner_side = [(w + 0.04, end - 0.05, -0.05), (w * 0.985, 0.35, 0.0)] if long else [(w - 0.02, end + 0.02, 0.0)]
    inner = [*inner_side, (w * 0.97, -0.3, 0.06), (w * 0.9, min(low + 0.02, -0.5), 0.2), (w * 0.55, low + rise, 0.45),
             (0.0, low - 0.02 + rise, 0.55)]  # fmt: skip
    outline = _wave(smooth(head.at_depth(mirrored([*outer, *inner])), steps=8), person, head.unit_px)
    return [Layer(outline, "hair", person.hair)]


def earrings(head: Head) -> list[Layer]:
    """Earrings; that of the far side is hidden."""
    if head.person.earrings is None:
        return []
    colour, length = head.person.earrings
    layers = []
    for side in (-1, 1):
        if side * head.moment.yaw > 14:
            continue
        drop = np.column_stack(
            [
                ellipse(side * (head.person.face_width + 0.07), 0.3 + length / 2, 0.05, length / 2 + 0.035),
                np.full(20, -0.08),
            ]
        )
        layers.append(Layer(head.at_depth(drop), "ear_r", colour))
    return layers


def hat(head: Head) -> list[Layer]:
    """A hat with band and brim."""
    if head.person.hat is None:
        return []
    colour, brim = head.person.hat
    wide = head.person.face_width + 0.12 + head.person.hair_volume * 0.6
    dome = mirrored([(0.0, -1.55, -0.1), (wide * 0.7, -1.42, -0.1), (wide, -1.0, -0.1), (wide + 0.02, -0.62, 0.0)])
    band = head.at_depth([(-wide, -0.74, 0.1), (0.0, -0.66, 0.6), (wide, -0.74, 0.1)])
    layers = [Layer(smooth(head.at_depth(dome)), "hat", colour)]
    layers.append(
        Layer(smooth(band, closed=False), "hat", scaled(colour, 0.6), closed=False, width_px=0.12 * head.unit_px)
    )
    edge = np.column_stack([ellipse(0.0, -0.66, brim, 0.1), np.full(20, 0.25)])
    layers.append(Layer(head.at_depth(edge), "hat", scaled(colour, 0.85)))
    return layers
