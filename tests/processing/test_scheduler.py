"""Attempts, suspects and giving up, with workers that do what a test says."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mmvoxceleb.errors import ProcessingError
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.scheduler import (
    Began,
    Carrier,
    Event,
    Finished,
    Lost,
    Outcome,
    Ready,
    run_on_workers,
)


class Scripted(Carrier):
    """Workers that finish units one after the other, die of deadly ones, and may find no room to start again."""

    def __init__(self, deadly: set[str], *, room: int = 99, dies_at_start: bool = False, holds: int = 3) -> None:
        self.holds = holds
        self.deadly = deadly
        self.room = room
        self.dies_at_start = dies_at_start
        self.given: dict[int, list[str]] = {}
        self.news: list[Event] = []
        self.alone: list[str] = []
        self.is_closed = False

    def start(self, number: int) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        self.given[number] = []
        self.news.append(Lost(number, "no memory") if self.dies_at_start else Ready(number))
        return True

    def give(self, number: int, unit: str) -> None:
        self.given[number].append(unit)

    def wait(self) -> Iterator[Event]:
        news, self.news = self.news, []
        yield from news
        for number, units in list(self.given.items()):
            if not units:
                continue
            if len(units) == 1:
                self.alone.append(units[0])
            unit = units.pop(0)
            yield Began(number, unit)
            if unit in self.deadly:
                yield from (Began(number, other) for other in units)
                del self.given[number]
                yield Lost(number, "exit code -9")
            else:
                yield Outcome(ClipOutcome(unit, done=("stage",)))
                yield Finished(number, unit)

    def close(self) -> None:
        self.is_closed = True


class Record:
    """The part of a work that a scheduler calls."""

    unit = "clip"

    def __init__(self) -> None:
        self.given_up: list[tuple[str, str]] = []
        self.begins = 0

    def give_up(self, unit: str, reason: str) -> ClipOutcome:
        self.given_up.append((unit, reason))
        return ClipOutcome(unit, failed={"stage": reason})

    def begin(self) -> None:
        self.begins += 1


def run(carrier: Scripted, units: list[str], size: int = 2) -> tuple[Record, list[str], list[str]]:
    work: Any = Record()
    outcomes: list[str] = []
    finished: list[str] = []
    report: Callable[[ClipOutcome], None] = lambda outcome: outcomes.append(outcome.clip_id)  # noqa: E731
    try:
        run_on_workers(work, units, carrier, size, report=report, finished=finished.append)
    finally:
        assert carrier.is_closed
    return work, outcomes, finished


def test_all_units_are_done_once() -> None:
    units = [f"u{number}" for number in range(20)]
    work, outcomes, finished = run(Scripted(set()), units)
    assert sorted(outcomes) == sorted(finished) == sorted(units)
    assert (work.given_up, work.begins) == ([], 0)


def test_a_deadly_unit_is_given_up_and_no_other_is_held_guilty() -> None:
    units = [f"u{number}" for number in range(12)]
    carrier = Scripted({"u4"})
    work, outcomes, finished = run(carrier, units)
    assert sorted(finished) == sorted(outcomes) == sorted(units)
    ((unit, reason),) = work.given_up
    assert unit == "u4"
    assert "died 3 times" in reason
    assert carrier.alone.count("u4") == 2  # after its first death it was handed out alone
    assert work.begins == 3  # what the dead left was taken away


def test_the_work_goes_on_with_the_workers_that_there_is_room_for() -> None:
    units = [f"u{number}" for number in range(9)]
    work, _, finished = run(Scripted({"u0"}, room=4), units)
    assert sorted(finished) == sorted(units)
    assert [unit for unit, _ in work.given_up] == ["u0"]


def test_without_any_worker_the_run_ends_and_says_what_is_left() -> None:
    with pytest.raises(ProcessingError, match=r"no room for another; \d clips are left"):
        run(Scripted({"u0", "u1"}, room=2), [f"u{number}" for number in range(9)])


def test_workers_that_die_at_the_start_end_the_run() -> None:
    with pytest.raises(ProcessingError, match=r"end before they begin \(no memory\)"):
        run(Scripted(set(), dies_at_start=True), ["u0", "u1"])
