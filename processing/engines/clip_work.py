"""Clips of a store as units of work."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from mmvoxceleb.meta.provenance import LedgerRow
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.watch import REMOVED
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.engines.interface import Host, Work
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.engines.steps import ClipSteps
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.removal import sweep
from mmvoxceleb.processing.source import StoredClips
from mmvoxceleb.processing.stage import Stage

__all__ = ["ClipWork"]


class ClipWork(Work):
    """Takes the clips of a source through some stages.

    Args:
        source: Where clips come from.
        writer: Where results go.
        stages: What to do, in this order; names must differ.
        overwrite: Whether results of other settings, or of unknown origin, are replaced.

    Raises:
        ConfigError: Two stages have one name.
        WeightsError: A model is not there.
    """

    unit = "clip"

    def __init__(
        self, source: StoredClips, writer: StoreWriter, stages: Sequence[Stage], *, overwrite: bool = False
    ) -> None:
        self.source = source
        self.writer = writer
        self.steps = ClipSteps(writer, stages, overwrite=overwrite, source=source.location)

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.steps.stages)

    @property
    def device(self) -> str:
        return self.steps.device

    def units(self) -> list[str]:
        return self.source.clip_ids()

    def plan(self, units: Sequence[str]) -> Plan:
        """Compare settings; clips on the removal list of the source or of the output are left out."""
        removals = read_removals(self.source.location) | read_removals(self.writer.tree.address)
        removals.tell_unmatched(units, self.source.location)
        kept = removals.keep(units)
        return replace(self.steps.plan(kept), removed=len(units) - len(kept))

    def run(self, unit: str, host: Host) -> Iterator[ClipOutcome]:
        yield self.steps.run(unit, partial(self.source.clip, unit), host)

    def give_up(self, unit: str, reason: str) -> ClipOutcome:
        failed = dict.fromkeys(self.stages, f"clip {unit}: {reason}")
        if unit in self.steps.removed.now():
            return ClipOutcome(unit, rejected=REMOVED)
        self.steps.provenance.record(LedgerRow(unit, stage, "failed", text) for stage, text in failed.items())
        return ClipOutcome(unit, failed=failed)

    def begin(self) -> None:
        folders = [*self.steps.folders, META.folder()]
        self.writer.clean_partial(folders)
        sweep(self.writer.tree, self.steps.removed.now(), folders)

    def end(self) -> None:
        self.steps.provenance.compact()

    def teardown(self) -> None:
        self.steps.teardown()
