"""Batches across clips: frames of all that ask wait in one queue for each model, and are cut into batches there.

A batch is sent when it is full. One that is not is filled up and sent only when nobody can add to it: nobody is on the
way here, and no batch under way will send somebody on. What fails in a shared batch is computed again clip by clip, so
that it fails its own clip alone.
"""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ProcessingError
from mmvoxceleb.processing.devices.executor import Executor
from mmvoxceleb.processing.devices.model import BatchModel, Computed, Request
from mmvoxceleb.processing.devices.networks import faithful_kernels
from mmvoxceleb.processing.devices.transfer import host_tensor, to_host

if TYPE_CHECKING:
    import torch

__all__ = ["Answer", "Sharing"]

Answer = Computed | Exception


@dataclass(eq=False)
class _Asked:
    """A request, until it is answered."""

    request: Request
    answered: Callable[[Answer], None]
    answer: Computed
    num_left: int
    """Frames whose results are not there yet."""
    num_unsent: int = 0
    """Frames that wait in a queue."""
    is_isolated: bool = False
    """Whether it shares no batch any more, as one that it was in failed."""


@dataclass
class _Part:
    """Frames of a request, from ``start`` to before ``stop``."""

    asked: _Asked
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


class _Queue:
    """The frames that wait for one model."""

    def __init__(self, model: BatchModel, *, is_isolated: bool = False) -> None:
        self.model = model
        self.is_isolated = is_isolated
        self.parts: deque[tuple[int, _Part]] = deque()
        self.num_frames = 0

    @property
    def size(self) -> int:
        assert self.model.batcher is not None
        return self.model.batcher.size

    @property
    def is_ready(self) -> bool:
        """Whether nothing can be added to its next batch: it is full, or of a request that shares none."""
        return self.is_isolated or self.num_frames >= self.size

    @property
    def oldest(self) -> int:
        return self.parts[0][0]

    def put(self, number: int, part: _Part) -> None:
        """Let frames wait: behind those of lower numbers, in front of all others."""
        if self.parts and number < self.oldest:
            self.parts.appendleft((number, part))
        else:
            self.parts.append((number, part))
        self.num_frames += len(part)

    def take(self) -> list[_Part]:
        """Take the frames of one batch."""
        taken: list[_Part] = []
        room = self.size
        while self.parts and room:
            number, part = self.parts.popleft()
            if len(part) > room:
                middle = part.start + room
                self.parts.appendleft((number, _Part(part.asked, middle, part.stop)))
                part = _Part(part.asked, part.start, middle)
            room -= len(part)
            taken.append(part)
        self.num_frames -= sum(map(len, taken))
        return taken


class _Batch:
    """The job of an executor: frames of some requests."""

    def __init__(self, model: BatchModel, parts: list[_Part], size: int) -> None:
        self.model = model
        self.parts = parts
        self.size = size
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.events: list[Any] = []
        self._tensors: tuple[torch.Tensor, ...] = ()
        self._results: tuple[torch.Tensor, ...] = ()

    @property
    def num_frames(self) -> int:
        return sum(map(len, self.parts))

    def prepare(self) -> None:
        import torch

        with torch.inference_mode():
            prepared = [
                self.model.prepare(
                    *(
                        host_tensor([part.asked.request.arrays[axis][part.start : part.stop] for part in run],
                                    self.model.device)
                        for axis in range(len(run[0].asked.request.arrays))
                    )
                )
                for run in self._runs()
            ]  # fmt: skip
            self._tensors = tuple(_joined(tensors, self.size) for tensors in zip(*prepared, strict=True))

    def compute(self) -> None:
        import torch

        with torch.inference_mode(), faithful_kernels():
            self._results = self.model.compute(*self._tensors)

    def bring_back(self) -> None:
        arrays = to_host([result[: self.num_frames] for result in self._results])
        start = 0
        for part in self.parts:
            answer = part.asked.answer
            if not answer.arrays:
                shapes = [(len(part.asked.request), *array.shape[1:]) for array in arrays]
                answer.arrays = tuple(np.empty(s, array.dtype) for s, array in zip(shapes, arrays, strict=True))
            for target, array in zip(answer.arrays, arrays, strict=True):
                target[part.start : part.stop] = array[start : start + len(part)]
            start += len(part)

    def let_go(self) -> None:
        """Let go of what it holds on the device."""
        self._tensors = self._results = ()

    def _runs(self) -> list[list[_Part]]:
        """Put together what can be prepared together, as it has one shape."""
        shapes = groupby(self.parts, lambda part: [array.shape[1:] for array in part.asked.request.arrays])
        return [list(run) for _, run in shapes]


