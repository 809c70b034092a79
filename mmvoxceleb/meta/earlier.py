"""What earlier runs left in an output, against what is wanted now: finished, to be done, or not to be replaced."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance

__all__ = ["Earlier"]


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
            IncompatibleOutputError: Somebody else made the files. What a stopped run left is not meant.
        """
        section = self.provenance.section(clip_id, stage)
        is_known = section is not None or self.overwrite or not is_there
        if not is_known and not self.provenance.was_interrupted(clip_id, stage):
            raise IncompatibleOutputError(f"{self.provenance.tree.location}: {unknown()}")
        return section if is_whole else None

    def is_same(self, other: str, *pairs: tuple[Mapping[str, Any], Mapping[str, Any]], advice: str = "") -> bool:
        """Return whether something was made as it would be now.

        Args:
            other: Says that it was not, for the message.
            pairs: Settings or inputs as they are recorded and as they are now.
            advice: What to do then.

        Raises:
            IncompatibleOutputError: It was not.
        """
        others = [phrase for recorded, wanted in pairs for phrase in _differences(recorded, wanted)]
        if others and not self.overwrite:
            raise IncompatibleOutputError(f"{self.provenance.tree.location}: {other}: {'; '.join(others)}{advice}")
        return not others


def _differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say how two settings differ, a phrase for each key: ``stride was 4 and is 2``.

    Of another model only that is said: most else that differs follows from it, and the next refusal says the rest.
    """
    if recorded == wanted:  # as of nearly all of a million clips
        return []
    keys = sorted(key for key in {*recorded, *wanted} if recorded.get(key) != wanted.get(key))
    told = ["model"] if "model" in keys else keys
    return [_difference(key, recorded.get(key), wanted.get(key)) for key in told]


def _difference(key: str, was: object, now: object) -> str:
    """Say how a setting differs; of two with names, such as detectors, by their names if these differ."""
    names = [value.get("name") if isinstance(value, Mapping) else None for value in (was, now)]
    if None not in names and names[0] != names[1]:
        was, now = names
    return f"{key} was {_short(was)} and is {_short(now)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
