"""Actors of a Ray cluster, which get their units as calls."""

import functools
import logging
import operator
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from mmvoxceleb.errors import ConfigError, MMVoxCelebError, ProcessingError
from mmvoxceleb.processing.devices import DeviceLoop
from mmvoxceleb.processing.engines.interface import Host, Stopped
from mmvoxceleb.processing.engines.memory import MemoryUse, OwnMemory, budget_of
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.scheduler import Began, Carrier, Doing, Event, Finished, Lost, Outcome, Ready
from mmvoxceleb.processing.engines.work import Work

__all__ = ["RayActors"]

logger = logging.getLogger(__name__)

Answer: TypeAlias = tuple[list[ClipOutcome], MMVoxCelebError | None, MemoryUse]
"""Of an actor: what became of clips, what ends the run, and the memory that clips took so far."""

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_WORD_SECONDS = 60.0


class RayActors(Carrier):
    """Takes units to the threads of actors.

    Args:
        work: What to do. It is sent to every actor.
        token: A file of the output that every node must see.
        lanes: Threads of an actor.
        num_cpus: Cores of an actor.
        num_gpus: GPUs of an actor.
        memory: Bytes that the clips of all actors of a node may take together; None for the default of each node.
        actors_per_node: How many share it, at most.
        room: Tells how many such actors the cluster has room for now, if nothing else runs on it.
    """

    def __init__(
        self,
        work: Work,
        *,
        token: str,
        lanes: int,
        num_cpus: int,
        num_gpus: int,
        memory: int | None,
        actors_per_node: int,
        room: Callable[[], int],
    ) -> None:
        import ray

        self.holds = lanes
        self._ray = ray
        self._work: Any = ray.put(work)
        self._token = token
        self._memory = memory
        self._actors_per_node = actors_per_node
        self._room = room
        self.memory_use = MemoryUse()
        """How the actors used the memory of each: the largest figures."""
        self._uses: dict[int, MemoryUse] = {}
        # Ray would wait for ever to start lost actors again on a cluster without spare cores; the scheduler does that
        self._class: Any = ray.remote(_Worker).options(
            num_cpus=num_cpus, num_gpus=num_gpus, max_concurrency=lanes + 1, max_restarts=0, max_task_retries=0
        )
        self._actors: dict[int, Any] = {}
        self._calls: dict[Any, tuple[int, str | None]] = {}
        self._ready: set[int] = set()
        self._given: list[Doing] = []
        self._told_seconds = time.monotonic()

    def start(self, number: int) -> bool:
        if self._actors and len(self._actors) >= self._room():
            return False
        actor = self._class.remote(self._work, self._token, self._memory, self._actors_per_node)
        self._actors[number] = actor
        self._calls[actor.ready.remote()] = number, None
        return True

    def give(self, number: int, unit: str) -> None:
        self._calls[self._actors[number].run.remote(unit)] = number, unit
        self._given.append(Doing(number, unit, ""))

    def wait(self) -> Iterator[Event]:
        while self._given:
            yield self._given.pop(0)
        if not self._ready and time.monotonic() - self._told_seconds > _WORD_SECONDS:
            self._told_seconds = time.monotonic()
            logger.warning("waiting for the Ray cluster to start workers; 'ray status' shows what is missing")
        done, _ = self._ray.wait(list(self._calls), timeout=_LOOK_SECONDS)
        for call in done:
            if call in self._calls:  # else its actor was lost meanwhile
                yield from self._answer(call)

    def _answer(self, call: Any) -> Iterator[Event]:
        number, unit = self._calls[call]
        try:
            outcomes, error, use = self._ray.get(call)
        except self._ray.exceptions.RayError as lost:
            yield from self._lose(number, str(lost).strip().splitlines()[0])
            return
        self._uses[number] = use
        self.memory_use = functools.reduce(operator.or_, self._uses.values())
        del self._calls[call]
        if error is not None:
            raise error
        if unit is None:
            self._ready.add(number)
            yield Ready(number)
            return
        yield from map(Outcome, outcomes)
        yield Finished(number, unit)

    def _lose(self, number: int, reason: str) -> Iterator[Event]:
        """Tell of a lost actor; what it was given it had begun, for it gets no more than it has threads."""
        for call, (worker, unit) in list(self._calls.items()):
            if worker == number:
                del self._calls[call]
                if unit is not None:
                    yield Began(number, unit)
        self._ray.kill(self._actors.pop(number))
        self._ready.discard(number)
        yield Lost(number, reason)

    def close(self) -> None:
        for actor in self._actors.values():
            actor.stop.remote()
        running = [call for call, (_, unit) in self._calls.items() if unit is not None]
        if running:
            self._ray.wait(running, num_returns=len(running), timeout=_GRACE_SECONDS)
        for actor in self._actors.values():
            self._ray.kill(actor)
        # what refers to the cluster must not outlive the connection, or be collected while that ends
        self._actors.clear()
        self._calls.clear()
        self._work = None


class _Worker:
    """An actor: runs units on its threads, while one thread has its device."""

    def __init__(self, work: Work, token: str, memory: int | None, actors_per_node: int) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._work = work
        self._token = token
        self._stop = threading.Event()
        self._memory = OwnMemory(max(1, budget_of(memory) // actors_per_node))
        self._loop = DeviceLoop(refusal=Stopped)
        self._host = Host(self._stop.is_set, self._loop.run_alone, self._memory, self._loop.compute, self._loop.away)
        threading.Thread(target=self._compute, name="device", daemon=True).start()

    def ready(self) -> Answer:
        output = self._work.writer
        if output.tree.kind(self._token) == "file":
            return [], None, self._memory.use
        where = f"{output.location}: is another folder, or none, on the Ray node {socket.gethostname()}"
        return [], ConfigError(f"{where}; write to a folder that all nodes share, or a URL"), self._memory.use

    def run(self, unit: str) -> Answer:
        self._loop.come()
        try:
            return list(self._work.run(unit, self._host)), None, self._memory.use
        except Stopped:
            return [], None, self._memory.use
        except MMVoxCelebError as error:
            return [], error, self._memory.use
        except Exception as error:
            logger.exception("unit %s failed", unit)
            return [], ProcessingError(f"{unit}: {type(error).__name__}: {error}"), self._memory.use
        finally:
            self._loop.leave()

    def stop(self) -> None:
        self._stop.set()
        self._loop.tell(self._loop.refuse)

    def _compute(self) -> None:
        while True:
            self._loop.turn()
