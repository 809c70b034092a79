"""Which attributes figures tell, and by what: a table of rules.

A rule gives a score from 0 to 1. It is not a probability fitted to labelled faces, but says how far the figures are
on one side: up to :data:`ABSENT_UP_TO` the attribute is absent, from :data:`PRESENT_FROM` on it is present, and in
between nobody knows. Thresholds were set on a few faces by eye (docs/labels-and-text.md); they are wide on purpose.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

__all__ = ["ABSENT_UP_TO", "PRESENT_FROM", "RULES", "Rule", "clip_figures", "decided", "scores_of"]

ABSENT_UP_TO, PRESENT_FROM = 0.25, 0.75

OPEN_MOUTH_GAP = 0.12
"""Of the mouth's width; lips that only part are below it."""

Figures: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Rule:
    """How an attribute is told.

    Args:
        attribute: Its name.
        says: The rule in words.
        score: From the clip's figures, 0 to 1; NaN where they do not tell.
    """

    attribute: str
    says: str
    score: Callable[[Figures], float]


def clip_figures(frames: "list[dict[str, float]]") -> dict[str, float]:
    """Join the figures of a clip's frames: the median of those that tell; means of what comes and goes.

    ``smile`` becomes its mean, and ``mouth_gap`` the share of frames in which it is over :data:`OPEN_MOUTH_GAP`.
    """
    joined = {}
    for name in frames[0]:
        values = np.array([figures[name] for figures in frames])
        values = values[~np.isnan(values)]
        if not len(values):
            joined[name] = float("nan")
        elif name == "smile":
            joined[name] = float(values.mean())
        elif name == "mouth_gap":
            joined[name] = float((values > OPEN_MOUTH_GAP).mean())
        else:
            joined[name] = float(np.median(values))
    return joined


def scores_of(figures: Figures) -> dict[str, float]:
    """Apply all rules: a score for each attribute that has one; NaN where the figures do not tell."""
    return {rule.attribute: rule.score(figures) for rule in RULES}


def decided(score: float) -> int:
    """Return 1, 0, or -1 where a score does not decide, or is NaN."""
    if np.isnan(score):
        return -1
    return 1 if score >= PRESENT_FROM else 0 if score <= ABSENT_UP_TO else -1


def _rises(value: float, zero: float, one: float) -> float:
    """Rise from 0 at ``zero`` to 1 at ``one``; falls where ``one`` is the smaller."""
    return float(np.clip((value - zero) / (one - zero), 0.0, 1.0))


def _all(*scores: float) -> float:
    return float("nan") if any(map(np.isnan, scores)) else min(scores)


def _single(figure: str, zero: float, one: float) -> Callable[[Figures], float]:
    return lambda figures: _rises(figures[figure], zero, one)


def _found(figure: str, least: float) -> Callable[[Figures], float]:
    """1 where a mask has it; else nobody knows, for most parsers do not look for it."""
    return lambda figures: 1.0 if figures[figure] >= least else float("nan")


def _hair(*conditions: tuple[str, float, float]) -> Callable[[Figures], float]:
    """All conditions on the hair's colour; nobody knows in a dark picture, or of a head with little hair."""

    def score(figures: Figures) -> float:
        if not (figures["brightness"] >= _BRIGHT_ENOUGH and figures["hair_area"] >= _HAIR_ENOUGH):
            return float("nan")
        return _all(*(_rises(figures[f"hair_{name}"], zero, one) for name, zero, one in conditions))

    return _coloured(score)


def _coloured(score: Callable[[Figures], float]) -> Callable[[Figures], float]:
    """Apply a rule on colours; nobody knows in a monochrome picture."""
    return lambda figures: score(figures) if figures["colour_variety"] >= _COLOURS_ENOUGH else float("nan")


def _lit(score: Callable[[Figures], float]) -> Callable[[Figures], float]:
    """Apply a rule on the skin's colours; nobody knows in a dark picture, where all of them shrink."""
    return lambda figures: score(figures) if figures["brightness"] >= _BRIGHT_ENOUGH else float("nan")


_COLOURS_ENOUGH = 2.0
_BRIGHT_ENOUGH, _HAIR_ENOUGH = 55.0, 0.12
_SKIN_BRIGHT_ENOUGH = 55.0


def _bald(figures: Figures) -> float:
    little = _rises(figures["hair_area"], 0.3, 0.08)
    return little if little <= ABSENT_UP_TO else _all(little, _rises(figures["crown_skin"], 0.3, 0.7))


def _glasses(figures: Figures) -> float:
    if figures["glasses_area"] >= 0.1:
        return 1.0
    return _rises(figures["glasses_edges"], 3.0, 16.0)


