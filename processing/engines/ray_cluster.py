"""The engine for a Ray cluster: actors, one per GPU or per few CPUs, on any node.

What is done is known from the store alone. So a lost actor or node costs no more than what it was working on: its
units are handed out once more, to the nodes that are left.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.errors import ConfigError, MissingExtraError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.meta.runs import token_in
from mmvoxceleb.processing.engines.local import lanes_on
from mmvoxceleb.processing.engines.memory import budget_of
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.ray_actors import RayActors
from mmvoxceleb.processing.engines.running import open_run
from mmvoxceleb.processing.engines.scheduler import run_on_workers
from mmvoxceleb.processing.engines.work import Work

__all__ = ["run_on_ray"]

CPUS_PER_WORKER = 4
"""Cores of a CPU worker, where the nodes have them: convolutions gain little from more."""


def run_on_ray(
    work: Work,
    units: Sequence[str] | None = None,
    *,
    address: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    lanes: int | None = None,
    memory: int | str | None = None,
    report: Callable[[ClipOutcome], None] | None = None,
    finished: Callable[[str], None] | None = None,
    doing: Callable[[str, str], None] = lambda unit, step: None,
) -> Summary:
    """Run work on a Ray cluster, going on where an earlier run stopped, on whichever engine.

    The source and the output must be seen under the same paths or URLs by all nodes, which for URLs need the same
    credentials in their environment. The files written are the same as those of the local engine.

    Args:
        work: What to do.
        units: The clips or videos; all by default.
        address: Of the cluster: ``auto`` for the one that this machine belongs to, ``ray://host:10001``. By default
            that of ``RAY_ADDRESS``, or a new one on this machine, which nobody else uses.
        limit: Do at most this many that are not finished yet.
        workers: Actors. By default one per GPU for work on CUDA, else one per :data:`CPUS_PER_WORKER` cores.
        lanes: Threads per actor, each with a clip; by default one more than its cores, at most 16, and 16 more beside a
            GPU.
        memory: Bytes that the clips of all actors of a node may take together, or a size as ``8G``; each has an equal
            share. By default half of what a node has free when they start.
        report: Called after every clip, on the calling thread.
        finished: Called after every unit, likewise.
        doing: Called with every unit that an actor is given; its step is empty, for actors tell only what is done.

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
    except ImportError as error:
        raise MissingExtraError(f"the ray engine needs: {install_hint('ray')}") from error
    budget = None if memory is None else budget_of(memory)
    with _connected(ray, address):
        share = _share(ray, work, workers)
        count = share.workers
        with open_run(work, units, limit, engine="ray", workers=count, report=report, finished=finished) as run:
            if run.units:
                with token_in(work.writer.tree) as token:
                    actors = RayActors(
                        work,
                        token=token,
                        lanes=lanes or lanes_on(share.num_cpus, work.device),
                        num_cpus=share.num_cpus,
                        num_gpus=share.num_gpus,
                        memory=budget,
                        actors_per_node=min(count, max(_rooms(ray, share), default=1)),
                        room=lambda: sum(_rooms(ray, share)),
                    )
                    run.memory_use = lambda: actors.memory_use
                    run_on_workers(
                        work, run.units, actors, count, report=run.report, finished=run.finished, doing=doing
                    )
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
    handler = signal.getsignal(signal.SIGTERM)
    try:
        try:
            ray.init(
                address=address or os.environ.get("RAY_ADDRESS") or "local",
                logging_level=logging.WARNING,
                log_to_driver=True,
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"no Ray cluster answers at {address or 'RAY_ADDRESS'} ({error}); start one with 'ray start --head', "
                "or leave --address out"
            ) from error
        yield
    finally:
        ray.shutdown()
        # Ray leaves one of its own, which every process inherits that is forked later: a pool could wait for ever
        # for such a process to end
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


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


def _rooms(ray: Any, share: _Share) -> Iterator[int]:
    """For how many workers each of the nodes that are left has room."""
    for node in ray.nodes():
        if node["Alive"]:
            resources = node["Resources"]
            by_cpus = int(resources.get("CPU", 0)) // share.num_cpus
            yield min(by_cpus, int(resources.get("GPU", 0)) // share.num_gpus) if share.num_gpus else by_cpus
