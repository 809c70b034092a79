"""Crop many source videos, on several processes, and say what became of every input."""

import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.synchronize import Event

from mmvoxceleb.errors import ConfigError, MMVoxCelebError, ProcessingError
from mmvoxceleb.processing.crop.job import STAGE, VIDEO, CropJob, SourceResult, _row
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.provenance import LedgerRow, Provenance
from mmvoxceleb.schema import Folder

__all__ = ["CropSummary", "crop_videos"]


@dataclass
class CropSummary:
    """What a run did, for the table at its end.

    Args:
        num_videos: Source videos that were visited.
        num_finished_before: Those of them that an earlier run had done.
        num_clips: Clips that are there now.
        num_frames: Their frames.
        num_new_frames: Frames that this run wrote.
        rejected: Utterances and tubes without a clip, counted by reason.
        seconds: Wall time.
    """

    num_videos: int = 0
    num_finished_before: int = 0
    num_clips: int = 0
    num_frames: int = 0
    num_new_frames: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, result: SourceResult) -> None:
        """Count one source video."""
        self.num_videos += 1
        self.num_finished_before += result.was_finished
        self.num_clips += sum(row.status == "done" for row in result.rows)
        self.num_frames += result.num_frames
        self.num_new_frames += 0 if result.was_finished else result.num_frames
        self.rejected.update(row.reason.partition(":")[0] for row in result.rows if row.status == "rejected")


def crop_videos(
    videos: Sequence[SourceVideo],
    job: CropJob,
    *,
    workers: int = 1,
    limit: int | None = None,
    report: Callable[[SourceResult], None] | None = None,
) -> CropSummary:
    """Crop source videos into a store. What an earlier run finished is skipped.

    A clip appears whole or not at all; a source video that was cut off by Ctrl-C or a crash is done again by the next
    run. The files are the same whatever the number of workers, the order and the interruptions.

    Args:
        videos: From :mod:`mmvoxceleb.processing.crop.videos`.
        job: Where to and how.
        workers: Processes, one source video each at a time.
        limit: Do at most so many videos that are not finished; 0 only checks.
        report: Called after every video.

    Raises:
        ConfigError: The output is a file, or the numbers are impossible.
        IncompatibleOutputError: The output holds clips of other settings, videos or annotations.
        WeightsError: The detector's weights cannot be had.
        ProcessingError: A worker died, or the output cannot be written.
        KeyboardInterrupt: The run was stopped; the ledger says what is done.
    """
    if job.out.exists() and not job.out.is_dir():
        raise ConfigError(f"{job.out} is a file; name a folder for the clips")
    if workers < 1 or (limit is not None and limit < 0):
        raise ConfigError(f"workers is {workers} and limit is {limit}; they must be at least 1 and 0")
    options = job.options()
    for video in videos:
        job.check(video.key, options)
    wanted = videos if limit is None else list(_limited(videos, job, limit))
    summary = CropSummary()
    if limit == 0:
        return summary
    StoreWriter(job.out).clean_partial([VIDEO, Folder("meta")])
    started = time.perf_counter()
    try:
        for result in _results(wanted, job, workers):
            summary.add(result)
            if report is not None:
                report(result)
    except MMVoxCelebError:
        raise
    except OSError as error:
        raise ProcessingError(
            f"{job.out} cannot be written to ({error}); make room or mend its permissions, and run the same "
            "command again"
        ) from error
    finally:
        summary.seconds = time.perf_counter() - started
        if job.out.is_dir():
            Provenance(job.out).replace(STAGE, _all_rows(job))
    return summary


def _limited(videos: Sequence[SourceVideo], job: CropJob, limit: int) -> Iterator[SourceVideo]:
    """Keep all finished videos and the first ``limit`` others."""
    left = limit
    for video in videos:
        if job.record_path(video.key).is_file():
            yield video
        elif left > 0:
            left -= 1
            yield video


def _all_rows(job: CropJob) -> list[LedgerRow]:
    """Collect the rows of every finished video of the store, also of earlier runs on other videos."""
    rows: list[LedgerRow] = []
    folder = job.record_path("").parent
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            rows.extend(_row(row) for row in json.loads(path.read_bytes())["rows"])
        except (ValueError, KeyError, TypeError):
            continue  # damaged: the video is done again
    return rows


def _results(videos: Sequence[SourceVideo], job: CropJob, workers: int) -> Iterator[SourceResult]:
    if workers == 1 or len(videos) <= 1:
        for video in videos:
            yield job.run(video)
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(job, stop))
    pending: set[Future[SourceResult]] = set()
    remaining = iter(videos)
    try:
        while True:
            pending.update(pool.submit(_run, video) for video in islice(remaining, 2 * workers - len(pending)))
            if not pending:
                return
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise ProcessingError(
            "a worker process was killed, perhaps for want of memory; what is finished is kept. Run the same command "
            "again, with fewer --workers"
        ) from error
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


_job: CropJob
_stop: Event


def _begin(job: CropJob, stop: Event) -> None:
    """Make a worker ready: Ctrl-C is the parent's to handle, and a worker whose parent died ends."""
    import cv2

    global _job, _stop
    _job, _stop = job, stop
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _run(video: SourceVideo) -> SourceResult:
    return _job.run(video, _stop.is_set)
