"""The stage that measures the figures of each clip, and writes the table of all clips."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.meta.scores import save_scores
from mmvoxceleb.meta.videos import CROP
from mmvoxceleb.modalities import META, SCORES, ClipScores, Folder
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.scores.earlier import add_earlier
from mmvoxceleb.processing.scores.interface import Measured, Scorer
from mmvoxceleb.processing.scores.material import Material
from mmvoxceleb.processing.scores.registry import make_scorers, scorers
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ScoreStage"]

_QUALITY = "quality"

_OTHER_BYTES = 1 << 16
"""Bytes per frame for landmarks, sound and features of the face crops."""


class ScoreStage(Stage):
    """Measure each clip and write its figures to ``score/<clip_id>.json``.

    At the end of a run, the stage also writes ``meta/scores.parquet``, a table of all clips. A run measures a clip
    again, also without ``overwrite``, once its frames, landmarks, masks, sound or crop have changed, or the formula of
    a figure has a new version. A figure that cannot be measured is null, and the file gives the reason. Figures that
    other scorers measured in an earlier run stay, unless what they were computed from has changed.

    Args:
        scorers: The scorers to run. The default is all that are registered.

    Raises:
        ConfigError: Two scorers have the same name, or measure the same figure.
    """

    name = "score"
    is_renewed = True
    inputs_from = (META.folder(),)

    def __init__(self, scorers: Sequence[Scorer] | None = None) -> None:
        self.scorers = list(make_scorers() if scorers is None else scorers)
        names = [scorer.name for scorer in self.scorers]
        measured = [figure.name for scorer in self.scorers for figure in scorer.figures]
        if len(set(names)) < len(names) or len(set(measured)) < len(measured):
            raise ConfigError(f"two scorers have one name or figure: {', '.join(names)}")

    @property
    def device(self) -> str:  # type: ignore[override]  # known once the models are
        return next((one for one in (scorer.resolved_device for scorer in self.scorers) if one != "cpu"), "cpu")

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (SCORES.folder(),)

    @property
    def reads(self) -> tuple[Folder, ...]:  # type: ignore[override]
        """What any scorer reads, so that one can tell whether figures of an earlier run are still those of the clip."""
        folders = [scorer.reads for scorer in self.scorers] + [kind.reads for kind in scorers().values()]
        return tuple(dict.fromkeys(folder for some in folders for folder in some))

    @property
    def made_from(self) -> tuple[Folder, ...]:
        return tuple(dict.fromkeys(folder for scorer in self.scorers for folder in scorer.reads))

    def settings(self) -> dict[str, Any]:
        return {
            "versions": {figure.name: figure.version for scorer in self.scorers for figure in scorer.figures},
            "scorers": {scorer.name: scorer.settings() for scorer in self.scorers},
        }

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """The settings of this run, which are asked for with every clip."""
        return self.settings()

    def compared(self, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave out the scorers of earlier runs."""
        if recorded == now:  # as of nearly all of a million clips
            return recorded
        return {
            key: {name: value for name, value in part.items() if name in now.get(key, ())}
            if isinstance(part, Mapping)
            else part
            for key, part in recorded.items()
        }

    def computation(self) -> dict[str, Any]:
        told = {scorer.name: scorer.computation() for scorer in self.scorers}
        found = {name: computation for name, computation in told.items() if computation}
        device = next((one["device"] for one in found.values() if one.get("device", "cpu") != "cpu"), None)
        return {**found, **({"device": device} if device else {})}

    def inputs(self, clip: Clip) -> dict[str, Any]:
        """Return the number and the listing of all frames, whoever reads them, and a hash of the crop's provenance."""
        crop = json.dumps(clip.meta.get(CROP), sort_keys=True, ensure_ascii=False)
        count = len(clip.frame_indices)
        return {
            "frames": count,
            "listing": clip.listing(clip.frame_indices),
            "crop": hashlib.sha256(crop.encode("utf-8", "replace")).hexdigest(),
            "num_frames": count,
        }

    def setup(self) -> None:
        for scorer in self.scorers:
            scorer.setup()

    def teardown(self) -> None:
        for scorer in self.scorers:
            scorer.teardown()

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices if any(scorer.reads_frames for scorer in self.scorers) else ()

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        return frames * (height * width + _OTHER_BYTES)  # grey levels

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> dict[str, Measured]:
        indices = np.array(clip.frame_indices, np.int64)
        material = Material(clip.clip_id, indices, frames, clip.meta, clip.files)
        found: dict[str, Measured] = {}
        for scorer in self.scorers:
            found |= _checked(scorer, scorer.measure(material), clip.clip_id)
        return found

    def encode(self, clip: Clip, result: dict[str, Measured]) -> StageOutput:
        reasons = {name: value for name, value in result.items() if isinstance(value, str)}
        numbers = {name: None if isinstance(value, str) else value for name, value in result.items()}
        settings = self._settings
        measured = ClipScores(len(clip.frame_indices), numbers, settings["versions"], reasons)
        scores, made_by = add_earlier(self, clip, measured)
        data = scores.to_bytes()
        written = SCORES.parse(data, clip_id=clip.clip_id)
        told = {name: value for name, value in written.figures.items() if value is not None}
        settings = {"versions": dict(scores.versions), "scorers": {**made_by, **settings["scorers"]}}
        return StageOutput(
            {self.folders[0]: [("", data)]}, {_QUALITY: told, "reasons": dict(scores.reasons)}, settings=settings
        )

    def end(self, writer: StoreWriter) -> None:
        save_scores(writer.tree)


def _checked(scorer: Scorer, measured: Mapping[str, Measured], clip_id: str) -> dict[str, Measured]:
    """Check the figures that a scorer returned, since users can register their own.

    Raises:
        ProcessingError: The scorer returned other figures than it declares, or a value that is not a finite number in
            the range of its figure.
    """
    names = {figure.name for figure in scorer.figures}
    if set(measured) != names:
        raise ProcessingError(
            f"clip {clip_id}: the scorer {scorer.name} gave {', '.join(sorted(measured)) or 'nothing'}, not "
            f"{', '.join(sorted(names))}; mend it"
        )
    for figure in scorer.figures:
        value = measured[figure.name]
        if isinstance(value, str):
            continue
        is_inside = math.isfinite(value) and (figure.low is None or value >= figure.low)
        if not is_inside or (figure.high is not None and value > figure.high):
            raise ProcessingError(
                f"clip {clip_id}: the scorer {scorer.name} gave {value} as {figure.name}, which is not a number from "
                f"{figure.low} to {figure.high}; mend it"
            )
    return dict(measured)
