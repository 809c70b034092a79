"""From raw videos, or from a store, to a finished dataset: :class:`Pipeline`."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.opening import Place
from mmvoxceleb.processing.crop.videos import SourceVideo
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Summary
from mmvoxceleb.processing.engines.work import Work
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import PipelineStage, Stage
from mmvoxceleb.stores import Store

__all__ = ["ENGINES", "Engine", "Pipeline", "Source", "run_work"]

Engine: TypeAlias = Literal["local", "ray"]
ENGINES: tuple[str, ...] = ("local", "ray")

Source: TypeAlias = "str | os.PathLike[str] | Store | StoredClips | Sequence[SourceVideo]"


class Pipeline:
    """Stages that each clip passes through in one go, its frames decoded once.

    ::

        from mmvoxceleb.processing import CropStage, DrawStage, MaskStage, Pipeline, ...

        Pipeline([CropStage(detector=HaarDetector()), MaskStage(FaceParser())]).run("videos/", "out/")
        Pipeline([DrawStage(PortraitDrawer())]).run("out/", "out/")

    A run resumes where an earlier one stopped, whatever stopped it and whichever engine ran it.

    Args:
        stages: In this order. A ``CropStage`` comes first or not at all: with it the source is videos, without
            it clips. Text comes after the label that it describes.

    Raises:
        ConfigError: There is no stage, or the crop is not the first.
    """

    def __init__(self, stages: Sequence[PipelineStage]) -> None:
        if not stages:
            raise ConfigError("a pipeline needs at least one stage")
        if any(not isinstance(stage, Stage) for stage in stages[1:]):
            raise ConfigError("a pipeline crops first or not at all, and once")
        self.first = stages[0]
        self.stages = [stage for stage in stages if isinstance(stage, Stage)]

    def work(
        self,
        source: Source,
        store: Place,
        *,
        layout: Layout | None = None,
        overwrite: bool = False,
    ) -> Work:
        """Plan what is to be done, for any engine; see :meth:`run` for the arguments.

        Raises:
            ConfigError: Source and stages do not fit together, or the output cannot be written in this layout.
            SourceUnavailableError: There is no such source.
            MissingModalityError: The store lacks what the stages read.
            WeightsError: A model's weights are missing.
        """
        writer = StoreWriter(store, layout)
        clips = self.first.clips_of(source, self.stages, writer, overwrite=overwrite)
        return Work(clips, writer, self.stages, overwrite=overwrite)

    def run(
        self,
        source: Source,
        store: Place,
        *,
        engine: Engine = "local",
        layout: Layout | None = None,
        overwrite: bool = False,
        limit: int | None = None,
        workers: int | None = None,
        memory: int | str | None = None,
        address: str | None = None,
        report: Callable[[ClipOutcome], None] | None = None,
        finished: Callable[[str], None] | None = None,
    ) -> Summary:
        """Run the stages on everything that is not finished.

        Args:
            source: With a crop, a folder of videos without annotations, or a list from
                :mod:`mmvoxceleb.processing.crop.sources`. Otherwise a store, or the path or URL of one.
            store: Folder for the results, or an fsspec URL, ``s3://...``; for clips of a store it may be that store.
                Credentials for URLs come from their service's own configuration or fsspec's.
            engine: ``local``, or ``ray``.
            layout: ``folder``: a folder of files per clip, as the original has it; ``packed``: one zip per clip. By
                default ``folder`` on disk and ``packed`` on a URL, where a folder cannot appear at once.
            overwrite: Replace results that were made with other settings or inputs.
            limit: Process at most this many unfinished units (clips or videos).
            workers: Processes; by default according to the GPUs, and on Ray also the CPUs.
            memory: Bytes for the clips in progress on a machine, or a size such as ``8G``, shared by all its workers;
                by default half of the free memory.
            address: Address of the Ray cluster; by default that of ``RAY_ADDRESS``, or a cluster that runs on this
                machine, or a new one on this machine.
            report: Called after every clip.
            finished: Called after every unit.

        Returns:
            What was done, also saved as JSON in ``meta/runs`` of the store. It includes failed clips; call
            :meth:`Summary.raise_if_failed` to raise an error for them.

        Raises:
            MMVoxCelebError: As :meth:`work`; also IncompatibleOutputError if the output has results of other settings,
                and ProcessingError if it cannot be written to.
            KeyboardInterrupt: The run was stopped. The same call resumes.
        """
        work = self.work(source, store, layout=layout, overwrite=overwrite)
        return run_work(
            work, engine=engine, limit=limit, workers=workers, memory=memory, address=address, report=report,
            finished=finished,
        )  # fmt: skip


def run_work(work: Work, *, engine: Engine = "local", address: str | None = None, **options: Any) -> Summary:
    """Run work on an engine by name; the options are those of :func:`run_local`.

    Raises:
        ConfigError: There is no such engine.
        ImportError: Ray is not installed.
    """
    if engine == "local":
        from mmvoxceleb.processing.engines.local import run_local

        return run_local(work, **options)
    if engine == "ray":
        from mmvoxceleb.processing.engines.ray_cluster import run_on_ray

        return run_on_ray(work, address=address, **options)
    raise ConfigError(f"unknown engine {engine!r}; the known ones are {', '.join(ENGINES)}")
