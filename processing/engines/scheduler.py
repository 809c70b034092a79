"""Who does what, for every engine with workers: hand out units, and survive the death of any worker.

A unit that was begun when its worker died is a suspect: it is handed out again, alone to a worker, so that none is
held guilty of another's deed; one that goes on killing its workers is given up.
"""

import logging
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mmvoxceleb.errors import ProcessingError
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.work import Work

__all__ = ["Began", "Carrier", "Doing", "Event", "Finished", "Lost", "Outcome", "Ready", "run_on_workers"]

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""How often a unit is begun before it is held guilty of the deaths of its workers."""


@dataclass(frozen=True)
class Ready:
    """A worker has what it needs."""

    worker: int


@dataclass(frozen=True)
class Began:
    """A worker begins a unit; should the worker die now, the unit may be the reason."""

    worker: int
    unit: str


@dataclass(frozen=True)
class Doing:
    """A worker is at a step of a unit; an empty step says only that it has the unit."""

    worker: int
    unit: str
    step: str


@dataclass(frozen=True)
class Outcome:
    """What became of one clip."""

    outcome: ClipOutcome


@dataclass(frozen=True)
class Finished:
    """A worker is through with a unit."""

    worker: int
    unit: str


@dataclass(frozen=True)
class Lost:
    """A worker is no more, with all that it was given and had not finished."""

    worker: int
    reason: str


Event = Ready | Began | Doing | Outcome | Finished | Lost


class Carrier(ABC):
    """Starts workers, takes units to them, and brings back what they say. Workers go by number.

    Args:
        holds: How many units a worker is given at once.
    """

    holds: int

    @abstractmethod
    def start(self, number: int) -> bool:
        """Start a worker; False if there is no room for it any more."""

    @abstractmethod
    def give(self, number: int, unit: str) -> None:
        """Hand a unit to a worker, which may be gone: then ``wait`` tells."""

    @abstractmethod
    def wait(self) -> Iterable[Event]:
        """Wait for news; there may be none.

        Raises:
            MMVoxCelebError: Whatever a worker raised: nothing more can be done.
        """

    @abstractmethod
    def close(self) -> None:
        """End all workers, those that do not end by themselves by force."""


def run_on_workers(
    work: Work,
    units: Sequence[str],
    carrier: Carrier,
    size: int,
    *,
    report: Callable[[ClipOutcome], None],
    finished: Callable[[str], None],
    doing: Callable[[str, str], None] = lambda unit, step: None,
) -> None:
    """Run units on workers until none is left.

    Args:
        work: What to do; here it only records what is given up.
        units: Handed out in this order.
        carrier: What reaches the workers. It is closed at the end.
        size: How many workers to start, at most one a unit.
        report: Called for every outcome.
        finished: Called for every unit that is done or given up.
        doing: Called with a unit and the step that it is at, as far as the carrier tells.

    Raises:
        ProcessingError: Workers die before they do anything, or there is none left and no room for another.
        MMVoxCelebError: Whatever a worker raised.
    """
    schedule = _Schedule(units, carrier.holds)
    try:
        for number in range(min(size, len(units))):
            if carrier.start(number):
                schedule.workers[number] = _Worker()
        while not schedule.is_done:
            if not schedule.workers:
                raise ProcessingError(
                    f"all workers were lost, and there is no room for another; {schedule.num_left} {work.unit}s "
                    "are left: rerun the command"
                )
            for number, unit in schedule.assign():
                carrier.give(number, unit)
            for event in carrier.wait():
                if isinstance(event, Outcome):
                    report(event.outcome)
                elif isinstance(event, Doing):
                    doing(event.unit, event.step)
                elif isinstance(event, Lost):
                    for unit in schedule.lost(event):
                        report(work.give_up(unit, _died_reason(MOST_ATTEMPTS)))
                        finished(unit)
                    if schedule.has_more and carrier.start(event.worker):
                        schedule.workers[event.worker] = _Worker()
                    work.begin()  # takes away what the dead one left unfinished
                else:
                    schedule.hear(event)
                    if isinstance(event, Finished):
                        finished(event.unit)
    finally:
        carrier.close()


@dataclass
class _Worker:
    given: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    is_ready: bool = False


class _Schedule:
    """What is to be done, and who has what of it."""

    def __init__(self, units: Iterable[str], holds: int) -> None:
        self.waiting = deque(units)
        self.suspects: deque[str] = deque()
        self.attempts: Counter[str] = Counter()
        self.workers: dict[int, _Worker] = {}
        self._holds = holds
        self._deaths_at_start = 0

    @property
    def has_more(self) -> bool:
        return bool(self.waiting or self.suspects)

    @property
    def num_left(self) -> int:
        return len(self.waiting) + len(self.suspects)

    @property
    def is_done(self) -> bool:
        return not self.has_more and not any(worker.given for worker in self.workers.values())

    def assign(self) -> Iterator[tuple[int, str]]:
        """Hand out what there is room for, to the workers that have the least; a suspect alone to an idle one."""
        ready = {number: worker for number, worker in self.workers.items() if worker.is_ready}
        for number, worker in ready.items():
            if self.suspects and not worker.given:
                yield self._give(number, self.suspects.popleft())
        free = {
            number: worker for number, worker in ready.items() if not any(self.attempts[unit] for unit in worker.given)
        }
        while self.waiting and free:
            number = min(free, key=lambda each: len(free[each].given))
            if len(free[number].given) >= self._holds:
                break
            yield self._give(number, self.waiting.popleft())

    def _give(self, number: int, unit: str) -> tuple[int, str]:
        self.workers[number].given.append(unit)
        return number, unit

    def hear(self, event: Ready | Began | Finished) -> None:
        """Note what a worker says."""
        worker = self.workers[event.worker]
        if isinstance(event, Ready):
            worker.is_ready = True
            self._deaths_at_start = 0
        elif isinstance(event, Began):
            worker.begun.add(event.unit)
        else:
            worker.given.remove(event.unit)
            worker.begun.discard(event.unit)

    def lost(self, event: Lost) -> list[str]:
        """Put back what a dead worker had, and return what is to be given up."""
        worker = self.workers.pop(event.worker)
        if not worker.is_ready:
            self._deaths_at_start += 1
            if self._deaths_at_start >= MOST_ATTEMPTS:
                raise ProcessingError(
                    f"workers end before they begin ({event.reason}); run with one worker on this machine to see why"
                )
        guilty: list[str] = []
        for unit in worker.given:
            if unit not in worker.begun:
                self.waiting.appendleft(unit)
                continue
            self.attempts[unit] += 1
            (self.suspects if self.attempts[unit] < MOST_ATTEMPTS else guilty).append(unit)
        suspects = ", ".join(unit for unit in worker.given if unit in worker.begun) or "nothing"
        logger.warning("worker %d was lost (%s) while it worked on %s", event.worker, event.reason, suspects)
        return guilty


def _died_reason(attempts: int) -> str:
    return (
        f"its worker process died {attempts} times while working on it, perhaps killed for want of memory; "
        "rerun the command with fewer workers"
    )
