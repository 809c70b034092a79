"""The engine for a Ray cluster: Ray Data hands the units to actors, one per GPU or per few CPUs, on any node.

What is done is known from the store alone. So a lost actor or node costs no more than what it was working on: its
units are handed out once more, to the nodes that are left.
"""

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mmvoxceleb.errors import ConfigError, MMVoxCelebError, ProcessingError
from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.processing.engines.interface import Host, Work
from mmvoxceleb.processing.engines.local import default_lanes
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.processes import MOST_ATTEMPTS, died_reason
from mmvoxceleb.processing.engines.running import Run, open_run

__all__ = ["run_on_ray"]

CPUS_PER_WORKER = 4
"""Cores of a CPU worker, where the nodes have them: convolutions gain little from more."""

BLOCKS_PER_LANE = 8
"""Into how many parts the units of a lane are cut: what may be handed out again after a loss, and the waiting at the
end, are one part each."""

logger = logging.getLogger(__name__)


def run_on_ray(
    work: Work,
    units: Sequence[str] | None = None,
    *,
    address: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    lanes: int | None = None,
    report: Callable[[ClipOutcome], None] | None = None,
    finished: Callable[[str], None] | None = None,
) -> Summary:
    """Run work on a Ray cluster, going on where an earlier run stopped, on whichever engine.

    The source and the output must be seen under the same paths or URLs by all nodes, which for URLs need the same
    credentials in their environment. The files written are the same as those
    of the local engine.

    Args:
        work: What to do.
        units: The clips or videos; all by default.
        address: Of the cluster: ``auto``, ``ray://host:10001``. By default that of ``RAY_ADDRESS``, of a cluster that
            runs on this machine, or a new one on this machine.
        limit: Do at most this many that are not finished yet.
        workers: Actors. By default one per GPU for work on CUDA, else one per :data:`CPUS_PER_WORKER` cores.
        lanes: Threads per actor, each with a clip; by default one more than its cores, at most 16.
        report: Called after every clip, on the calling thread.
        finished: Called after every unit, likewise.

    Returns:
        What was done. Failed clips are in it; ask :meth:`Summary.raise_if_failed`.

    Raises:
        ImportError: Ray is not installed.
        ConfigError: The cluster lacks what the work needs, or a node does not see the output.
        ProcessingError: Workers die before they do anything, or the output cannot be written to.
        MMVoxCelebError: As :func:`run_local`.
        KeyboardInterrupt: The run was stopped.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError("the ray engine needs: pip install 'mmvoxceleb[ray]'") from error
    with _connected(ray, address):
        share = _share(ray, work, workers)
        count = share.workers
        with open_run(work, units, limit, engine="ray", workers=count, report=report, finished=finished) as run:
            if run.units:
                with _token(work) as token:
                    _run(ray, work, run, share, lanes, token)
        return run.summary


@dataclass(frozen=True)
class _Share:
    """How the cluster is shared out.

    Args:
        workers: Actors.
        num_cpus: Cores of each.
        num_gpus: GPUs of each, 0 or 1.
    """

    workers: int
    num_cpus: int
    num_gpus: int


@contextlib.contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Connect to the cluster, unless the caller has, and leave it."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(address=address, logging_level=logging.WARNING, log_to_driver=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"no Ray cluster answers at {address or 'RAY_ADDRESS'} ({error}); start one with 'ray start --head', "
            "or leave --address out"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _share(ray: Any, work: Work, workers: int | None) -> _Share:
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    if not cores:
        raise ConfigError("the Ray cluster has no CPU to work with; add nodes to it")
    if work.device == "cuda":
        gpus = [(int(node.get("GPU", 0)), int(node.get("CPU", 0))) for node in nodes if node.get("GPU", 0) >= 1]
        total = sum(count for count, _ in gpus)
        if total < (workers or 1):
            raise ConfigError(f"the Ray cluster has {total} GPUs where {workers or 1} are needed; use fewer --workers")
        return _Share(workers or total, max(1, min(cpus // count for count, cpus in gpus)), 1)
    if workers is None:
        each = min(CPUS_PER_WORKER, min(cores))
        return _Share(sum(count // each for count in cores), each, 0)
    each = max(1, min(sum(cores) // workers, min(cores)))
    if sum(count // each for count in cores) < workers:
        raise ConfigError(f"the Ray cluster has {sum(cores)} CPUs for {workers} workers; use fewer --workers")
    return _Share(workers, each, 0)


@contextlib.contextmanager
def _token(work: Work) -> Iterator[str]:
    """A file in the output by which workers see that it is the same place for them.

    It is named as unfinished files are, so that the next run takes it away from a disk if this one is killed.
    """
    token = secrets.token_hex(8)
    path = f"meta/{partial_prefix()}ray-{token}"
    work.writer.tree.write(path, f"{token}\n".encode())
    try:
        yield path
    finally:
        work.writer.tree.remove(path)


def _run(ray: Any, work: Work, run: Run, share: _Share, lanes: int | None, token: str) -> None:
    """Hand out the units, and again those that came to nothing because their worker was lost.

    Units that were begun when their worker died are handed out one to a worker, so that none is held guilty of
    another's deed.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    lanes = lanes or default_lanes(max(1, (os.cpu_count() or 1) // share.num_cpus))
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    begun = ray.remote(num_cpus=0, scheduling_strategy=here)(_Begun).remote()
    shared = ray.put(work)
    left, attempts, passes_without_gain = list(run.units), dict[str, int](), 0
    while left:
        unsuspected = [unit for unit in left if not attempts.get(unit)]
        begun_before = sum(attempts.values())
        done = set(_one_pass(ray, unsuspected or left, shared, begun, share, lanes if unsuspected else 1, token, run))
        left = [unit for unit in left if unit not in done]
        attempts = ray.get(begun.counts.remote())
        for unit in [unit for unit in left if attempts.get(unit, 0) >= MOST_ATTEMPTS]:
            run.report(work.give_up(unit, died_reason(attempts[unit])))
            run.finished(unit)
            left.remove(unit)
            done.add(unit)
        gained = bool(done) or sum(attempts.values()) > begun_before
        passes_without_gain = 0 if gained else passes_without_gain + 1
        if passes_without_gain >= MOST_ATTEMPTS:
            raise ProcessingError(
                f"{len(left)} {work.unit}s were handed out {passes_without_gain} times and no worker began them; "
                "see the logs of the Ray cluster"
            )
        if left:
            logger.warning("workers were lost; what they worked on is handed out again: %s", ", ".join(left[:3]))
            there = _share(ray, work, None)
            share = there if there.workers < share.workers else share


