"""A device that takes a fixed time for a batch and leaves the processor alone meanwhile, and a stage that uses it."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mmvoxceleb.processing.devices import Batcher, BatchModel, Computed, Request
from mmvoxceleb.processing.devices.executor import Executor, Job, OverlappedExecutor
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import Folder


@dataclass(frozen=True)
class Seen:
    """A step of a batch: what it was, the first pixel of each of its frames, and when, in seconds."""

    step: str
    pixels: tuple[int, ...]
    begin: float
    end: float


class SimulatedModel(BatchModel):
    """Inverts the first pixel of each frame.

    Args:
        seconds: What a batch takes of the device; a third of it goes for bringing it there, and another back.
        size: Frames in a batch.
        fits: The largest batch that the memory holds.
        bad: A value of the first pixel that it cannot compute.
        is_overlapped: Whether it has a thread for each step, as on CUDA, or computes where it is called, as on a CPU.
    """

    takes_any_size = True

    def __init__(
        self, seconds: float = 0.0, size: int = 16, *, fits: int = 1000, bad: int = -1, is_overlapped: bool = True
    ) -> None:
        self.device = torch.device("meta")
        self.batcher = Batcher(torch.device("cuda"), size, most=size, bytes_per_frame=1)
        self.seconds, self.fits, self.bad, self.is_overlapped = seconds, fits, bad, is_overlapped
        self.seen: list[Seen] = []

    def executor(self) -> Executor:
        return _Executor(self) if self.is_overlapped else super().executor()

    def prepare(self, *arrays: torch.Tensor) -> tuple[torch.Tensor, ...]:
        (frames,) = arrays
        pixels = frames[:, 0, 0, 0].clone()
        self._take("prepare", pixels, self.seconds / 3)
        return (pixels,)

    def compute(self, *prepared: torch.Tensor) -> tuple[torch.Tensor, ...]:
        (pixels,) = prepared
        if len(pixels) > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        if self.bad in pixels.tolist():
            raise ValueError(f"a frame begins with {self.bad}")
        self._take("compute", pixels, self.seconds)
        return (255 - pixels,)

    def _take(self, step: str, pixels: torch.Tensor, seconds: float) -> None:
        begin = time.perf_counter()
        if seconds:
            time.sleep(seconds)
        self.seen.append(Seen(step, tuple(pixels.tolist()), begin, time.perf_counter()))

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """First pixels of the frames of each batch that was computed, in order, with those that fill it up."""
        return [seen.pixels for seen in self.seen if seen.step == "compute"]


class _Executor(OverlappedExecutor):
    """Takes time for bringing back, too."""

    def __init__(self, model: SimulatedModel) -> None:
        self._model = model
        super().__init__()

    @contextlib.contextmanager
    def _step(self, number: int, job: Job) -> Iterator[None]:
        with super()._step(number, job):
            yield
            if number == 2:
                self._model._take("bring_back", torch.empty(0), self._model.seconds / 3)


class Simulated(Stage):
    """Has frames computed by a :class:`SimulatedModel` and writes one line of text a clip."""

    device = "simulated"

    def __init__(self, model: SimulatedModel, folder: Folder | None = None) -> None:
        self.model = model
        self._folder = folder or Folder("text")
        self.name = self._folder.path

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (self._folder,)

    def settings(self) -> dict[str, Any]:
        return {}

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices

    def request(self, clip: Clip, frames: Any) -> Request | None:
        return Request(self.model, (frames,), note=threading.current_thread().name)

    def finish(self, clip: Clip, computed: Computed) -> Any:
        assert computed.request.note == threading.current_thread().name
        return computed.arrays[0]

    def process(self, clip: Clip, frames: Any) -> Any:
        raise AssertionError("it is computed in shared batches")

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        return StageOutput({self._folder: [("", " ".join(map(str, result.tolist())).encode())]})
