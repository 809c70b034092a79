"""What a clip's figures are: how large and sharp its face is, how it moves, and why a figure is not known."""

import json
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.figures import figures
from mmvoxceleb.modalities.file_modality import FileModality, SampleContext

__all__ = ["SCORES", "ClipScores"]

_ADVICE = "delete it and make it again: mmvoxceleb regenerate score"
_DIGITS = 6

logger = logging.getLogger(__name__)
_told: set[str] = set()


@dataclass(frozen=True)
class ClipScores:
    """The figures of a clip.

    Args:
        num_frames: Frames that the clip had.
        figures: Number by name of the figure; None if it cannot be told.
        versions: Version of each figure's formula.
        reasons: Why a figure is None.
    """

    num_frames: int
    figures: Mapping[str, float | None]
    versions: Mapping[str, int]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Format it as its file. Numbers keep six digits, so that rounding on another machine rarely shows."""
        numbers = {
            name: None if value is None else float(f"{value:.{_DIGITS}g}") for name, value in self.figures.items()
        }
        content = {
            "num_frames": self.num_frames, "figures": numbers, "versions": dict(self.versions),
            "reasons": dict(self.reasons),
        }  # fmt: skip
        return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def outdated(self) -> list[str]:
        """Say which figures have another version than now, ``face_px 1 (now 2)``; unknown figures are left out."""
        now = {figure.name: figure.version for figure in figures()}
        return [
            f"{name} {version} (now {now[name]})"
            for name, version in sorted(self.versions.items())
            if now.get(name, version) != version
        ]


class Scores(FileModality):
    """``score/<clip>.json``: a number for each figure of :func:`mmvoxceleb.modalities.figures.figures`."""

    name = "score"
    made_by = "score"
    exported_without = "always"
    aliases = ("scores",)
    suffix = ".json"
    title = "figures of quality"
    tags = ("quality-scores",)
    problem_titles = {  # noqa: RUF012
        "score": "scores that cannot be used",
        "score_outdated": "scores of older versions: make them again with mmvoxceleb regenerate score",
        "score_frames": "scores of other frames than the clip's",
    }

    def parse(self, data: bytes, *, clip_id: str) -> ClipScores:
        """Read the file.

        Raises:
            CorruptSourceError: It is not a JSON object, or something in it is not what it should be.
        """
        where = f"clip {clip_id}: its scores"
        content = parse_json_object(data, where, _ADVICE)
        numbers, versions, reasons = (content.get(key, {}) for key in ("figures", "versions", "reasons"))
        num_frames = content.get("num_frames")
        for name, value, is_right in (
            ("figures", numbers, lambda value: value is None or _is_number(value)),
            ("versions", versions, lambda value: _is_number(value) and isinstance(value, int)),
            ("reasons", reasons, lambda value: isinstance(value, str)),
        ):
            if not isinstance(value, dict) or not all(map(is_right, value.values())):
                raise CorruptSourceError(f"{where}: {name} is {quoted(value)}; {_ADVICE}")
        if not isinstance(num_frames, int) or set(numbers) != set(versions):
            raise CorruptSourceError(f"{where}: figures and versions, or num_frames, do not fit; {_ADVICE}")
        return ClipScores(num_frames, numbers, versions, reasons)

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import Value

        return {self.name: {figure.name: Value("float32") for figure in figures()}}

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {self.name: "a number for each figure of quality, null where it cannot be told"}

    def fields(
        self, value: ClipScores, options: RecordOptions, *, meta: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Give the figures that are registered; the log names others, once."""
        known = [figure.name for figure in figures()]
        for name in sorted(value.figures.keys() - set(known) - _told):
            _told.add(name)
            logger.warning("there are scores by the name %s, which nothing here registers; they are left out", name)
        return {self.name: {name: value.figures.get(name) for name in known}}

    def value_of(self, record: Mapping[str, Any], *, clip_id: str) -> ClipScores:
        """Take the figures of a record; of which version they are, it does not say, so they count as those of now."""
        versions = {figure.name: figure.version for figure in figures()}
        found = {name: value for name, value in record[self.name].items() if name in versions}
        return ClipScores(record.get("num_frames") or 0, found, {name: versions[name] for name in found})

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return self.value_of(record, clip_id=str(record.get("clip_id", ""))).to_bytes()

    def sampled(self, value: ClipScores, context: SampleContext) -> dict[str, Any]:
        """Give ``score``, float32 by name of the figure; NaN if it is unknown."""
        import torch

        numbers = self.fields(value, RecordOptions(), meta=dict)[self.name]
        return {
            self.name: {
                name: torch.tensor(math.nan if number is None else number, dtype=torch.float32)
                for name, number in numbers.items()
            }
        }

    def problems(self, data: bytes, *, clip_id: str) -> Iterator[tuple[str, str]]:
        try:
            outdated = self.parse(data, clip_id=clip_id).outdated()
        except MMVoxCelebError as error:
            yield self.name, str(error)
            return
        if outdated:
            yield "score_outdated", f"version of {', '.join(outdated)}"

    def problems_beside(self, data: bytes, frames: Collection[int], *, clip_id: str) -> Iterator[tuple[str, str]]:
        try:
            counted = self.parse(data, clip_id=clip_id).num_frames
        except MMVoxCelebError:
            return  # said by problems
        if counted != len(frames):
            yield "score_frames", f"are of {counted:,} frames; the clip has {len(frames):,}"

    def numbers(self, value: ClipScores) -> Mapping[str, float | None]:
        return value.figures

    def shown(self, value: ClipScores) -> Shown | None:
        chips = tuple((f"{name} {number:.4g}", None) for name, number in value.figures.items() if number is not None)
        return Shown("scores", chips=chips) if chips else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


SCORES = Scores()
