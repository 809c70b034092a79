"""How a clip list came about: the conditions, one after the other, and how many clips each left."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ChoiceStep"]


@dataclass(frozen=True)
class ChoiceStep:
    """A condition, and what became of the clips by it.

    Args:
        condition: As a user would write it: ``face_px > 200``, ``20 per person``.
        passed: Clips that fulfil it, whatever the others say.
        unknown: Clips of which it cannot be told, because a figure or value is missing; they do not fulfil it.
        left: Clips that fulfil it and all before it.
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
