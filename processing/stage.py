"""What a modality must offer so that every engine can run it: the stage protocol.

An engine takes several clips at once through the same steps, each on a thread of its own, so that reading, the device
and writing overlap: ``select`` and decoding, then ``request`` and ``finish`` around a model that computes frames of
several clips in one batch, or else ``process`` with the device to itself, and ``encode``. A new modality is one class
with these methods.
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
    """What a stage made of a clip.

    Args:
        files: For each folder the files of this clip, ``(name, bytes)``; a single-file folder
            (``txt``, ``label``) takes one file whose name is ignored. None if there is nothing to be written: what
            an earlier run wrote is deleted.
        meta: What goes into the clip's provenance under the stage's name. The same inputs must give
            the same values: no times, host names or worker numbers.
        facts: What goes into the clip's provenance at the top level, for readers that do not know the stages:
            ``label_source``. Same rule.
        remark: What the summary of the run counts: why there are no files. Up to a colon it is the same for all clips.
        frames_sha256: Of a stage that ``is_streamed``: sha256 over the hashes of its frames, from :meth:`Clip.each`.
    """

    files: Mapping[Folder, Sequence[tuple[str, bytes]]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    frames_sha256: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """The numbers in ``meta``, whose means a run reports."""
        numbers = {
            key: value
            for key, value in self.meta.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        return {key: float(value) for key, value in numbers.items()}


class PipelineStage(ABC):
    """What a pipeline can begin with: it says where the clips come from."""

    @abstractmethod
    def clips_of(
        self, source: Any, stages: "Sequence[Stage]", writer: StoreWriter, *, overwrite: bool = False
    ) -> ClipSource:
        """Find the clips of a run that begins with this stage.

        Args:
            source: What the user named.
            stages: The stages that clips go through, in order.
            writer: Where results go.
            overwrite: Whether results of other settings are replaced.

        Raises:
            ConfigError: Source and stages do not go together.
            SourceUnavailableError: There is no such source.
            MissingModalityError: The store lacks what the stages read.
        """


class Stage(PipelineStage):
    """One modality's work on one clip at a time. The constructor is cheap and picklable; ``setup`` loads."""

    name: str
    """Unique among the stages of a run, and the key of its provenance: ``mask``, ``draw/style1``, ``label``."""

    also: tuple[Folder, ...] = ()
    """Folders that it writes besides, for clips that have something there: a clip is finished without."""

    uses_label: ClassVar[bool] = False
    """Whether ``Clip.label`` is an input: a finished clip whose label has changed is then not finished."""

    reads_frames: ClassVar[bool] = True
    """Whether frames are needed at all. Where no stage of a run needs any, clips without frames are done too."""

    reads_sound: ClassVar[bool] = False
    """Whether the sound of videos is needed, so that it is downloaded with them."""

    reads: tuple[Folder, ...] = ()
    """Folders whose files of the clip are inputs where there are any, made by an earlier stage or run: ``Clip.files``.
    A finished clip in which they have changed is then not finished."""

    inputs_from: ClassVar[tuple[Folder, ...] | None] = ()
    """Folders of the clip, beside its frames, label and ``reads``, that ``inputs`` looks at. None where it looks at
    others, too: finished clips are then looked at in every run."""

    is_renewed: ClassVar[bool] = False
    """Whether results of other settings or inputs are made again without being asked: figures, which say something of
    other files and cost nobody any work. Results of unknown origin are refused all the same."""

    is_streamed: ClassVar[bool] = False
    """Whether it takes frames one after the other while it encodes, with :meth:`Clip.each`, so that they are never in
    memory together: ``process`` is given none. It then says their sha256 as ``StageOutput.frames_sha256``."""

    device: str = "cpu"
    """Where ``process`` computes: ``cpu``, ``cuda``, ``mps``. Stages on ``cuda`` get one GPU per worker."""

    @property
    @abstractmethod
    def folders(self) -> tuple[Folder, ...]:
        """The folders that this stage writes."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything that changes the bytes written, as JSON values: options, the weights' sha256.

        A finished clip is skipped by a later run when its settings are equal, and refused when they differ.
        """

    def computation(self) -> dict[str, Any]:
        """Tell how the last ``process`` computed: what besides the settings may flip single pixels, as JSON values.

        Recorded for each clip under ``computation`` and not compared, so a run may continue on another device or with
        less memory; if ``device`` is in it, the run reports clips of another one. Called after ``process``, on its
        thread, or after a request was computed, whose own ``batch_sizes`` then replace those told here. The same
        machines must give the same values: no host names or worker numbers.
        """
        return {}

    def inputs(self, clip: Clip) -> dict[str, Any]:
        """Tell what of a clip, beside its frames and label, is an input, as JSON values; where it changes, files do.

        Say in ``inputs_from`` where it comes from.
        """
        return {}

    def read_folders(self) -> tuple[Folder, ...] | None:
        """List the folders that tell whether a finished clip's inputs have changed; None where others may, too."""
        if self.inputs_from is None or (type(self).inputs is not Stage.inputs and not self.inputs_from):
            return None
        frames, label = (VIDEO.folder(),), (LABEL.folder(),)
        return (*frames, *(label if self.uses_label else ()), *self.reads, *self.inputs_from)

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        """Tell how many bytes its work on a clip takes at most beside the pictures that it is given.

        That is the result, what it is made from, and the files: all that grows with the number of frames. By it a run
        keeps within its memory.

        Args:
            frames: How many it selected.
            height: Of the pictures.
            width: Of the pictures.

        Returns:
            By default as much as the pictures for a result, and the same for files.
        """
        return 2 * frames * height * width * 3

    def makes_nothing(self, section: Mapping[str, Any]) -> bool:
        """Tell from a finished clip's provenance that it has no files, as there was nothing to be written."""
        return False

    def keeps(self, clip_id: str, section: Mapping[str, Any]) -> bool:
        """Return whether a clip's files stay as they are, whatever the settings and even when told to overwrite.

        Args:
            clip_id: The clip.
            section: What the clip's provenance says under the stage's name.
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
        """Load models and move them to the device. Called once in the process that calls ``process``."""

    def teardown(self) -> None:
        """Release what ``setup`` loaded."""

    def select(self, clip: Clip) -> Sequence[int]:
        """Choose the frame indices that ``process`` needs. None by default."""
        return ()

    def request(self, clip: Clip, frames: "NDArray[np.uint8]") -> Request | None:
        """Say what a model is to compute of a clip, so that its frames share batches with those of other clips.

        Runs on the clip's thread, with others at the same time, after ``setup``. By default, and where it gives None,
        ``process`` computes the clip instead.

        Args:
            clip: The clip.
            frames: uint8 [N, H, W, 3], RGB, the frames that ``select`` chose, in that order.

        Raises:
            MMVoxCelebError: The clip cannot be processed; it is recorded with the message as reason.
        """
        return None

    def finish(self, clip: Clip, computed: Computed) -> Any:
        """Turn what a model made of ``request`` into what ``encode`` wants. Runs on the clip's thread."""
        raise NotImplementedError(f"the stage {self.name} requests something and does not say what to make of it")

    @abstractmethod
    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> Any:
        """Run the model, with the device to itself.

        Args:
            clip: The clip.
            frames: uint8 [N, H, W, 3], RGB, the frames that ``select`` chose, in that order.

        Returns:
            Whatever ``encode`` wants.

        Raises:
            MMVoxCelebError: The clip cannot be processed; it is recorded with the message as reason.
        """

    @abstractmethod
    def encode(self, clip: Clip, result: Any) -> StageOutput:
        """Turn a result into files. Runs on the clip's thread, without the device."""

    def end(self, writer: StoreWriter) -> None:
        """Bring in order what the stage keeps of all clips together.

        Called once in a run, after its clips, also when it was stopped.

        Raises:
            OSError: It cannot be written.
            MMVoxCelebError: The output cannot be read.
        """
