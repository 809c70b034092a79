"""What every engine does around a run: check, count, tidy up, and leave the summary as JSON."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

from mmvoxceleb.errors import ConfigError, ProcessingError
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.runs import save_run
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.engines.memory import MemoryUse
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.removal import obey

__all__ = ["Run", "open_run"]

logger = logging.getLogger(__name__)

_NOT_ALONE = "another run writes here at the same time; what both are to make is made twice, and stays whole"


@dataclass
class Run:
    """A run that is going on.

    Args:
        units: What is to be done, in order.
        summary: What was done so far.
        report: Call it for every outcome.
        finished: Call it for every unit that is done.
        memory_use: Tells how the memory of clips is used; of the engine.
    """

    units: list[str]
    summary: Summary
    report: Callable[[ClipOutcome], None]
    finished: Callable[[str], None]
    memory_use: Callable[[], MemoryUse] = MemoryUse


@contextlib.contextmanager
def open_run(
    work: Work,
    units: Sequence[str] | None,
    limit: int | None,
    *,
    engine: str,
    workers: int,
    report: Callable[[ClipOutcome], None] | None = None,
    finished: Callable[[str], None] | None = None,
) -> Iterator[Run]:
    """Check everything that can be checked before a run, and bring the output in order after it.

    Finished units are among those to be run, for their inputs may have changed; ``limit`` counts the others.
    SIGTERM, which batch systems send, stops the run as Ctrl-C does.

    Raises:
        ConfigError: The output is not a folder, or a number is impossible.
        IncompatibleOutputError: The output holds other things, and no store.
        MMVoxCelebError: As :meth:`Work.plan`; nothing was done.
    """
    work.writer.check()
    if workers < 1 or (limit is not None and limit < 0):
        raise ConfigError(f"workers is {workers} and limit is {limit}; they must be at least 1 and 0")
    watch = RemovalWatch(work.writer.tree)
    removals = watch.now()
    plan = work.plan(work.units() if units is None else units)
    todo = sorted({*plan.todo[:limit], *plan.finished} - {*plan.unchanged})
    summary = Summary(work.writer.location, engine=engine, workers=workers, notes=plan.notes)
    if plan.removed:
        summary.rejected["removed"] = plan.removed
    begun, start = datetime.now(timezone.utc), time.perf_counter()

    def count(outcome: ClipOutcome) -> None:
        work.note(outcome)
        summary.add(outcome)
        if report is not None:
            report(outcome)

    def count_unit(unit: str) -> None:
        summary.units += 1
        if finished is not None:
            finished(unit)

    run = Run(todo, summary, count, count_unit)
    try:
        with _terminate_as_interrupt(), _announced(work.writer.tree, is_writing=bool(todo)) as is_alone:
            if not is_alone:
                logger.warning("%s: %s", work.writer.location, _NOT_ALONE)
                summary.notes += (_NOT_ALONE,)
            if todo:
                work.begin()
            for outcome in plan.rejected:
                count(outcome)
            for unit in plan.unchanged:
                count(ClipOutcome(unit, skipped=work.stages))
                count_unit(unit)
            yield run
            summary.is_complete = True
    finally:
        work.teardown()
        summary.memory = run.memory_use()
        summary.notes += (summary.memory.note,) if summary.memory.note else ()
        summary.seconds = time.perf_counter() - start
        if todo:
            _end(work, summary, begun)
            obey(work.writer.tree, watch, removals)


@contextlib.contextmanager
def _announced(tree: OutputTree, *, is_writing: bool) -> Iterator[bool]:
    """Let other runs on this machine know that this one writes to a store; give whether it is the only one."""
    if not is_writing or not tree.is_local:
        yield True
        return
    from filelock import FileLock, Timeout

    path = Path(tree.address) / META.folder_name / ".run.lock"
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except (NotImplementedError, OSError):  # a file system without locks; what cannot be written to is said later
        yield True
        return
    try:
        yield True
    finally:
        lock.release()
        path.unlink(missing_ok=True)


def _end(work: Work, summary: Summary, begun: datetime) -> None:
    try:
        work.end()
        save_run(work.writer.tree, begun, summary.as_dict())
    except OSError as error:
        if summary.is_complete:  # else the run has an error of its own, perhaps the same
            raise ProcessingError(
                f"{summary.location}: all clips were processed, but the ledger or the summary cannot be written "
                f"({error}). Fix that and rerun the command, which then only writes these"
            ) from error


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
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
