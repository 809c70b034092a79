"""What the overview knows of one clip: read from its label, text and provenance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.meta.figures import all_figures, finite, is_number
from mmvoxceleb.modalities import LABEL, META, TEXT, VIDEO, FileModality, file_modalities
from mmvoxceleb.schema import ATTRIBUTES
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["ClipFacts", "facts_of", "margins_in", "numbered_kinds", "stamp_of", "thresholds_in"]


@dataclass(frozen=True)
class ClipFacts:
    """What is known of a clip.

    Args:
        num_frames: Frames; -1 if there are none.
        label: 40 values, each -1, 0 or 1; None without a label.
        label_source: ``manual``, ``predicted:<model>`` or empty.
        margins: Probability less threshold of the 40 attributes, NaN if there is none.
        figures: Quality figures by name: ``sharpness``, ``mask.flicker``.
        sentence: The first one; empty without a text.
        problem: Why something of it cannot be read; empty where all can.
    """

    num_frames: int = -1
    label: list[int] | None = None
    label_source: str = ""
    margins: "np.ndarray[Any, np.dtype[np.float32]] | None" = None
    figures: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""
    problem: str = ""


def facts_of(clip: StoredClip) -> ClipFacts:
    """Read what is known of a clip. What cannot be read is told in ``problem``."""
    problems: list[str] = []

    def tried(read: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return read()
        except MissingModalityError:
            return otherwise
        except MMVoxCelebError as error:
            problems.append(str(error))
            return otherwise

    meta = tried(lambda: clip.meta, {})
    sentences = tried(lambda: clip.value(TEXT), [])
    label = tried(lambda: clip.value(LABEL), None)
    numbers: dict[str, float] = {}
    for kind in numbered_kinds():
        numbers |= finite(tried(partial(_numbers_of, clip, kind), {}))
    num_frames = tried(lambda: clip.num_frames(VIDEO.folder()), -1)
    return ClipFacts(
        num_frames=num_frames,
        label=label,
        label_source=str(meta.get("label_source") or "") if label is not None else "",
        margins=margins_in(meta),
        figures=all_figures(meta, numbers),
        sentence=sentences[0] if sentences else "",
        problem="; ".join(problems),
    )


def _numbers_of(clip: StoredClip, kind: FileModality) -> Mapping[str, float | None]:
    return kind.numbers(clip.value(kind))


def stamp_of(clip: StoredClip) -> int:
    """Tell by the versions of its small files whether a clip has changed; 0 where nobody can tell."""
    found = []
    for kind in (META, LABEL, TEXT, *numbered_kinds()):
        try:
            found.append(clip.entries(kind.folder())[0].version)
        except (MMVoxCelebError, IndexError):
            found.append("")
    return hash(tuple(found)) if any(found) else 0


def numbered_kinds() -> list[FileModality]:
    """List the modalities that say figures of clips."""
    return [kind for kind in file_modalities() if type(kind).numbers is not FileModality.numbers]


def margins_in(meta: Mapping[str, Any]) -> "np.ndarray[Any, np.dtype[np.float32]] | None":
    """Return probability less threshold of each attribute, float32 [40]; NaN where a hand has decided; or None."""
    section = meta.get(LABEL.name)
    probabilities = section.get("probabilities") if isinstance(section, Mapping) else None
    if not isinstance(section, Mapping) or not isinstance(probabilities, Mapping):
        return None
    limits = thresholds_in(section)
    mended = section.get("mended")
    decided = mended if isinstance(mended, Mapping) else {}
    margins = np.full(len(ATTRIBUTES), np.nan, np.float32)
    for position, name in enumerate(ATTRIBUTES):
        value, limit = probabilities.get(name), limits.get(name, 0.5)
        if name not in decided and is_number(value) and is_number(limit):
            margins[position] = value - limit
    return margins


def thresholds_in(section: Mapping[str, Any]) -> dict[str, float]:
    """Return the thresholds of a label's provenance by attribute; where it gives none, 0.5 is meant.

    Its settings list them in the order of the attributes; what models of others said may name them.
    """
    settings = section.get("settings")
    found = section.get("thresholds") or (settings.get("thresholds") if isinstance(settings, Mapping) else None)
    if isinstance(found, Sequence) and not isinstance(found, str) and len(found) == len(ATTRIBUTES):
        found = dict(zip(ATTRIBUTES, found, strict=True))
    pairs = found.items() if isinstance(found, Mapping) else ()
    return {str(name): float(value) for name, value in pairs if is_number(value)}
