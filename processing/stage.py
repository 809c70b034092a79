"""The interface of a stage, which every engine can run: :class:`Stage`.

An engine takes several clips through the same steps at once, each on a thread of its own, so that reading, computing
and writing overlap. The steps are: ``select``, and decoding the selected frames; then either ``request`` and ``finish``
around a model that computes frames of several clips in one batch, or ``process`` with the device to itself; and
``encode``. A new modality is one class with these methods.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import LABEL, VIDEO
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.devices import Computed, Request
from mmvoxceleb.processing.engines.interface import ClipSource
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import Store, open_store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "PipelineStage", "Stage", "StageOutput"]


@dataclass
class StageOutput:
    """The files that a stage made for a clip, and their provenance.

    Args:
        files: The files of the clip in each folder, as ``(name, bytes)``. A folder with one file per clip (``txt``,
            ``label``) takes exactly one, whose name is ignored. An empty sequence means that there is nothing to write:
            files of an earlier run are deleted.
        meta: JSON values for the clip's provenance, recorded under the stage's name. The same inputs must give the same
            values, so leave out times, host names and worker numbers.
        facts: JSON values for the top level of the clip's provenance, for readers that do not know the stage, such as
            ``label_source``. The same inputs must give the same values here, too.
        remark: Why the stage made no files, or what is odd about them; the summary of the run counts the clips for each
            remark. The text before the first colon must be the same for all such clips.
        settings: What to record as the settings of the files, where they also hold results of an earlier run. None for
            those of the stage.
        frames_sha256: For a stage with ``is_streamed``: sha256 (hexadecimal) over the hashes of its frames, which
            :meth:`Clip.each` gives. Otherwise empty.
    """

    files: Mapping[Folder, Sequence[tuple[str, bytes]]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    settings: Mapping[str, Any] | None = None
    frames_sha256: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """The numbers in ``meta``. The run reports their means over its clips."""
        numbers = {
            key: value
            for key, value in self.meta.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        return {key: float(value) for key, value in numbers.items()}


class PipelineStage(ABC):
    """A stage that can be the first of a pipeline: it finds the clips of the run."""

    @abstractmethod
    def clips_of(
        self, source: Any, stages: "Sequence[Stage]", writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        """Find the clips of a run that begins with this stage.

        Args:
            source: The source, as the user passed it to :meth:`Pipeline.run`.
            stages: The stages that the clips go through, in order.
            writer: Writes the results.
            overwrite: Whether to replace results of other settings.

        Raises:
            ConfigError: The source does not fit the stages.
            SourceUnavailableError: The source does not exist.
            MissingModalityError: The source is a place that holds no data of this dataset.
        """


class Stage(PipelineStage):
    """Makes one modality, one clip at a time.

    To add a modality to the pipeline, derive a class that has ``name``, ``folders``, ``settings``, ``process`` and
    ``encode``, and usually ``select``. Engines pickle a stage to send it to workers, so its constructor must be cheap,
    and the object picklable; load models in ``setup``.
    """

    name: str
    """Name of the stage, unique among the stages of a run. It is also the key of its provenance: ``mask``,
    ``draw/style1``, ``label``."""

    also: tuple[Folder, ...] = ()
    """Further folders that the stage writes only for some clips. A clip counts as finished without files in them."""

    uses_label: ClassVar[bool] = False
    """Whether the stage reads ``Clip.label``. If so, a finished clip is processed again once its label has changed."""

    reads_frames: ClassVar[bool] = True
    """Whether the stage needs frames. If no stage of a run does, clips without frames are processed, too."""

    reads_sound: ClassVar[bool] = False
    """Whether the stage needs the sound of the source videos. If so, videos are downloaded with their sound."""

    reads: tuple[Folder, ...] = ()
    """Folders whose files the stage reads, through ``Clip.files``, for clips that have such files from an earlier stage
    or run. A finished clip is processed again once these files have changed."""

    inputs_from: ClassVar[tuple[Folder, ...] | None] = ()
    """Folders that ``inputs`` reads besides the frames, the label and ``reads``. Set it to None if ``inputs`` also
    depends on something else; every run then checks all finished clips."""

    is_renewed: ClassVar[bool] = False
    """Whether a run replaces results of other settings or inputs without ``overwrite``, as for scores, which are
    quickly computed again. Files of unknown origin are never replaced without ``overwrite``."""

    is_streamed: ClassVar[bool] = False
    """Whether ``encode`` reads the frames one by one with :meth:`Clip.each`, so that they are never in memory together.
    ``process`` then gets no frames, and ``encode`` must set ``StageOutput.frames_sha256``."""

    device: str = "cpu"
    """Device on which ``process`` computes: ``cpu``, ``cuda`` or ``mps``. For ``cuda``, each worker gets one GPU."""

    @property
    @abstractmethod
    def folders(self) -> tuple[Folder, ...]:
        """The folders that this stage writes."""

    @property
    def made_from(self) -> tuple[Folder, ...]:
        """The folders of ``reads`` that the results are computed from, and whose licences they have. By default all."""
        return self.reads

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return everything that changes the written bytes, as JSON values: options, the sha256 of the weights.

        A later run skips a finished clip if the settings are equal. If they differ, the run refuses to start, unless
        ``overwrite`` is set.
        """

    def compared(self, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the part of recorded settings that must equal those of now, so that a finished clip is skipped.

        Args:
            recorded: What an earlier run recorded.
            now: What ``settings`` returns in this run.

        Returns:
            By default all of it. A stage that keeps other results in the same files leaves their settings out.
        """
        return recorded

    def computation(self) -> dict[str, Any]:
        """Return how the last ``process`` computed: what may change single pixels besides the settings, as JSON values.

        The values are recorded for each clip under ``computation`` and never compared, so a run can resume on another
        device or with less memory. If they have a ``device``, the run warns about finished clips that were computed on
        another one. Engines call this after ``process``, on the same thread, or after the model has computed a
        ``request``; in the second case, they replace ``batch_sizes`` by those of the request. Equal machines must give
        equal values, so leave out host names and worker numbers.
        """
        return {}

    def inputs(self, clip: Clip) -> dict[str, Any]:
        """Return further inputs from the clip, besides its frames, its label and ``reads``, as JSON values.

        A finished clip is processed again once they have changed. ``frames`` and ``listing`` take the place of the
        number and the listing of the frames that ``select`` chose. If you override this method, set ``inputs_from`` to
        the folders that it reads.
        """
        return {}

    def read_folders(self) -> tuple[Folder, ...] | None:
        """List the folders whose files are the inputs of a clip. None if the inputs may also come from elsewhere."""
        if self.inputs_from is None or (type(self).inputs is not Stage.inputs and not self.inputs_from):
            return None
        frames, label = (VIDEO.folder(),), (LABEL.folder(),)
        return (*frames, *(label if self.uses_label else ()), *self.reads, *self.inputs_from)

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        """Return how many bytes of memory the stage needs at most for a clip, besides the frames that it gets.

        Count everything that grows with the number of frames: the result, intermediate arrays and the files. The run
        uses this number to stay within its memory.

        Args:
            frames: Number of frames that ``select`` chose.
            height: Height of the frames, in px.
            width: Width of the frames, in px.

        Returns:
            Bytes. By default twice the size of the frames, once for the result, and once for the files.
        """
        return 2 * frames * height * width * 3

    def makes_nothing(self, section: Mapping[str, Any]) -> bool:
        """Return whether a finished clip rightly has no files, because there was nothing to write.

        Args:
            section: The clip's provenance under the stage's name.
        """
        return False

    def keeps(self, clip_id: str, section: Mapping[str, Any]) -> bool:
        """Return whether to keep a clip's files unchanged, even with other settings and with ``overwrite``.

        Args:
            clip_id: Id of the clip.
            section: The clip's provenance under the stage's name.
        """
        return False

    def clips_of(
        self, source: Any, stages: "Sequence[Stage]", writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        if isinstance(source, str | os.PathLike):
            source = open_store(source)
        if isinstance(source, Store):
            source = StoredClips(source, with_frames=any(stage.reads_frames for stage in stages))
        if not isinstance(source, StoredClips):
            raise ConfigError("a pipeline without a crop takes clips: a store, or its path or URL")
        return source

    def setup(self) -> None:
        """Load models and move them to the device. Engines call it once in each process that calls ``process``."""

    def teardown(self) -> None:
        """Release what ``setup`` loaded."""

    def select(self, clip: Clip) -> Sequence[int]:
        """Return the indices of the frames that ``process`` needs. By default none."""
        return ()

    def request(self, clip: Clip, frames: "NDArray[np.uint8]") -> Request | None:
        """Return what a model must compute for a clip, so that its frames can share batches with those of other clips.

        Runs after ``setup``, on the clip's thread, at the same time as the threads of other clips.

        Args:
            clip: The clip.
            frames: uint8 [N, H, W, 3], RGB, the frames that ``select`` chose, in that order.

        Returns:
            The request, whose result goes to ``finish``. None, as by default, if ``process`` is to compute the clip.

        Raises:
            MMVoxCelebError: The clip cannot be processed. It is recorded as failed, with the message as the reason.
        """
        return None

    def finish(self, clip: Clip, computed: Computed) -> Any:
        """Turn the model's answer to ``request`` into the result for ``encode``. Runs on the clip's thread."""
        raise NotImplementedError(f"the stage {self.name} requests something and does not say what to make of it")

    @abstractmethod
    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> Any:
        """Run the model on a clip. No other stage and no other clip uses the device meanwhile.

        Args:
            clip: The clip.
            frames: uint8 [N, H, W, 3], RGB, the frames that ``select`` chose, in that order.

        Returns:
            The result, in any form that ``encode`` takes.

        Raises:
            MMVoxCelebError: The clip cannot be processed. It is recorded as failed, with the message as the reason.
        """

    @abstractmethod
    def encode(self, clip: Clip, result: Any) -> StageOutput:
        """Turn the result of ``process`` or ``finish`` into files. Runs on the clip's thread, not on the device."""

    def end(self, writer: StoreWriter) -> None:
        """Update files that the stage keeps for all clips together, such as a table.

        Engines call this once per run, after its clips, even if the run was stopped.

        Raises:
            OSError: The files cannot be written.
            MMVoxCelebError: The output cannot be read.
        """
