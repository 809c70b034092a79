"""What earlier runs left in an output, against what is wanted now: finished, to be done, or not to be replaced."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.schema import ATTRIBUTES

__all__ = ["Earlier", "OtherResultsError", "differences"]

_MOST_VALUES = 3
"""Of a label or of thresholds, so many values that differ are named."""


class OtherResultsError(IncompatibleOutputError):
    """An output holds results that were made in another way than they would be now.

    Args:
        message: The whole message.
        reason: What differs, without the place, the clip and the advice.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message

    @classmethod
    def of(cls, location: str, reasons: Iterable[str]) -> "OtherResultsError":
        """Join what differs in an output, such as in several stages, with one advice."""
        told = "; ".join(reasons)
        advice = "Use the same settings, write to another folder, or replace the results with --overwrite"
        return cls(f"{location}: holds results that were made in another way: {told}. {advice}", told)


@dataclass(frozen=True)
class Earlier:
    """What earlier runs left.

    Args:
        provenance: What is recorded of it.
        overwrite: Whether work of other settings, inputs or origin is done again instead of being an error.
    """

    provenance: Provenance
    overwrite: bool = False

    def section(
        self, clip_id: str, stage: str, *, is_whole: bool, is_there: bool, unknown: Callable[[], str]
    ) -> dict[str, Any] | None:
        """Read what is recorded of a stage whose files are whole; None if they are to be made.

        Args:
            clip_id: The clip.
            stage: The stage's name.
            is_whole: Whether all files of the stage are there.
            is_there: Whether any is.
            unknown: Returns the words for a message that files are there and nothing is known of them.

        Raises:
            OtherResultsError: Somebody else made the files. What a stopped run left is not meant.
        """
        section = self.provenance.section(clip_id, stage)
        is_known = section is not None or self.overwrite or not is_there
        if not is_known and not self.provenance.was_interrupted(clip_id, stage):
            reason = unknown()
            raise OtherResultsError(f"{self.provenance.tree.location}: clip {clip_id}, {stage}: {reason}", reason)
        return section if is_whole else None

    def is_same(self, other: str, *pairs: tuple[Mapping[str, Any], Mapping[str, Any]], advice: str = "") -> bool:
        """Return whether something was made as it would be now.

        Args:
            other: Says that it was not, for the message.
            pairs: Settings or inputs as they are recorded and as they are now.
            advice: What to do then.

        Raises:
            OtherResultsError: It was not.
        """
        others = list(
            dict.fromkeys(
                _changed(wanted.get(key), key) or f"{key} was {was} and is {now}"
                for recorded, wanted in pairs
                for key, was, now in differences(recorded, wanted)
            )
        )
        if others and not self.overwrite:
            told = "; ".join(others)
            raise OtherResultsError(f"{self.provenance.tree.location}: {other}: {told}{advice}", told)
        return not others


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """List the settings that differ: the name, and both values in short.

    Of another model only that is listed: most else that differs follows from it, and the next refusal says the rest.
    """
    if one == other:  # as of nearly all of a million clips
        return []
    keys = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    told = ["model"] if "model" in keys else keys
    return [(key, *_in_short(one.get(key), other.get(key))) for key in told]


def _changed(now: object, key: str) -> str:
    """Say in words which input has changed, where its value is a hash."""
    if key in ("frames", "listing"):
        return "its frames have changed"
    if key == "video":
        return "its file has changed"
    return f"its {key} changed" if key == "crop" or (isinstance(now, Mapping) and "sha256" in now) else ""


def _in_short(one: object, other: object) -> tuple[str, str]:
    """Return two settings in short; of two with names, such as detectors, their names if these differ."""
    names = [value.get("name") if isinstance(value, Mapping) else None for value in (one, other)]
    if None not in names and names[0] != names[1]:
        one, other = names
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other) == len(ATTRIBUTES):
        pairs = [(name, *both) for name, *both in zip(ATTRIBUTES, one, other, strict=True) if both[0] != both[1]]
        one, other = ({name: values[at] for name, *values in pairs[:_MOST_VALUES]} for at in (0, 1))
    return _short(one), _short(other)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