class Sharing:
    """Requests of any number of clips, and the batches that they are computed in. Used by one thread.

    Args:
        deliver: Called with what is to be done on that thread when a batch is over; perhaps on another one.
    """

    def __init__(self, deliver: Callable[[Callable[[], None]], None]) -> None:
        self._deliver = deliver
        self._queues: dict[Hashable, _Queue] = {}
        self._executors: dict[str, Executor] = {}
        self._asked: set[_Asked] = set()
        self._numbers = count()
        self._under_way = 0

    def ask(self, request: Request, answered: Callable[[Answer], None]) -> None:
        """Take a request in.

        Args:
            request: Of one clip.
            answered: Called with the answer.
        """
        asked = _Asked(request, answered, Computed(request), len(request))
        self._asked.add(asked)
        self._enqueue(_Part(asked, 0, len(request)), next(self._numbers))

    def send(self, *, others_come: bool) -> bool:
        """Send a batch if there is one to be sent: the one that has waited longest.

        Args:
            others_come: Whether somebody else may ask soon.

        Returns:
            Whether one was sent.
        """
        ready = [queue for queue in self._queues.values() if queue.is_ready]
        if not ready and not others_come and all(asked.num_unsent for asked in self._asked):
            ready = list(self._queues.values())
        if not ready:
            return False
        queue = min(ready, key=lambda queue: queue.oldest)
        executor = self._executor(queue.model)
        if self._under_way >= executor.depth:
            return False
        size = queue.size
        batch = _Batch(queue.model, queue.take(), size)
        self._queues = {key: queue for key, queue in self._queues.items() if queue.parts}
        for part in batch.parts:
            part.asked.num_unsent -= len(part)
        self._under_way += 1
        executor.submit(batch, lambda: self._deliver(lambda: self._over(batch)))
        return True

    def run_alone(self, job: Any, done: Callable[[], None]) -> None:
        """Compute something else while no batch is computed."""
        executors = list(self._executors.values())
        executor = next((one for one in executors if one.depth > 1), None)
        if executor is None:
            job.compute()
            done()
        else:
            executor.submit(job, lambda: self._deliver(done))

    def abandon(self, error: Exception) -> None:
        """Answer all that was asked with an error."""
        all_asked, self._asked = self._asked, set()
        self._queues = {}
        for asked in all_asked:
            asked.answered(error)

    def close(self) -> None:
        """End the executors."""
        for executor in self._executors.values():
            executor.close()
        self._executors = {}

    def _executor(self, model: BatchModel) -> Executor:
        name = str(model.device)
        if name not in self._executors:
            self._executors[name] = model.executor()
        return self._executors[name]

    def _enqueue(self, part: _Part, number: int) -> None:
        asked = part.asked
        key = id(asked) if asked.is_isolated else asked.request.key
        queue = self._queues.setdefault(key, _Queue(asked.request.model, is_isolated=asked.is_isolated))
        queue.put(number, part)
        asked.num_unsent += len(part)

    def _over(self, batch: _Batch) -> None:
        """Take note of what became of a batch."""
        import torch

        self._under_way -= 1
        parts = [part for part in batch.parts if part.asked in self._asked]
        error = batch.error
        batch.error = None
        batch.let_go()
        if isinstance(error, torch.cuda.OutOfMemoryError):
            error.with_traceback(None)
            try:
                assert batch.model.batcher is not None
                batch.model.batcher.halve(batch.size, error)
            except ProcessingError as refused:
                error = refused
            else:
                self._again(parts)
                return
        if error is not None and len({id(part.asked) for part in parts}) > 1:
            for part in parts:
                part.asked.is_isolated = True
            self._again(parts)
            return
        for part in parts:
            asked, answer = part.asked, part.asked.answer
            if error is not None:
                self._fail(asked, error)
                continue
            asked.num_left -= len(part)
            answer.device_seconds += batch.seconds * len(part) / batch.num_frames
            if batch.size not in answer.batch_sizes:
                answer.batch_sizes.append(batch.size)
            if not asked.num_left:
                self._asked.discard(asked)
                asked.answered(answer)

    def _again(self, parts: list[_Part]) -> None:
        for part in reversed(parts):
            self._enqueue(part, -next(self._numbers))

    def _fail(self, asked: _Asked, error: BaseException) -> None:
        """Answer a request with an error, and drop its frames that still wait."""
        if asked not in self._asked:  # it had two parts in the batch
            return
        self._asked.discard(asked)
        for key, queue in list(self._queues.items()):
            dropped = [part for _, part in queue.parts if part.asked is asked]
            if dropped:
                queue.parts = deque(entry for entry in queue.parts if entry[1].asked is not asked)
                queue.num_frames -= sum(map(len, dropped))
                if not queue.parts:
                    del self._queues[key]
        if not isinstance(error, Exception):
            error = ProcessingError(f"the device gave up: {type(error).__name__}: {error}")
        asked.answered(error)


def _joined(tensors: "Sequence[torch.Tensor]", size: int) -> "torch.Tensor":
    """Put tensors [n, ...] one behind the other and fill up to [size, ...] by repeating the last row."""
    import torch

    missing = size - sum(map(len, tensors))
    if missing:
        last = tensors[-1][-1:]
        tensors = [*tensors, last.expand(missing, *last.shape[1:])]
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))
