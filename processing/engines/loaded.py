"""A clip between the steps of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.clip import Clip, Frames
from mmvoxceleb.processing.engines.memory import Room
from mmvoxceleb.processing.engines.need import AFTER
from mmvoxceleb.processing.stage import StageOutput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Loaded"]


@dataclass
class Loaded:
    """A clip between the steps.

    Args:
        clip: The clip.
        room: The memory that it takes.
        frames: The union of what the stages selected and still need; None when none needs any.
        num_frames: How many frames were decoded.
        need: Bytes that it takes at most, from each stage on; see :func:`bytes_needed`.
        wanted: Frame indices by stage, for the stages that are to be run, in order.
        given: Those of them whose pictures a stage is given; none where it reads them itself.
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
    room: Room
    frames: Frames | None = None
    num_frames: int = 0
    need: dict[str, int] = field(default_factory=dict)
    wanted: dict[str, Sequence[int]] = field(default_factory=dict)
    given: dict[str, Sequence[int]] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, StageOutput] = field(default_factory=dict)
    computations: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0

    def take(self, stage: str) -> "NDArray[np.uint8]":
        """Give a stage its pictures, uint8 [N, H, W, 3], and let go of those that only earlier stages needed.

        Call it in the order of the stages.
        """
        import numpy as np

        self.room.keep(self.need[stage])
        if self.frames is None:
            return np.empty((0, 0, 0, 3), np.uint8)
        names = list(self.given)
        later = [self.given[name] for name in names[names.index(stage) :]]
        self.frames.keep({index for indices in later for index in indices})
        return self.frames.take(self.given[stage])

    def let_go(self) -> None:
        """Let go of all pictures: no stage needs them any more."""
        self.frames = None
        self.room.keep(self.need.get(AFTER, 0))

    def spend(self, step: str, seconds: float) -> None:
        """Count time that a step took."""
        self.seconds[step] = self.seconds.get(step, 0.0) + seconds
