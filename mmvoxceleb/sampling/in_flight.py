"""Clips whose files come from afar: what a sample will ask for is on its way before it is asked for."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, overload

from mmvoxceleb.modalities import FileModality, Folder
from mmvoxceleb.sampling.clips import SampledClip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ClipInFlight", "ReadThreads"]

Result = TypeVar("Result")


class ReadThreads:
    """The threads that wait for the answers, in one process: started when first needed, ended with the sampler.

    A forked or spawned process starts its own.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.count,)

    def start(self, read: Callable[[], Result]) -> "Future[Result]":
        """Begin to read something."""
        if self._pool is None or self._process != os.getpid():
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="mmvoxceleb-read")
        return self._pool.submit(read)


class ClipInFlight:
    """A clip of which some things are being read.

    Args:
        clip: The clip.
        threads: They read.
        folders: Of pictures, whose frame indices are wanted.
        files: Modalities whose values are wanted.
    """

    def __init__(
        self, clip: SampledClip, threads: ReadThreads, folders: Iterable[Folder], files: Iterable[FileModality]
    ) -> None:
        self.clip_id = clip.clip_id
        self._clip, self._threads = clip, threads
        self._turns: dict[Folder, Lock] = {}
        self._indices = {folder: threads.start(partial(clip.indices, folder)) for folder in folders}
        self._values = {modality.name: threads.start(partial(clip.value, modality)) for modality in files}

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        coming = self._indices.get(folder)
        return self._clip.indices(folder) if coming is None else coming.result()

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "Sequence[bytes | memoryview | NDArray[np.uint8]]":
        turn = self._turns.setdefault(folder, Lock())

        def read() -> "Sequence[bytes | memoryview | NDArray[np.uint8]]":
            with turn:  # of a video, one thread decodes at a time
                return self._clip.pictures(folder, positions)

        return _Coming(self._threads.start(read), len(positions))

    def value(self, modality: FileModality) -> Any:
        coming = self._values.get(modality.name)
        return self._clip.value(modality) if coming is None else coming.result()


class _Coming(Sequence[Result]):
    """What is being read, item by item; whoever takes one waits for all of them."""

    def __init__(self, content: "Future[Sequence[Result]]", count: int) -> None:
        self._content, self._count = content, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Result: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Result]: ...
    def __getitem__(self, place: int | slice) -> Result | Sequence[Result]:
        return self._content.result()[place]
