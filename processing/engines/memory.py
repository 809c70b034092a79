"""Bytes in flight: what the clips that are worked on may take together, and who is to wait.

A clip says how much it takes at most before its frames are decoded, and waits until so much is free; it gives back what
it lets go of. Whoever asks is served in turn, so that a large clip is not passed by small ones for ever. One that takes
more than there is in all is admitted when nothing else is held, and is alone. Nobody waits while he holds something, so
nobody waits for himself.
"""

import itertools
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.memory import usable_memory
from mmvoxceleb.sizes import format_size, parse_size

__all__ = ["Admissions", "LentMemory", "Memory", "MemoryUse", "OwnMemory", "Room", "budget_of"]

Who = TypeVar("Who", bound=Hashable)

DEFAULT_SHARE = 0.5
"""Of the memory that is free when a run begins. The rest is for models, batches, decoders and libraries."""

_LOOK_SECONDS = 0.1


def budget_of(memory: int | str | None) -> int:
    """Return how many bytes clips in flight may take together on this machine.

    Args:
        memory: Bytes, or a size such as ``8G``; by default half of what this process may still use.

    Raises:
        ConfigError: It is not a size, or 0.
    """
    if memory is None:
        return max(1, int(usable_memory() * DEFAULT_SHARE))
    budget = parse_size(memory, option="memory") if isinstance(memory, str) else memory
    if budget < 1:
        raise ConfigError(f"memory is {memory}; give the bytes that clips in flight may take, as 8G")
    return budget


@dataclass(frozen=True)
class MemoryUse:
    """How a run used its memory budget.

    Args:
        budget: Bytes that the clips in progress were allowed to use together.
        peak: Most bytes that were reserved for clips at one time.
        num_alone: Number of clips that needed more than the budget, and ran alone.
        largest: Bytes that the largest clip needed.
    """

    budget: int = 0
    peak: int = 0
    num_alone: int = 0
    largest: int = 0

    def __or__(self, other: "MemoryUse") -> "MemoryUse":
        """Unite what two workers with memory of their own say: the larger figures, and the clips of both."""
        return MemoryUse(
            max(self.budget, other.budget),
            max(self.peak, other.peak),
            self.num_alone + other.num_alone,
            max(self.largest, other.largest),
        )

    def as_dict(self) -> dict[str, int]:
        """Give the same numbers as JSON values."""
        return {
            "budget_bytes": self.budget, "peak_bytes": self.peak,
            "clips_alone": self.num_alone, "largest_clip_bytes": self.largest,
        }  # fmt: skip

    @property
    def note(self) -> str:
        """What is to be said of clips that were alone; empty where none was."""
        if not self.num_alone:
            return ""
        clips = "1 clip was" if self.num_alone == 1 else f"{self.num_alone:,} clips were"
        return (
            f"{clips} larger than the memory given, and worked on alone: up to {format_size(self.largest)} of "
            f"{format_size(self.budget)}; give more with --memory"
        )


