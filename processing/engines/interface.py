"""Between what is to be done and who does it: an engine runs the units of a :class:`Work`, in any order."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.output import StoreWriter

__all__ = ["Host", "Stopped", "Work"]

Result = TypeVar("Result")


class Stopped(Exception):  # noqa: N818  not an error: the run was asked to end
    """Ends the work on a unit: the run was stopped. Nothing is recorded."""


@dataclass(frozen=True)
class Host:
    """What an engine offers to a unit of work that it runs.

    Args:
        stopping: Whether the run is to end.
        on_device: Calls a function while nothing else uses the device, and returns what it returns.
    """

    stopping: Callable[[], bool] = lambda: False
    on_device: Callable[[Callable[[], Any]], Any] = lambda function: function()

    def check(self) -> None:
        """Go on, or end here.

        Raises:
            Stopped: The run is to end.
        """
        if self.stopping():
            raise Stopped


class Work(ABC):
    """Units of work that do not depend on each other: clips of a store, or source videos.

    Picklable as long as nothing was run, so that worker processes on other machines get it whole. What is done is
    known from the output alone, so any number of engines may run the same work, one after the other, and each goes
    on where the last one stopped.

    Args:
        writer: Where results go.
    """

    unit: str
    """What a unit is, for progress: ``clip`` or ``video``."""

    writer: StoreWriter

    @property
    @abstractmethod
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""

    @property
    @abstractmethod
    def device(self) -> str:
        """The device of the models: ``cuda`` where every worker is to have one GPU, else its name, as ``cpu``."""

    @abstractmethod
    def units(self) -> list[str]:
        """List the units, sorted."""

    @abstractmethod
    def plan(self, units: Sequence[str]) -> Plan:
        """Compare the settings of units with those of an earlier run, before anything is done.

        Raises:
            IncompatibleOutputError: The output holds results of other settings, which are not to be replaced.
            WeightsError: A model is not there.
        """

    @abstractmethod
    def run(self, unit: str, host: Host) -> Iterator[ClipOutcome]:
        """Do all that is not finished of a unit, and tell what became of its clips.

        Called from several threads at once, for different units.

        Raises:
            Stopped: The run is to end.
            ProcessingError: The output cannot be written.
            MMVoxCelebError: Nothing can be done, for any unit: weights that do not fit.
        """

    @abstractmethod
    def give_up(self, unit: str, reason: str) -> ClipOutcome:
        """Record a unit as failed that nobody can run: its workers died on it."""

    def begin(self) -> None:  # noqa: B027
        """Make the output ready, free of what dead processes left. Called before the units, and when a worker died."""

    def end(self) -> None:  # noqa: B027
        """Bring the output in order. Called once in a run, after its units, also when it was stopped."""

    def teardown(self) -> None:  # noqa: B027
        """Let go of models. Called in every process that ran units."""
