"""What a dataset card states about the clip list by which its clips were chosen. It names nobody."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mmvoxceleb.cliplists.clip_list import ClipList
from mmvoxceleb.cliplists.steps import ChoiceStep

__all__ = ["Citation"]

_NAMING = re.compile(r"\b(person_id|video_id|clip_id|utterance|source)\b")
_UNNAMED = "a condition on persons, videos or clips, which the list has in full"


@dataclass(frozen=True)
class Citation:
    """A reference to a clip list that a dataset card shows; it names no clip, identity or video.

    Args:
        name: Name of the file of the clip list, or ``given by name``.
        sha256: Hash of the clip list.
        clips: Number of its clips.
        steps: How the clips were chosen. A general text replaces conditions that name identities, videos or clips, so
            that the card stays valid if one of them has to be removed.
        candidates: Number of clips of the store that they were chosen from; None if the list does not have it.
        made_by: Versions that made the list, such as ``mmvoxceleb 0.1.0``; empty if the list does not have them.
    """

    name: str
    sha256: str
    clips: int
    steps: tuple[ChoiceStep, ...] = ()
    candidates: int | None = None
    made_by: str = ""

    @classmethod
    def of(cls, listed: ClipList) -> "Citation":
        """Create the citation of a clip list."""
        return cls(
            listed.name or "given by name",
            listed.sha256,
            len(listed),
            tuple(
                replace(step, condition=_UNNAMED) if _NAMING.search(step.condition) else step for step in listed.steps
            ),
            listed.store.clips if listed.store is not None else None,
            ", ".join(f"{name} {version}" for name, version in sorted(listed.versions.items())),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the citation as JSON values."""
        return asdict(self) | {"steps": [step.to_json() for step in self.steps]}

    @classmethod
    def from_json(cls, values: Any) -> "Citation":
        """Restore a citation from the values that :meth:`to_json` returned.

        Raises:
            ValueError: The values are not a citation.
        """
        if not isinstance(values, Mapping):
            raise ValueError("what it says of the clip list is no object")
        texts = [values.get(name) for name in ("name", "sha256", "made_by")]
        numbers = [values.get("clips"), values.get("candidates") or 0]
        steps = values.get("steps")
        if not all(isinstance(text, str) for text in texts) or not all(type(number) is int for number in numbers):
            raise ValueError("what it says of the clip list is damaged")
        if not isinstance(steps, list):
            raise ValueError("the conditions of the clip list are no list")
        return cls(
            values["name"], values["sha256"], values["clips"], tuple(map(ChoiceStep.from_json, steps)),
            values.get("candidates"), values["made_by"],
        )  # fmt: skip
