"""Take clips from their source into a store: read, process, write, with no threads in it."""

import importlib.metadata
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import IncompatibleOutputError, MMVoxCelebError, ProcessingError
from mmvoxceleb.files.atomic import reason_and_advice
from mmvoxceleb.meta.forgetting import forget_rows
from mmvoxceleb.meta.inputs import folders_of_stage
from mmvoxceleb.meta.provenance import COMPUTATION, LedgerRow
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import REMOVED, RemovalWatch
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.devices import Request
from mmvoxceleb.processing.engines.decoding import Decoding
from mmvoxceleb.processing.engines.finished import FinishedStages
from mmvoxceleb.processing.engines.interface import Host, Stopped
from mmvoxceleb.processing.engines.loaded import Loaded
from mmvoxceleb.processing.engines.memory import Room
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.stage import Stage, StageOutput
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ClipSteps"]

logger = logging.getLogger(__name__)


class ClipSteps:
    """The three steps of a clip through some stages: read, process, write.

    Picklable as long as nothing was processed. All methods may be called from several threads, for different clips;
    those that use the models do so through :class:`Host`, one at a time.

    Args:
        writer: Where results go.
        stages: What to do, in this order; names must differ.
        overwrite: Whether results of other settings, or of unknown origin, are replaced.
        source: Path or URL of the store that clips come from, whose removal list is obeyed as that of the output is.
    """

    def __init__(
        self, writer: StoreWriter, stages: Sequence[Stage], *, overwrite: bool = False, source: str | None = None
    ) -> None:
        self.writer = writer
        self.stages = tuple(stages)
        self.finished = FinishedStages(writer, self.stages, overwrite=overwrite)
        self.provenance = self.finished.provenance
        self.removed = RemovalWatch(writer.tree, source)
        self._decoding = Decoding(self.stages)
        self._with_label = any(stage.uses_label for stage in self.stages)
        self._is_set_up = False

    @property
    def folders(self) -> tuple[Folder, ...]:
        """Every folder that the stages write."""
        return tuple(dict.fromkeys(folder for stage in self.stages for folder in (*stage.folders, *stage.also)))

    @property
    def device(self) -> str:
        """The device of the stages' models: the first that is not the CPU."""
        return next((stage.device for stage in self.stages if stage.device != "cpu"), "cpu")

    def plan(self, clip_ids: Iterable[str], store: Store | None = None) -> Plan:
        """Compare the settings of clips with those of an earlier run; see :meth:`FinishedStages.plan`.

        Raises:
            IncompatibleOutputError: The output holds results of other settings and ``overwrite`` is off.
        """
        return self.finished.plan(clip_ids, store)

    def select(self, clip: Clip) -> set[int]:
        """Choose the frames that any stage needs."""
        return {index for stage in self.stages for index in stage.select(clip)}

    def need(self, clip: Clip, height: int, width: int) -> int:
        """Count the bytes that a clip takes at most on its way through all stages."""
        return self._decoding.need(clip, height, width)

    def run(self, clip_id: str, opened: Callable[..., Clip], host: Host, held: Room | None = None) -> ClipOutcome:
        """Do all three steps of a clip.

        Args:
            clip_id: The clip.
            opened: Describes it, without reading its frames, when called with ``with_label``.
            host: What the engine offers.
            held: Memory that the clip has, for one that is in memory; else it waits for some here.

        Raises:
            Stopped: The run is to end.
            ProcessingError: The output cannot be written.
            MMVoxCelebError: A stage cannot be set up.
        """
        host.check()
        with host.room() as room:
            host.doing("read")
            loaded = self.read(clip_id, opened, held if held is not None and held.num_bytes else room)
            host.check()
            if loaded.wanted:
                self.process(loaded, host)
            host.doing("write")
            return self.write(loaded)

    def read(self, clip_id: str, opened: Callable[..., Clip], room: Room) -> Loaded:
        """Find out what is to be done for a clip and decode the frames that it takes, when there is room for them.

        Raises:
            Stopped: The run is to end.
        """
        start = time.perf_counter()
        loaded = Loaded(Clip(clip_id, ()), room)
        try:
            loaded.clip = opened(with_label=self._with_label)
            loaded.clip.meta = {**loaded.clip.meta, **self.provenance.read(clip_id)}
            if self._with_label:
                loaded.clip.label = self._own_label(clip_id) or loaded.clip.label
            self.finished.choose(loaded)
            if loaded.wanted:
                start += self._decoding.decode(loaded)
        except (MMVoxCelebError, OSError) as error:
            reason = str(error)
            if isinstance(error, IncompatibleOutputError):
                reason += "; replace it with --overwrite"
            elif not isinstance(error, MMVoxCelebError):
                reason = f"{loaded.clip.location or self.writer.location}: clip {clip_id} cannot be read ({error})"
            unfinished = [stage.name for stage in self.stages if stage.name not in loaded.skipped]
            loaded.failed = dict.fromkeys(unfinished or [self.stages[0].name], reason)
            loaded.wanted.clear()
        loaded.seconds["read"] = time.perf_counter() - start
        return loaded

    def process(self, loaded: Loaded, host: Host) -> None:
        """Run the models on a clip that was read. The first call sets the stages up.

        Raises:
            Stopped: The run is to end.
            MMVoxCelebError: A stage cannot be set up.
        """
        if not self._is_set_up:
            host.on_device(self._set_up)
        for stage in self.stages:
            if stage.name in loaded.wanted:
                host.doing(stage.name)
                self._process_stage(stage, loaded, host)
                if self._is_read_later(stage) and stage.name in loaded.results:
                    self._encode_stage(stage, loaded)
        loaded.let_go()

    def write(self, loaded: Loaded) -> ClipOutcome:
        """Encode and write what was processed, record it, and tell what became of the clip.

        Raises:
            ProcessingError: The disk does not take it. The clip is then not finished, and a later run does it again.
        """
        outputs = self._encode(loaded)
        start = time.perf_counter()
        clip_id = loaded.clip.clip_id
        try:
            if clip_id not in self.removed.now():
                self._store(loaded, outputs)
            if clip_id in self.removed.now():  # since this clip was begun, perhaps while it was written
                self.take_away(clip_id)
                return ClipOutcome(clip_id, rejected=REMOVED)
        except MMVoxCelebError:
            raise
        except OSError as error:
            raise ProcessingError(
                f"{self.writer.location}: cannot be written, at clip {loaded.clip.clip_id} {reason_and_advice(error)}; "
                "what is finished is kept"
            ) from error
        if outputs:
            loaded.seconds["write"] = time.perf_counter() - start
        return ClipOutcome(
            loaded.clip.clip_id,
            done=tuple(outputs),
            skipped=tuple(loaded.skipped),
            failed=loaded.failed,
            frames=loaded.num_frames,
            seconds=loaded.seconds,
            device_seconds=loaded.device_seconds,
            figures={f"{name}.{key}": value for name, one in outputs.items() for key, value in one.figures.items()},
            remarks=tuple(output.remark for output in outputs.values() if output.remark),
        )

    def take_away(self, clip_id: str) -> None:
        """Delete a clip and what is said of it, because it was removed meanwhile."""
        self.writer.remove_clip(clip_id)
        forget_rows(self.writer.tree, Removals(clip_id=frozenset({clip_id})))

    def teardown(self) -> None:
        """Let the stages release their models."""
        if self._is_set_up:
            self._is_set_up = False
            for stage in self.stages:
                stage.teardown()

    def _store(self, loaded: Loaded, outputs: Mapping[str, StageOutput]) -> None:
        clip_id = loaded.clip.clip_id
        rows = [row for name, output in outputs.items() for row in self._row(clip_id, name, output)]
        rows += [LedgerRow(clip_id, name, "failed", reason) for name, reason in loaded.failed.items()]
        if outputs:
            self.provenance.begin(clip_id, outputs)
            for output in outputs.values():
                for folder, files in output.files.items():
                    if files:
                        self.writer.write(folder, clip_id, files)
                    else:
                        self.writer.remove(folder, clip_id)
                output.files = dict.fromkeys(output.files, ())
        self.provenance.record(rows)  # before the clip is finished: what is finished is never looked at again
        if outputs:
            self.provenance.finish(
                clip_id,
                {
                    name: {
                        **output.meta,
                        **({COMPUTATION: loaded.computations[name]} if loaded.computations.get(name) else {}),
                        "settings": self.finished.settings[name] if output.settings is None else output.settings,
                        "input": loaded.inputs[name],
                        "made_with": f"mmvoxceleb {importlib.metadata.version('mmvoxceleb')}",
                        **self._told_folders(name),
                    }
                    for name, output in outputs.items()
                }
                | {key: value for output in outputs.values() for key, value in output.facts.items()},
            )

    def _told_folders(self, stage: str) -> dict[str, Any]:
        """Return what the provenance says of the folders of a stage that is not named after them."""
        (folders,) = (each.folders for each in self.stages if each.name == stage)
        return {} if list(folders) == folders_of_stage(stage) else {"folders": [folder.path for folder in folders]}

    def _row(self, clip_id: str, stage: str, output: StageOutput) -> Iterator[LedgerRow]:
        """What the ledger is told: of a stage that had nothing to write only that it did not fail after all."""
        if any(output.files.values()):
            yield LedgerRow(clip_id, stage, "done", output.remark)
        elif (clip_id, stage) in self._failed_before:
            yield LedgerRow(clip_id, stage, "rejected", output.remark)

    @cached_property
    def _failed_before(self) -> frozenset[tuple[str, str]]:
        return frozenset((row.clip_id, row.stage) for row in self.provenance.rows() if row.status == "failed")

    def _set_up(self) -> None:
        if not self._is_set_up:
            for stage in self.stages:
                stage.setup()
            self._is_set_up = True

    def _process_stage(self, stage: Stage, loaded: Loaded, host: Host) -> None:
        """Run one stage: what it requests is computed with what other clips do, the rest with the device to itself."""
        request: Request | None = None
        with self._watched(stage, loaded):
            loaded.inputs[stage.name].update(loaded.clip.digests(stage.reads))
            pictures = loaded.take(stage.name)
            request = stage.request(loaded.clip, pictures)
        if stage.name in loaded.failed:
            return
        if request is None:
            host.on_device(partial(self._process_alone, stage, loaded, pictures))
            return
        del pictures
        try:
            computed = host.compute(request)
        except Stopped:
            raise
        except Exception as error:
            with self._watched(stage, loaded):
                raise error
            return
        loaded.spend(stage.name, computed.device_seconds)
        loaded.device_seconds += computed.device_seconds
        with self._watched(stage, loaded):
            result = stage.finish(loaded.clip, computed)
            loaded.computations[stage.name] = {**stage.computation(), "batch_sizes": computed.batch_sizes}
            loaded.results[stage.name] = result

    def _process_alone(self, stage: Stage, loaded: Loaded, pictures: "NDArray[np.uint8]") -> None:
        start = time.perf_counter()
        with self._watched(stage, loaded):
            result = stage.process(loaded.clip, pictures)
            loaded.computations[stage.name] = stage.computation()
            loaded.results[stage.name] = result
        loaded.device_seconds += time.perf_counter() - start

    def _own_label(self, clip_id: str) -> Sequence[int] | None:
        data = self.writer.tree.read(self.writer.path_of(LABEL.folder(), clip_id))
        return LABEL.parse(data, clip_id=clip_id) if data is not None else None

    def _encode(self, loaded: Loaded) -> dict[str, StageOutput]:
        for stage in self.stages:
            if stage.name in loaded.results:
                self._encode_stage(stage, loaded)
        return {stage.name: loaded.outputs[stage.name] for stage in self.stages if stage.name in loaded.outputs}

    def _encode_stage(self, stage: Stage, loaded: Loaded) -> None:
        with self._watched(stage, loaded):
            if stage.uses_label:
                label = loaded.clip.label
                loaded.inputs[stage.name]["label"] = list(label) if label is not None else None
            output = stage.encode(loaded.clip, loaded.results.pop(stage.name))
            if stage.is_streamed:
                loaded.inputs[stage.name]["sha256"] = output.frames_sha256
            if self._with_label and LABEL.folder() in output.files:
                ((_, data),) = output.files[LABEL.folder()]
                loaded.clip.label = LABEL.parse(data, clip_id=loaded.clip.clip_id)
            for folder in loaded.clip.files.keys() & output.files.keys():
                loaded.clip.files[folder] = output.files[folder]
            loaded.outputs[stage.name] = output

    def _is_read_later(self, stage: Stage) -> bool:
        return any(set(stage.folders) & set(other.reads) for other in self.stages[self.stages.index(stage) + 1 :])

    @contextmanager
    def _watched(self, stage: Stage, loaded: Loaded) -> Iterator[None]:
        """Let what goes wrong in a stage fail this stage of this clip alone, and count the time."""
        start = time.perf_counter()
        try:
            yield
        except MMVoxCelebError as error:
            loaded.failed[stage.name] = str(error)
        except Exception as error:
            logger.exception("stage %s failed on clip %s", stage.name, loaded.clip.clip_id)
            loaded.failed[stage.name] = (
                f"clip {loaded.clip.clip_id}: stage {stage.name} raised {type(error).__name__}: {error}"
            )
        finally:
            loaded.spend(stage.name, time.perf_counter() - start)
