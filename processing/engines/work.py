"""Take one clip from its source into a store: the three steps that every engine runs, with no threads in them."""

import importlib.metadata
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, IncompatibleOutputError, MMVoxCelebError, ProcessingError
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.provenance import LedgerRow, Provenance, differences
from mmvoxceleb.processing.source import ClipSource, Frames
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.records.texts import parse_label
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores.removals import read_removals

__all__ = ["ClipOutcome", "ClipWork", "Loaded", "Plan"]

_LABEL = Folder("label")


@dataclass(frozen=True)
class ClipOutcome:
    """What became of a clip.

    Args:
        clip_id: The key.
        done: Stages that were run and written.
        skipped: Stages that an earlier run had finished.
        failed: Reason by stage.
        frames: How many frames were decoded.
        seconds: Spent on the clip by step: ``read``, ``device``, ``write``.
    """

    clip_id: str
    done: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    frames: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a run has before it.

    Args:
        todo: Clips with at least one stage that is not finished.
        finished: Clips whose stages are all finished with the settings of now.
    """

    todo: tuple[str, ...]
    finished: tuple[str, ...]


@dataclass
class Loaded:
    """A clip between the steps.

    Args:
        clip: The clip.
        frames: The union of what the stages selected; None when there is nothing to do.
        wanted: Frame indices by stage, for the stages that are to be run.
        inputs: What each of these stages reads, for its provenance.
        results: What ``process`` returned, by stage.
        skipped: Stages that were finished already.
        failed: Reason by stage.
        seconds: By step.
    """

    clip: Clip
    frames: Frames | None = None
    wanted: dict[str, Sequence[int]] = field(default_factory=dict)
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class ClipWork:
    """Everything needed to take a clip through some stages.

    An engine calls :meth:`read` on any thread, :meth:`process` on the one that owns the device and :meth:`write`
    on any thread, in this order for each clip; :meth:`run` does all three. Clips are independent of each other.
    Picklable as long as nothing was processed.

    Args:
        source: Where clips come from.
        writer: Where results go.
        stages: What to do, in this order; names must differ.
        overwrite: Whether results of other settings, or of unknown origin, are replaced.
    """

    def __init__(
        self, source: ClipSource, writer: StoreWriter, stages: Sequence[Stage], *, overwrite: bool = False
    ) -> None:
        self.source = source
        self.writer = writer
        self.stages = tuple(stages)
        self.overwrite = overwrite
        self.provenance = Provenance(writer.root)
        self.settings: dict[str, dict[str, Any]] = {
            stage.name: json.loads(json.dumps(stage.settings())) for stage in self.stages
        }
        if len(self.settings) != len(self.stages):
            raise ValueError(f"two stages have one name: {[stage.name for stage in self.stages]}")
        self._with_label = any(stage.uses_label for stage in self.stages)
        self._is_set_up = False

    @property
    def folders(self) -> tuple[Folder, ...]:
        """Every folder that the stages write."""
        return tuple(dict.fromkeys(folder for stage in self.stages for folder in stage.folders))

    def plan(self, clip_ids: Iterable[str]) -> Plan:
        """Compare the settings of all clips with those of an earlier run, before anything is done.

        Clips on the removal list of the source or of the output are left out.

        Raises:
            IncompatibleOutputError: The output holds results of other settings and ``overwrite`` is off.
        """
        todo: list[str] = []
        finished: list[str] = []
        conflicts: list[str] = []
        removals = read_removals(self.source.location) | read_removals(self.writer.root)
        for clip_id in removals.keep(clip_ids):
            states = []
            for stage in self.stages:
                try:
                    states.append(self._is_finished(stage, clip_id))
                except IncompatibleOutputError as error:
                    conflicts.append(str(error))
                except CorruptSourceError:
                    states.append(False)  # reading the clip will say so, for this clip alone
            (finished if states and all(states) else todo).append(clip_id)
        if conflicts:
            more = f" The same holds for {len(conflicts) - 1} more." if len(conflicts) > 1 else ""
            raise IncompatibleOutputError(
                f"{conflicts[0]}.{more} Use the same settings, write to another folder with --out, "
                "or replace them with --overwrite"
            )
        return Plan(tuple(todo), tuple(finished))

    def run(self, clip_id: str) -> ClipOutcome:
        """Do all three steps of one clip, one after the other."""
        return self.write(self.process(self.read(clip_id)))

    def read(self, clip_id: str) -> Loaded:
        """Find out what is to be done for a clip and decode the frames that it takes."""
        start = time.perf_counter()
        loaded = Loaded(Clip(clip_id, ()))
        try:
            loaded.clip = self.source.clip(clip_id, with_label=self._with_label)
            loaded.clip.meta = {**loaded.clip.meta, **self.provenance.read(clip_id)}
            if self._with_label:
                loaded.clip.label = self._own_label(clip_id) or loaded.clip.label
            self._choose(loaded)
            if loaded.wanted:
                union = sorted({index for indices in loaded.wanted.values() for index in indices})
                loaded.frames = self.source.frames(loaded.clip, union)
                for name, indices in loaded.wanted.items():
                    loaded.inputs[name]["sha256"] = loaded.frames.digest(indices)
        except (MMVoxCelebError, OSError) as error:
            reason = str(error)
            if isinstance(error, IncompatibleOutputError):
                reason += "; replace it with --overwrite"
            elif not isinstance(error, MMVoxCelebError):
                reason = f"{self.source.location}: clip {clip_id} cannot be read ({error})"
            unfinished = [stage.name for stage in self.stages if stage.name not in loaded.skipped]
            loaded.failed = dict.fromkeys(unfinished or [self.stages[0].name], reason)
            loaded.wanted.clear()
        loaded.seconds["read"] = time.perf_counter() - start
        return loaded

    def process(self, loaded: Loaded) -> Loaded:
        """Run the models on a clip that was read. The first call that has work sets the stages up."""
        if not loaded.wanted or loaded.frames is None:
            return loaded
        self._set_up()
        start = time.perf_counter()
        for stage in self.stages:
            if stage.name in loaded.wanted:
                try:
                    pictures = loaded.frames.take(loaded.wanted[stage.name])
                    loaded.results[stage.name] = stage.process(loaded.clip, pictures)
                except MMVoxCelebError as error:
                    loaded.failed[stage.name] = str(error)
        loaded.seconds["device"] = time.perf_counter() - start
        return loaded

    def write(self, loaded: Loaded) -> ClipOutcome:
        """Encode and write what was processed, record it, and tell what became of the clip.

        Raises:
            ProcessingError: The disk does not take it. The clip is then not finished, and a later run does it again.
        """
        start = time.perf_counter()
        outputs = self._encode(loaded)
        try:
            self._store(loaded, outputs)
        except OSError as error:
            raise ProcessingError(
                f"{self.writer.root}: cannot be written, at clip {loaded.clip.clip_id} ({error}). "
                "Make room or mend the permissions, then run the same command again; what is finished is kept"
            ) from error
        if outputs:
            loaded.seconds["write"] = time.perf_counter() - start
        return ClipOutcome(
            loaded.clip.clip_id,
            done=tuple(outputs),
            skipped=tuple(loaded.skipped),
            failed=loaded.failed,
            frames=len(loaded.frames.pictures) if loaded.frames is not None else 0,
            seconds=loaded.seconds,
        )

    def teardown(self) -> None:
        """Let the stages release their models."""
        if self._is_set_up:
            self._is_set_up = False
            for stage in self.stages:
                stage.teardown()

    def _store(self, loaded: Loaded, outputs: Mapping[str, StageOutput]) -> None:
        clip_id = loaded.clip.clip_id
        if outputs:
            self.provenance.begin(clip_id, outputs)
            for output in outputs.values():
                for folder, files in output.files.items():
                    self.writer.write(folder, clip_id, files)
            self.provenance.finish(
                clip_id,
                {
                    name: {
                        **output.meta,
                        "settings": self.settings[name],
                        "input": loaded.inputs[name],
                        "made_with": f"mmvoxceleb {importlib.metadata.version('mmvoxceleb')}",
                    }
                    for name, output in outputs.items()
                }
                | {key: value for output in outputs.values() for key, value in output.facts.items()},
            )
        self.provenance.record(
            [LedgerRow(clip_id, name, "done") for name in outputs]
            + [LedgerRow(clip_id, name, "failed", reason) for name, reason in loaded.failed.items()]
        )

    def _set_up(self) -> None:
        if not self._is_set_up:
            for stage in self.stages:
                stage.setup()
            self._is_set_up = True

    def _choose(self, loaded: Loaded) -> None:
        clip = loaded.clip
        label_changes = False
        for stage in self.stages:
            indices = list(stage.select(clip))
            current: dict[str, Any] = {"frames": len(indices), "listing": self.source.listing(clip, indices)}
            if stage.uses_label:
                current["label"] = list(clip.label) if clip.label is not None else None
            if not (stage.uses_label and label_changes) and self._is_finished(stage, clip.clip_id, current):
                loaded.skipped.append(stage.name)
                continue
            loaded.wanted[stage.name] = indices
            loaded.inputs[stage.name] = current
            label_changes = label_changes or _LABEL in stage.folders

    def _is_finished(self, stage: Stage, clip_id: str, current: Mapping[str, Any] | None = None) -> bool:
        """Tell whether an earlier run did a stage with the settings of now and, where given, the inputs of now.

        Raises:
            IncompatibleOutputError: It did with others, or somebody else did, and ``overwrite`` is off.
        """
        there = [self.writer.has(folder, clip_id) for folder in stage.folders]
        section = self.provenance.section(clip_id, stage.name)
        if section is None:
            if any(there) and not self.overwrite and not self.provenance.was_interrupted(clip_id, stage.name):
                raise IncompatibleOutputError(
                    f"{self.writer.root}: clip {clip_id} has {stage.name} files of unknown origin: "
                    f"{self.provenance.path_of(clip_id)} does not speak of them"
                )
            return False
        if not all(there):
            return False
        if stage.keeps(clip_id, section):
            return True
        recorded = section.get("input", {})
        others = differences(section.get("settings", {}), self.settings[stage.name])
        if current is not None:
            others += differences({key: recorded.get(key) for key in current}, current)
        if others and not self.overwrite:
            raise IncompatibleOutputError(
                f"{self.writer.root}: clip {clip_id} was made by {stage.name} in another way: {'; '.join(others)}"
            )
        return not others

    def _own_label(self, clip_id: str) -> Sequence[int] | None:
        path = self.writer.path_of(_LABEL, clip_id)
        return parse_label(path.read_bytes(), clip_id=clip_id) if path.is_file() else None

    def _encode(self, loaded: Loaded) -> dict[str, StageOutput]:
        outputs: dict[str, StageOutput] = {}
        for stage in self.stages:
            if stage.name not in loaded.results:
                continue
            try:
                if stage.uses_label:
                    label = loaded.clip.label
                    loaded.inputs[stage.name]["label"] = list(label) if label is not None else None
                output = stage.encode(loaded.clip, loaded.results.pop(stage.name))
            except MMVoxCelebError as error:
                loaded.failed[stage.name] = str(error)
                continue
            outputs[stage.name] = output
            if self._with_label and _LABEL in output.files:
                ((_, data),) = output.files[_LABEL]
                loaded.clip.label = parse_label(data, clip_id=loaded.clip.clip_id)
        return outputs
