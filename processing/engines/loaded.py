"""A clip between the steps of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.processing.clip import Clip, Frames
from mmvoxceleb.processing.stage import StageOutput

__all__ = ["Loaded"]


@dataclass
class Loaded:
    """A clip between the steps.

    Args:
        clip: The clip.
        frames: The union of what the stages selected; None when there is nothing to do.
        wanted: Frame indices by stage, for the stages that are to be run.
        inputs: What each of these stages reads, for its provenance.
        results: What ``process`` returned, by stage.
        outputs: What these became, by stage.
        computations: How it was computed, by stage.
        skipped: Stages that were finished already.
        failed: Reason by stage.
        seconds: By step.
        device_seconds: How long it had the device.
    """

    clip: Clip
    frames: Frames | None = None
    wanted: dict[str, Sequence[int]] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, StageOutput] = field(default_factory=dict)
    computations: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