class Admissions(Generic[Who]):
    """Who holds how many bytes of a budget, and who waits. No locks, no threads.

    Args:
        budget: Bytes.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.held: dict[Who, int] = {}
        self.waiting: deque[tuple[Who, int]] = deque()
        self._peak = self._largest = self._num_alone = 0

    @property
    def reserved(self) -> int:
        """Bytes that are held."""
        return sum(self.held.values())

    @property
    def use(self) -> MemoryUse:
        """What the budget was used for so far."""
        return MemoryUse(self.budget, self._peak, self._num_alone, self._largest)

    def ask(self, who: Who, num_bytes: int) -> None:
        """Get into the line; who holds something gives it back first."""
        self.keep(who, 0)
        self.waiting.append((who, num_bytes))

    def keep(self, who: Who, num_bytes: int) -> None:
        """Give back all but so many bytes; who holds fewer, or none, goes on doing so. With 0, leave the line, too."""
        if not num_bytes:
            self.forget(lambda each: each == who)
        elif who in self.held:
            self.held[who] = min(self.held[who], num_bytes)

    def forget(self, is_gone: Callable[[Who], bool]) -> None:
        """Take back everything from some, and their places in the line."""
        self.held = {who: num_bytes for who, num_bytes in self.held.items() if not is_gone(who)}
        self.waiting = deque(each for each in self.waiting if not is_gone(each[0]))

    def admit(self) -> list[Who]:
        """Admit those whose turn it is and for whom there is room, and tell who they are."""
        admitted = []
        while self.waiting:
            who, num_bytes = self.waiting[0]
            reserved = self.reserved
            if reserved and reserved + num_bytes > self.budget:
                break
            self.waiting.popleft()
            self.held[who] = num_bytes
            admitted.append(who)
            self._peak = max(self._peak, reserved + num_bytes)
            self._largest = max(self._largest, num_bytes)
            self._num_alone += num_bytes > self.budget
        return admitted


class Room:
    """What one clip takes. One thread uses it.

    Args:
        memory: What it is taken from.
        check: Raises where the run is to end.
        away: Surrounds waiting, see :class:`Host`.
    """

    def __init__(
        self, memory: "Memory", check: Callable[[], None], away: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._memory = memory
        self.check = check
        self.away = away
        self.num_bytes = 0

    @property
    def budget(self) -> int:
        """Bytes that there are in all."""
        return self._memory.budget

    def take(self, num_bytes: int) -> None:
        """Give back what is held, and wait until there is room for so many bytes. Hold nothing of a clip meanwhile.

        Raises:
            Stopped: The run is to end.
        """
        self.keep(0)
        if num_bytes > 0:
            self._memory.take(self, num_bytes)
            self.num_bytes = num_bytes

    def keep(self, num_bytes: int) -> None:
        """Give back all but so many bytes. Never waits."""
        if num_bytes < self.num_bytes:
            self.num_bytes = num_bytes
            self._memory.keep(self, num_bytes)


class Memory(ABC):
    """The bytes that the clips of a process take from. All methods may be called from several threads.

    Args:
        budget: How many there are.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget

    @contextmanager
    def room(
        self, check: Callable[[], None], away: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> Iterator[Room]:
        """Offer room for a clip; what it holds in the end is given back.

        Args:
            check: Called while it waits; what it raises ends the waiting.
            away: Surrounds the waiting.
        """
        room = Room(self, check, away)
        try:
            yield room
        finally:
            room.keep(0)

    @property
    @abstractmethod
    def num_waiting(self) -> int:
        """How many clips of this process wait, and come no further before others give something back."""

    @abstractmethod
    def take(self, room: Room, num_bytes: int) -> None:
        """Wait for bytes; see :meth:`Room.take`."""

    @abstractmethod
    def keep(self, room: Room, num_bytes: int) -> None:
        """Give bytes back; see :meth:`Room.keep`."""


class OwnMemory(Memory):
    """A budget that the threads of one process share.

    Args:
        budget: Bytes.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._admissions: Admissions[Room] = Admissions(budget)
        self._changed = threading.Condition()

    @property
    def use(self) -> MemoryUse:
        """What the budget was used for so far."""
        with self._changed:
            return self._admissions.use

    @property
    def reserved(self) -> int:
        """Bytes that are held now."""
        with self._changed:
            return self._admissions.reserved

    @property
    def num_waiting(self) -> int:
        with self._changed:
            return len(self._admissions.waiting)

    def take(self, room: Room, num_bytes: int) -> None:
        with self._changed:
            self._admissions.ask(room, num_bytes)
            self._admit()
            if room in self._admissions.held:
                return
            try:
                with room.away():
                    while room not in self._admissions.held:
                        room.check()
                        self._changed.wait(_LOOK_SECONDS)
            except BaseException:
                self._admissions.keep(room, 0)
                self._admit()
                raise

    def keep(self, room: Room, num_bytes: int) -> None:
        with self._changed:
            self._admissions.keep(room, num_bytes)
            self._admit()

    def _admit(self) -> None:
        if self._admissions.admit():
            self._changed.notify_all()


class LentMemory(Memory):
    """A budget that another process shares out among its workers.

    Args:
        budget: Bytes, of all workers.
        send: Takes a message there: ``("ask", ticket, bytes)`` or ``("keep", ticket, bytes)``.
    """

    def __init__(self, budget: int, send: Callable[[tuple[str, int, int]], None]) -> None:
        super().__init__(budget)
        self._send = send
        self._tickets = itertools.count()
        self._by_room: dict[Room, int] = {}
        self._waiting: set[int] = set()
        self._changed = threading.Condition()

    def admit(self, ticket: int) -> None:
        """Tell that the other process has admitted a clip."""
        with self._changed:
            self._waiting.discard(ticket)
            self._changed.notify_all()

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    def take(self, room: Room, num_bytes: int) -> None:
        with self._changed:
            ticket = self._by_room[room] = next(self._tickets)
            self._waiting.add(ticket)
        self._send(("ask", ticket, num_bytes))
        try:
            with room.away(), self._changed:
                while ticket in self._waiting:
                    room.check()
                    self._changed.wait(_LOOK_SECONDS)
        except BaseException:
            self.keep(room, 0)
            raise

    def keep(self, room: Room, num_bytes: int) -> None:
        with self._changed:
            ticket = self._by_room[room] if num_bytes else self._by_room.pop(room)
            if not num_bytes:
                self._waiting.discard(ticket)
        self._send(("keep", ticket, num_bytes))