def _pale(figures: Figures) -> float:
    # dark skin and skin in a dark picture look alike
    return (
        _rises(figures["skin_tone"], 20.0, 60.0) if figures["skin_lightness"] >= _SKIN_BRIGHT_ENOUGH else float("nan")
    )


def _no_beard(figures: Figures) -> float:
    chin, lip, texture = figures["chin_darkness"], figures["moustache_darkness"], figures["chin_texture"]
    bare = _all(_rises(chin, 8.0, 3.0), _rises(lip, 7.0, 3.0), _rises(texture, 1.6, 1.2))
    beard = _all(_rises(chin, 4.0, 20.0), _rises(lip, 4.0, 14.0), _rises(texture, 1.0, 1.8))
    return 0.5 + (bare - beard) / 2


def _goatee(figures: Figures) -> float:
    return _all(
        _rises(figures["chin_darkness"], 4.0, 18.0),
        _rises(figures["chin_texture"], 1.0, 1.6),
        _rises(figures["jaw_darkness"], 14.0, 8.0),
    )


RULES: tuple[Rule, ...] = (
    Rule("Smiling", "mean of `smile` over the clip, 0.1 to 0.5", _single("smile", 0.1, 0.5)),
    Rule(
        "Mouth_Slightly_Open", "share of frames with `mouth_gap` over 0.12, 0.1 to 0.6", _single("mouth_gap", 0.1, 0.6)
    ),
    Rule("Narrow_Eyes", "`eye_opening`, 0.30 down to 0.18", _single("eye_opening", 0.30, 0.18)),
    Rule("Arched_Eyebrows", "`brow_arch`, 0.12 to 0.24", _single("brow_arch", 0.12, 0.24)),
    Rule("Bushy_Eyebrows", "`brow_area`, 0.10 to 0.22", _single("brow_area", 0.10, 0.22)),
    Rule("Wearing_Lipstick", "`lip_redness`, 3 to 20", _lit(_coloured(_single("lip_redness", 3.0, 20.0)))),
    Rule("Rosy_Cheeks", "`cheek_redness`, 0 to 7", _lit(_coloured(_single("cheek_redness", 0.0, 7.0)))),
    Rule("Pale_Skin", "`skin_tone`, 20 to 60 degrees, of skin with a lightness from 55 on", _coloured(_pale)),
    Rule(
        "Black_Hair", "`hair_lightness` 24 down to 12, `hair_chroma` 16 down to 9",
        _hair(("lightness", 24.0, 12.0), ("chroma", 16.0, 9.0)),
    ),
    Rule(
        "Brown_Hair", "`hair_lightness` 12 to 18 and 54 down to 44, `hair_chroma` 5 to 9, `hair_hue` 25 to 35",
        _hair(("lightness", 12.0, 18.0), ("lightness", 54.0, 44.0), ("chroma", 5.0, 9.0), ("hue", 25.0, 35.0)),
    ),
    Rule(
        "Blond_Hair", "`hair_lightness` 44 to 58, `hair_chroma` 9 to 17, `hair_hue` 50 to 65",
        _hair(("lightness", 44.0, 58.0), ("chroma", 9.0, 17.0), ("hue", 50.0, 65.0)),
    ),
    Rule(
        "Gray_Hair", "`hair_lightness` 30 to 48, `hair_chroma` 10 down to 5",
        _hair(("lightness", 30.0, 48.0), ("chroma", 10.0, 5.0)),
    ),
    Rule("Bangs", "`bangs`, 0.03 to 0.35", _single("bangs", 0.03, 0.35)),
    Rule("Bald", "`hair_area` 0.3 down to 0.08, and then `crown_skin` 0.3 to 0.7", _bald),
    Rule("Eyeglasses", "`glasses_area` from 0.1 on, or else `glasses_edges`, 3 to 16", _glasses),
    Rule("Wearing_Hat", "`hat_area` from 0.1 on; never absent, only unknown", _found("hat_area", 0.1)),
    Rule("Wearing_Earrings", "`earring_area` from 0.002 on; never absent, only unknown", _found("earring_area", 0.002)),
    Rule("Wearing_Necklace", "`necklace_area` from 0.01 on; never absent, only unknown", _found("necklace_area", 0.01)),
    Rule(
        "No_Beard",
        "`chin_darkness`, `moustache_darkness` and `chin_texture` all low, or all high, which is a beard", _no_beard,
    ),
    Rule("Mustache", "`moustache_darkness`, 2 to 18", _single("moustache_darkness", 2.0, 18.0)),
    Rule("Goatee", "`chin_darkness` 4 to 18, `chin_texture` 1.0 to 1.6, `jaw_darkness` 14 down to 8", _goatee),
    Rule("Blurry", "`sharpness`, 3.2 down to 0.8", _single("sharpness", 3.2, 0.8)),
)  # fmt: skip
"""All other attributes stay unknown: no figure tells them, or they are judgements of people."""
