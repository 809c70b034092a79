"""How a clip list came about: the conditions, one after the other, and how many clips each left."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ChoiceStep"]


@dataclass(frozen=True)
class ChoiceStep:
    """One step of a choice: a condition, and the number of clips that it keeps.

    Args:
        condition: Text of the condition, such as ``face_px > 200`` or ``at most 20 a person, seed 0``.
        passed: Number of clips that fulfil it, regardless of other conditions.
        unknown: Number of clips for which a figure or value is missing; they do not fulfil the condition.
        left: Number of clips that fulfil it and all conditions before it.
    """

    condition: str
    passed: int
    unknown: int
    left: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "ChoiceStep":
        """Undo :meth:`to_json`.

        Raises:
            ValueError: The values are not a step.
        """
        if not isinstance(values, Mapping) or not isinstance(values.get("condition"), str):
            raise ValueError("a condition is no object with the text 'condition'")
        counts = [values[name] for name in ("passed", "unknown", "left") if type(values.get(name)) is int]
        if len(counts) != 3 or min(counts) < 0:
            raise ValueError(f"the counts of the condition {values['condition'][:60]!a} are no numbers")
        return cls(values["condition"], *counts)
