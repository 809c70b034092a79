"""The engine for one machine: in this process, or on worker processes with a device each."""

from collections.abc import Callable, Sequence

from mmvoxceleb.cpus import usable_cpus
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.engines.lanes import Units, run_in_lanes
from mmvoxceleb.processing.engines.memory import Admissions, OwnMemory, budget_of
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.processes import Ticket, run_in_processes
from mmvoxceleb.processing.engines.running import open_run
from mmvoxceleb.processing.engines.work import Work

__all__ = ["lanes_on", "run_local"]

_MOST_LANES = 16
_LANES_AT_DEVICE = 16


def run_local(
    work: Work,
    units: Sequence[str] | None = None,
    *,
    limit: int | None = None,
    workers: int | None = None,
    lanes: int | None = None,
    memory: int | str | None = None,
    report: Callable[[ClipOutcome], None] | None = None,
    finished: Callable[[str], None] | None = None,
    doing: Callable[[str, str], None] = lambda unit, step: None,
) -> Summary:
    """Run work on this machine, going on where an earlier run stopped.

    Reading and decoding, the device, and encoding and writing overlap; as many clips are in memory at a time as there
    are lanes and as fit there. A clip that fails is recorded and the rest goes on. After Ctrl-C (or SIGTERM) nothing
    half is visible, and the same call goes on later. A worker process that dies is replaced; a unit that kills its
    worker three times is recorded as failed. The files written are the same whatever the number of workers and lanes,
    and whatever the memory.

    Args:
        work: What to do.
        units: The clips or videos; all by default.
        limit: Do at most this many that are not finished yet.
        workers: Processes. By default one per GPU for work on CUDA, else this process alone.
        lanes: Threads per worker, each with a clip; by default one more than its share of the cores, at most 16,
            and 16 more beside a GPU.
        memory: Bytes that the clips of all workers may take together, or a size as ``8G``; by default half of what
            this process may still use. A clip that takes more is worked on alone.
        report: Called after every clip, on the calling thread.
        finished: Called after every unit, likewise.
        doing: Called with a unit and the step that it is at, from any thread.

    Returns:
        What was done. Failed clips are in it; ask :meth:`Summary.raise_if_failed`.

    Raises:
        ConfigError: The output is not a folder, or a number is impossible.
        IncompatibleOutputError: The output holds results of other settings; nothing was done.
        WeightsError: A model is not there or does not fit.
        ProcessingError: The output cannot be written to (a full disk), or workers cannot be started.
        KeyboardInterrupt: The run was stopped.
    """
    workers = default_workers(work) if workers is None else workers
    lanes = lanes_on(usable_cpus() // max(1, workers), work.device) if lanes is None else lanes
    budget = budget_of(memory)
    if lanes < 1:
        raise ConfigError(f"lanes is {lanes}; it must be at least 1")
    if workers > 1 and not work.writer.tree.is_shared:
        raise ConfigError(f"{work.writer.location} is visible to one process only; write elsewhere, or use one worker")
    with open_run(work, units, limit, engine="local", workers=workers, report=report, finished=finished) as run:
        if workers > 1 and run.units:
            shared: Admissions[Ticket] = Admissions(budget)
            run.memory_use = lambda: shared.use
            run_in_processes(
                work, run.units, workers, lanes, shared, report=run.report, finished=run.finished, doing=doing
            )
        elif run.units:
            own = OwnMemory(budget)
            run.memory_use = lambda: own.use
            count = min(lanes, len(run.units))
            run_in_lanes(
                work, Units(run.units), count, memory=own, report=run.report, finished=run.finished, doing=doing
            )
    return run.summary


def default_workers(work: Work) -> int:
    """One worker per GPU that is visible, for work on CUDA; else one."""
    if work.device != "cuda":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def lanes_on(cpus: int, device: str) -> int:
    """As many threads as the processors of a worker, and one more for what waits, at most 16; beside a GPU 16 more.

    Those fill the batches: of clips of 24 frames, of which 6 are masked, 16 give the frames of six batches of 16, three
    of which are under way at a time.
    """
    return min(_MOST_LANES, cpus + 1) + (0 if device == "cpu" else _LANES_AT_DEVICE)
