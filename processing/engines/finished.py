"""Which stages of which clips are finished already, with the settings and inputs of now."""

import contextlib
import copy
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError, WeightsError
from mmvoxceleb.meta.earlier import Earlier, OtherResultsError
from mmvoxceleb.meta.inputs import folders_of_stage
from mmvoxceleb.meta.provenance import COMPUTATION, Provenance
from mmvoxceleb.meta.provenance_index import IndexedProvenance, save_index
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import LABEL, META, Folder
from mmvoxceleb.processing.clip import EarlierResult
from mmvoxceleb.processing.devices import device_kind
from mmvoxceleb.processing.engines.loaded import Loaded
from mmvoxceleb.processing.engines.outcomes import Plan
from mmvoxceleb.processing.engines.unchanged import InputMarks
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.stage import Stage
from mmvoxceleb.stores import Store

__all__ = ["FinishedStages"]

_MOST_ASKED = 20

logger = logging.getLogger(__name__)


class FinishedStages:
    """What earlier runs did of some stages in an output.

    Args:
        writer: Where results go.
        stages: In their order; names must differ.
        overwrite: Whether results of other settings, or of unknown origin, are to be replaced.

    Raises:
        ConfigError: Two stages have one name.
        WeightsError: A model is not there.
        SourceUnavailableError: It cannot be downloaded.
    """

    def __init__(self, writer: StoreWriter, stages: Sequence[Stage], *, overwrite: bool = False) -> None:
        self.stages = tuple(stages)
        self.provenance = Provenance(writer.tree)
        self.settings: dict[str, dict[str, Any]] = {stage.name: self._settings(stage) for stage in self.stages}
        if len(self.settings) != len(self.stages):
            raise ConfigError(f"two stages have one name: {', '.join(stage.name for stage in self.stages)}")
        self._writer = writer
        self._earlier = Earlier(self.provenance, overwrite)
        self._elsewhere = _Elsewhere()
        self.inputs = InputMarks(self.stages)

    def _settings(self, stage: Stage) -> dict[str, Any]:
        try:
            settings: dict[str, Any] = json.loads(json.dumps(stage.settings()))
        except (WeightsError, SourceUnavailableError) as error:  # with them, results of others would be refused
            if (model := self._earlier_model(stage)) is None:
                raise
            location = self.provenance.tree.location
            raise type(error)(
                f"{error}. {location} has results of {stage.name} by the model {model!r}; to resume, choose that model"
            ) from error
        return settings

    def _earlier_model(self, stage: Stage) -> str | None:
        """Return the model that made what the first clips in the output have of a stage."""
        names = sorted(self.provenance.tree.names(META.folder_name))
        clips = [name.removesuffix(META.suffix) for name in names if name.endswith(META.suffix)]
        for clip_id in clips[:_MOST_ASKED]:
            with contextlib.suppress(CorruptSourceError):
                settings = (self.provenance.section(clip_id, stage.name) or {}).get("settings")
                if isinstance(settings, dict) and isinstance(settings.get("model"), str):
                    return str(settings["model"])
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "inputs": InputMarks(self.stages)}  # workers have no use for a million marks

    def plan(self, clip_ids: Iterable[str], store: Store | None = None) -> Plan:
        """Compare the settings of clips with those of an earlier run, and tell of other devices.

        Args:
            clip_ids: The clips, sorted.
            store: Where they come from, if from a store: those whose inputs are unchanged are told.

        Raises:
            OtherResultsError: The output holds results of other settings and ``overwrite`` is off.
        """
        now = copy.copy(self)
        now._writer = self._writer.snapshot()
        now.provenance = indexed = IndexedProvenance(now._writer.tree)
        self.inputs = InputMarks(self.stages)
        if store is not None:
            self.inputs.look_in(store, now._writer)
        now._earlier = replace(self._earlier, provenance=now.provenance)
        now._elsewhere = _Elsewhere()
        todo: list[str] = []
        finished: list[str] = []
        unchanged: list[str] = []
        conflicts: dict[str, tuple[str, str]] = {}  # stage: what differs of the first such clip, and its id
        counts: Counter[str] = Counter()
        for clip_id in clip_ids:
            states = []
            for stage in self.stages:
                try:
                    states.append(now.has(stage, clip_id))
                except OtherResultsError as error:
                    conflicts.setdefault(stage.name, (error.reason, clip_id))
                    counts[stage.name] += 1
                except CorruptSourceError:
                    states.append(False)  # reading the clip will say so, for this clip alone
            is_finished = bool(states) and all(states)
            (finished if is_finished else todo).append(clip_id)
            if self.inputs.is_unchanged(clip_id, indexed.checked(clip_id) if is_finished else {}):
                unchanged.append(clip_id)
        if conflicts:
            more = {name: f" and {count - 1:,} more" if count > 1 else "" for name, count in counts.items()}
            told = (f"{name}: {reason} ({clip_id}{more[name]})" for name, (reason, clip_id) in conflicts.items())
            raise OtherResultsError.of(self._writer.location, told)
        now._elsewhere.tell()
        return Plan(tuple(todo), tuple(finished), unchanged=tuple(unchanged))

    def save_index(self, removals: Removals) -> None:
        """Let the next run read at once what all clips are made of.

        Raises:
            OSError: It cannot be written.
        """
        save_index(self._writer.tree, self.inputs.checked(), removals)

    def choose(self, loaded: Loaded) -> None:
        """Find the stages of a clip that are to be run, the frames that each wants, and what else they read.

        Raises:
            OtherResultsError: The output holds results of other settings, which are not to be replaced.
            MMVoxCelebError: What a stage reads cannot be read.
        """
        clip = loaded.clip
        changing: set[Folder] = set()
        for folder in {folder for stage in self.stages for folder in stage.reads}:
            clip.files[folder] = self._writer.read(folder, clip.clip_id) or clip.stored_files(folder)
        for stage in self.stages:
            indices = list(stage.select(clip))
            current: dict[str, Any] = {"frames": len(indices), "listing": clip.listing(indices)}
            current |= stage.inputs(clip)
            if stage.uses_label:
                current["label"] = list(clip.label) if clip.label is not None else None
            current.update(clip.digests(stage.reads))
            is_older = (stage.uses_label and LABEL.folder() in changing) or not changing.isdisjoint(stage.reads)
            if self._keeps(stage, clip.clip_id) or (not is_older and self.has(stage, clip.clip_id, current)):
                loaded.skipped.append(stage.name)
                continue
            if stage.is_renewed and (section := self.provenance.section(clip.clip_id, stage.name)) is not None:
                files = {folder: self._writer.read(folder, clip.clip_id) for folder in stage.folders}
                clip.earlier[stage.name] = EarlierResult(section, files)
            loaded.wanted[stage.name] = indices
            loaded.inputs[stage.name] = current
            changing.update(stage.folders)

    def _keeps(self, stage: Stage, clip_id: str) -> bool:
        """Return whether a stage leaves the files of a clip as they are, whatever else is made anew."""
        section = self.provenance.section(clip_id, stage.name)
        is_whole = section is not None and all(self._writer.has(folder, clip_id) for folder in stage.folders)
        return section is not None and is_whole and stage.keeps(clip_id, section)

    def _unknown(self, stage: Stage, clip_id: str) -> str:
        sections = self.provenance.read(clip_id).items()
        made = [
            other for other, section in sections if not set(folders_of_stage(other, section)).isdisjoint(stage.folders)
        ]
        if made:
            missing = [folder.style for folder in stage.folders if not self._writer.has(folder, clip_id)]
            advice = f"; make only what is missing ({', '.join(missing)})" if missing else ""
            return f"{' and '.join(sorted(made))} was made in a run of its own{advice}"
        where = self._writer.tree.where(self.provenance.path_of(clip_id))
        return f"files of unknown origin: {where} does not speak of them"

    def has(self, stage: Stage, clip_id: str, current: Mapping[str, Any] | None = None) -> bool:
        """Return whether an earlier run did a stage with the settings of now and, where given, the inputs of now.

        Raises:
            OtherResultsError: It did with others, or somebody else did, and ``overwrite`` is off.
        """
        there = [self._writer.has(folder, clip_id) for folder in stage.folders]
        recorded = self.provenance.section(clip_id, stage.name)
        section = self._earlier.section(
            clip_id,
            stage.name,
            is_whole=all(there) or (recorded is not None and stage.makes_nothing(recorded)),
            is_there=any(there),
            unknown=partial(self._unknown, stage, clip_id),
        )
        if section is None:
            return False
        if stage.keeps(clip_id, section):
            return True
        inputs, settings = (part if isinstance(part, dict) else {} for part in map(section.get, ("input", "settings")))
        current = current or {}
        earlier = replace(self._earlier, overwrite=True) if stage.is_renewed else self._earlier
        is_same = earlier.is_same(
            f"clip {clip_id}, {stage.name}: made in another way",
            (stage.compared(settings, self.settings[stage.name]), self.settings[stage.name]),
            ({key: inputs.get(key) for key in current}, current),
        )
        if is_same:
            self._elsewhere.note(stage, section)
        return is_same


class _Elsewhere:
    """Counts results of other devices. They are kept: at the same settings rounding alone tells them apart."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._here: dict[str, str] = {}

    def note(self, stage: Stage, section: Mapping[str, Any]) -> None:
        """Look at the section of a finished stage of a clip. Older stores say nothing of devices."""
        computation = section.get(COMPUTATION)
        there = computation.get("device") if isinstance(computation, Mapping) else None
        if not isinstance(there, str):
            return
        if stage.name not in self._here:
            import torch

            self._here[stage.name] = device_kind(torch.device(stage.device))
        here = self._here[stage.name]
        if there != here and not here.startswith(f"{there} "):  # what told less is not another device
            self._counts[stage.name, there, here] += 1

    def tell(self) -> None:
        """Warn, once for each stage and device."""
        for (name, there, here), count in sorted(self._counts.items()):
            logger.warning(
                "%s: %d finished clips were computed on another device (%s) than this one (%s) and stay; the same "
                "frames may differ in single pixels between the two. meta/<clip>.json records the device",
                name, count, there, here,
            )  # fmt: skip