def _one_pass(
    ray: Any, units: list[str], shared: Any, begun: Any, share: _Share, lanes: int, token: str, run: Run
) -> Iterator[str]:
    """Run units, and yield those that were gone through."""
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError

    logging.getLogger("ray.data").setLevel(logging.WARNING)  # it tells of every pass otherwise
    context = DataContext.get_current()
    of_the_caller = context.enable_progress_bars, context.max_errored_blocks
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    blocks = min(len(units), share.workers * lanes * BLOCKS_PER_LANE)
    actors = min(share.workers, len(units))
    dataset = ray.data.from_items([{"unit": unit} for unit in units], override_num_blocks=blocks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there is no other way yet to say _lost_for_good
        dataset = dataset.map_batches(
            _Worker,
            fn_constructor_args=(shared, begun, token, share.num_cpus),
            batch_size=1,
            compute=ActorPoolStrategy(
                size=actors,
                max_tasks_in_flight_per_actor=lanes,
                max_concurrent_calls_per_actor=lanes,
                enable_true_multi_threading=True,
            ),
            num_cpus=share.num_cpus,
            num_gpus=share.num_gpus,
            ray_remote_args_fn=_lost_for_good,
        )
    done: set[str] = set()
    try:
        for row in dataset.iter_rows():
            unit, content = row["unit"], json.loads(row["result"])
            if "error" in content:
                raise _rebuilt(content["error"], content["message"])
            if unit in done:
                continue
            done.add(unit)
            for outcome in content["outcomes"]:
                run.report(ClipOutcome(**outcome))
            run.finished(unit)
            yield unit
    except RayError as error:
        logger.warning("a part of the work was lost: %s", str(error).splitlines()[0])
    finally:
        context.enable_progress_bars, context.max_errored_blocks = of_the_caller


def _lost_for_good() -> dict[str, int]:
    """Let Ray not start lost actors again: on a cluster without spare cores it would wait for them for ever."""
    return {"max_restarts": 0, "max_task_retries": 0}


def _rebuilt(name: str, message: str) -> MMVoxCelebError:
    import mmvoxceleb.errors

    known = getattr(mmvoxceleb.errors, name, ProcessingError)
    return known(message)


class _Begun:
    """Counts how often each unit was begun, outside the workers that may die of it."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, unit: str) -> None:
        self._counts[unit] += 1

    def counts(self) -> dict[str, int]:
        return dict(self._counts)


class _Worker:
    """An actor: runs units on its threads, and lets one at a time have its device."""

    def __init__(self, shared: Any, begun: Any, token: str, num_cpus: int) -> None:
        import cv2
        import ray

        cv2.setNumThreads(1)
        self._begun = begun
        self._work: Work = ray.get(shared) if isinstance(shared, ray.ObjectRef) else shared
        self._token = token
        self._device = threading.Lock()
        self._host = Host(on_device=self._on_device)
        self._num_cpus = num_cpus

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        import ray

        (unit,) = (str(unit) for unit in batch["unit"])
        output = self._work.writer
        if output.tree.kind(self._token) != "file":
            where = f"{output.location}: is another folder, or none, on the Ray node {socket.gethostname()}"
            return _row(unit, error="ConfigError", message=f"{where}; write to a folder that all nodes share, or a URL")
        ray.get(self._begun.add.remote(unit))
        try:
            outcomes = [asdict(outcome) for outcome in self._work.run(unit, self._host)]
        except MMVoxCelebError as error:
            return _row(unit, error=type(error).__name__, message=str(error))
        except Exception as error:
            logger.exception("unit %s failed", unit)
            return _row(unit, error="ProcessingError", message=f"{unit}: {type(error).__name__}: {error}")
        return _row(unit, outcomes=outcomes)

    def _on_device(self, function: Callable[[], Any]) -> Any:
        with self._device:
            return function()


def _row(unit: str, **content: Any) -> dict[str, list[str]]:
    return {"unit": [unit], "result": [json.dumps(content)]}
