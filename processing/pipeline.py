"""Make a dataset from raw videos or from an existing store: :class:`Pipeline`."""

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
    """Take every clip through a list of stages, decoding its frames only once.

    ::

        from mmvoxceleb.processing import CropStage, DrawStage, MaskStage, Pipeline, ...

        Pipeline([CropStage(detector=HaarDetector()), MaskStage(FaceParser())]).run("videos/", "out/")
        Pipeline([DrawStage(PortraitDrawer())]).run("out/", "out/")

    A run resumes where an earlier run stopped, whatever stopped it and whichever engine ran it.

    Args:
        stages: The stages, in the order in which they run. If there is a ``CropStage``, it must be the first, and the
            source is videos; otherwise the source is clips. Put ``TextStage`` after the stage that makes the label
            that it describes.

    Raises:
        ConfigError: The list is empty, or a ``CropStage`` is not its first stage.
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
        """Prepare a run without starting it. :meth:`run` describes the arguments.

        Returns:
            The work, which any engine can run.

        Raises:
            ConfigError: The source does not fit the stages, two stages have the same name, or ``store`` cannot be
                written in this layout.
            SourceUnavailableError: The source does not exist, or weights cannot be downloaded.
            MissingModalityError: The source is a place that holds no data of this dataset.
            WeightsError: The weights of a model are missing.
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
        """Run the stages on every clip or video that is not finished.

        Args:
            source: With a ``CropStage``: a folder of videos without annotations, one such video, or a list of videos
                from :mod:`mmvoxceleb.processing.crop.sources`. Otherwise: a store, or its path or URL.
            store: Folder or fsspec URL (``s3://...``) for the results. If the source is a store, this may be the same
                store. Credentials for URLs come from the configuration of the service or of fsspec.
            engine: ``local`` for this machine, or ``ray`` for a Ray cluster.
            layout: ``folder``: a folder of files per clip, as in the original. ``packed``: one zip per clip. The
                default is ``folder`` on disk, and ``packed`` on a URL, where a folder of files cannot be written in
                one step.
            overwrite: Whether to replace results that were made with other settings or inputs.
            limit: Process at most this many unfinished clips (or videos, with a ``CropStage``).
            workers: Number of worker processes. The default is one per GPU if the models run on CUDA; otherwise it is
                one on the local engine, and one per four cores on Ray.
            memory: Memory for the clips in progress on one machine, in bytes or as a size such as ``8G``. All workers
                of the machine share it. The default is half of the free memory.
            address: Address of the Ray cluster: ``auto`` or ``ray://HOST:10001``. The default is the cluster in
                ``RAY_ADDRESS``, or else a new one on this machine.
            report: Called with the outcome of each clip.
            finished: Called with the name of each clip (or video, with a ``CropStage``) once it is processed.

        Returns:
            The totals of the run, which are also saved as JSON in ``meta/runs/`` of the store. Clips that failed do
            not raise an error by themselves; call :meth:`Summary.raise_if_failed`.

        Raises:
            MMVoxCelebError: Every error of :meth:`work`; MissingModalityError if the source has no clips that the
                stages can process; IncompatibleOutputError if the store has results of other settings and
                ``overwrite`` is False; ProcessingError if the store cannot be written to.
            ImportError: ``engine`` is ``ray``, and Ray is not installed.
            KeyboardInterrupt: The run was interrupted by Ctrl-C or SIGTERM. The same call resumes it.
        """
        work = self.work(source, store, layout=layout, overwrite=overwrite)
        return run_work(
            work, engine=engine, limit=limit, workers=workers, memory=memory, address=address, report=report,
            finished=finished,
        )  # fmt: skip


def run_work(work: Work, *, engine: Engine = "local", address: str | None = None, **options: Any) -> Summary:
    """Run work on the engine of the given name. The options are those of :func:`run_local`.

    Raises:
        ConfigError: The engine is unknown.
        ImportError: Ray is not installed.
    """
    if engine == "local":
        from mmvoxceleb.processing.engines.local import run_local

        return run_local(work, **options)
    if engine == "ray":
        from mmvoxceleb.processing.engines.ray_cluster import run_on_ray

        return run_on_ray(work, address=address, **options)
    raise ConfigError(f"unknown engine {engine!r}; the known ones are {', '.join(ENGINES)}")
