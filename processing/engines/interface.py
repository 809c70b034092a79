"""Between the clips, the stages and the engine of a run."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import Folder
from mmvoxceleb.processing.devices import Computed, Request, compute_alone
from mmvoxceleb.processing.engines.memory import Memory, OwnMemory, Room
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.steps import ClipSteps

__all__ = ["ClipSource", "Host", "Stopped"]


class Stopped(Exception):  # noqa: N818  not an error: the run was asked to end
    """Ends the work on a unit: the run was stopped. Nothing is recorded."""


@dataclass(frozen=True)
class Host:
    """What an engine offers to a unit of work that it runs.

    Args:
        stopping: Whether the run is to end.
        on_device: Calls a function while nothing else uses the device, and returns what it returns.
        memory: What clips take before their frames are decoded.
        compute: Has a model compute what is requested of a clip, in batches with what is of other clips, and returns
            what became of it, or raises what went wrong.
        away: Surrounds what may take long, or waits for other clips, and requests nothing meanwhile: batches that are
            not full do not wait for this thread then. A clip that waits for another one in any other way may be what
            that one waits for.
        doing: Told which step the unit is at, from any thread: ``crop``, the name of a stage, ``write``.
    """

    stopping: Callable[[], bool] = lambda: False
    on_device: Callable[[Callable[[], Any]], Any] = lambda function: function()
    memory: Memory = field(default_factory=lambda: OwnMemory(sys.maxsize))
    compute: Callable[[Request], Computed] = compute_alone
    away: Callable[[], AbstractContextManager[None]] = nullcontext
    doing: Callable[[str], None] = lambda step: None

    def room(self) -> AbstractContextManager[Room]:
        """Offer memory for a clip, for which it may have to wait; what it holds in the end is given back."""
        return self.memory.room(self.check, self.away)

    def check(self) -> None:
        """Raise if the run is to end.

        Raises:
            Stopped: The run is to end.
        """
        if self.stopping():
            raise Stopped


class ClipSource(ABC):
    """Where the clips of a run come from: units that do not depend on each other, each of which gives 0 to n clips.

    Picklable as long as nothing was run, so that worker processes on other machines get it whole.

    Attributes:
        unit: What a unit is, for progress: ``clip`` or ``video``.
        stages: Names of the stages that it goes through of itself, before all others: ``crop``.
        folders: What these write.
        location: Path or URL of the store that clips come from, whose removal list is obeyed; None for no store.
    """

    unit: str
    stages: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    location: str | None = None

    @property
    def device(self) -> str:
        """The device of its models, for a run whose stages have none."""
        return "cpu"

    @abstractmethod
    def units(self) -> list[str]:
        """List the units, sorted."""

    @abstractmethod
    def plan(self, units: Sequence[str], steps: "ClipSteps") -> Plan:
        """Compare the settings of units with those of an earlier run, before anything is done.

        Raises:
            IncompatibleOutputError: The output holds results of other settings, which are not to be replaced.
            WeightsError: A model's weights are missing.
        """

    @abstractmethod
    def run(self, unit: str, steps: "ClipSteps", host: Host) -> Iterator[ClipOutcome]:
        """Take all clips of a unit through the steps, and tell what became of them.

        Raises:
            Stopped: The run is to end.
            ProcessingError: The output cannot be written.
            MMVoxCelebError: Nothing can be done, for any unit: weights that do not fit.
        """

    @abstractmethod
    def is_removed(self, unit: str, removals: Removals) -> bool:
        """Return whether nothing may be made of a unit."""

    @abstractmethod
    def end(self, steps: "ClipSteps") -> None:
        """Bring the ledger in order. Called once in a run, after its units, also when it was stopped."""
