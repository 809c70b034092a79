"""Figures that the provenance of a clip says: those of its quality by name, others by stage and name."""

from collections.abc import Mapping
from typing import Any, TypeGuard

import numpy as np

__all__ = ["all_figures", "figures_in", "finite", "is_number"]

_NO_FIGURES = frozenset({"seconds", "fps", "threshold", "start", "end"})


def figures_in(meta: Mapping[str, Any]) -> dict[str, float]:
    """Collect the figures of a clip's provenance, such as ``sharpness`` (quality) and ``mask.flicker`` (masks)."""
    found: dict[str, float] = {}
    for stage, section in meta.items():
        if not isinstance(section, Mapping):
            continue
        quality = section if stage == "quality" else section.get("quality")
        if isinstance(quality, Mapping):
            found |= {str(name): float(value) for name, value in quality.items() if is_number(value)}
        if stage != "quality":
            found |= {
                f"{stage}.{name}": value
                for name, value in section.items()
                if isinstance(value, float) and name not in _NO_FIGURES
            }
    return finite(found)


def all_figures(meta: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """Join the figures of a clip's provenance with its scores, without those that its scores say again.

    Args:
        meta: The provenance; it calls ``mask.flicker`` what the scores call ``mask_flicker``.
        scores: Scores by name.
    """
    told = figures_in(meta)
    return {name: told[name] for name in told if name.replace(".", "_") not in scores} | dict(scores)


def finite(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Keep what is a finite number."""
    return {name: float(value) for name, value in numbers.items() if is_number(value) and np.isfinite(value)}


def is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value read from JSON is a number; ``true`` and ``false`` are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
