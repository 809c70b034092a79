"""The engine for one process and one device: readers and writers on threads, the device on the calling thread."""

import contextlib
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.engines.summary import Summary
from mmvoxceleb.processing.engines.work import ClipOutcome, ClipWork, Loaded, Plan
from mmvoxceleb.schema import Folder

__all__ = ["run_local"]

logger = logging.getLogger(__name__)

Report = Callable[[ClipOutcome], None]


def run_local(
    work: ClipWork,
    clip_ids: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    readers: int | None = None,
    writers: int | None = None,
    report: Report | None = None,
) -> Summary:
    """Take clips through the stages of ``work``, going on where an earlier run stopped.

    Reading and decoding, the device, and encoding and writing overlap; at most a handful of clips is in memory.
    A clip that fails is recorded and the rest goes on. After Ctrl-C (or SIGTERM) what is being written is
    finished, nothing half is visible, and the same call goes on later.

    Args:
        work: Source, output and stages.
        clip_ids: The clips; all of the source by default.
        limit: Do at most this many clips that are not finished yet.
        readers: Threads that read and decode; by default half the cores, at most 8.
        writers: Threads that encode and write; likewise.
        report: Called after every clip, on the calling thread.

    Returns:
        What was done. Failed clips are in it; ask :meth:`Summary.raise_if_failed`.

    Raises:
        ConfigError: The output is no folder.
        IncompatibleOutputError: The output holds results of other settings; nothing was done.
        ProcessingError: The output cannot be written to: a full disk, a missing permission.
        KeyboardInterrupt: The run was stopped.
    """
    if work.writer.root.exists() and not work.writer.root.is_dir():
        raise ConfigError(f"{work.writer.root} is a file; name a folder for the results")
    plan = work.plan(work.source.clip_ids() if clip_ids is None else clip_ids)
    work.writer.clean_partial([*work.folders, Folder("meta")])
    summary = Summary(str(work.writer.root))
    start = time.perf_counter()
    threads = max(1, min(8, (os.cpu_count() or 2) // 2))
    written: deque[Future[ClipOutcome]] = deque()

    def count(outcome: ClipOutcome) -> None:
        summary.add(outcome)
        if report is not None:
            report(outcome)

    try:
        outcomes = _outcomes(work, _order(plan, limit), readers or threads, writers or threads, written)
        with _terminate_as_interrupt(), contextlib.closing(outcomes):
            for outcome in outcomes:
                count(outcome)
    except KeyboardInterrupt:
        # what was being written has been finished by now
        for future in written:
            if future.done() and not future.cancelled() and future.exception() is None:
                count(future.result())
        raise
    finally:
        work.teardown()
        with contextlib.suppress(OSError):
            work.provenance.compact()
        summary.seconds = time.perf_counter() - start
    return summary


def _order(plan: Plan, limit: int | None) -> list[str]:
    """Finished clips are visited too: their inputs may have changed."""
    todo = plan.todo if limit is None else plan.todo[:limit]
    return sorted({*todo, *plan.finished})


def _outcomes(
    work: ClipWork, clip_ids: Sequence[str], readers: int, writers: int, written: "deque[Future[ClipOutcome]]"
) -> Generator[ClipOutcome, None, None]:
    reading = ThreadPoolExecutor(readers, thread_name_prefix="read")
    writing = ThreadPoolExecutor(writers, thread_name_prefix="write")
    try:
        for loaded in _ahead(reading, work.read, clip_ids, readers + 1):
            written.append(writing.submit(work.write, work.process(loaded)))
            while written and (written[0].done() or len(written) > 2 * writers):
                yield written.popleft().result()
        while written:
            yield written.popleft().result()
    finally:
        for pool in (reading, writing):
            pool.shutdown(wait=False, cancel_futures=True)
        writing.shutdown(wait=True)


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[str], Loaded], clip_ids: Sequence[str], depth: int
) -> Iterator[Loaded]:
    """Read clips in order, ``depth`` of them in advance."""
    remaining = iter(clip_ids)
    pending: deque[Future[Loaded]] = deque()
    while True:
        while len(pending) < depth and (clip_id := next(remaining, None)) is not None:
            pending.append(pool.submit(read, clip_id))
        if not pending:
            return
        yield pending.popleft().result()


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM, which batch systems send, stop a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
