"""What is to be done, for any engine: clips of a source, and the stages that they go through."""

from collections.abc import Iterator, Sequence

from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.videos import RECORDS
from mmvoxceleb.meta.watch import REMOVED
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.processing.engines.interface import ClipSource, Host
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.engines.steps import ClipSteps
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.removal import sweep
from mmvoxceleb.processing.stage import Stage

__all__ = ["Work"]


class Work:
    """Takes the clips of a source through some stages.

    Picklable as long as nothing was run. What is done is known from the output alone, so any number of engines may run
    the same work, one after the other, and each goes on where the last one stopped.

    Args:
        source: Where clips come from.
        writer: Where results go.
        stages: What to do, in this order; names must differ.
        overwrite: Whether results of other settings, or of unknown origin, are replaced.

    Raises:
        ConfigError: Two stages have one name.
        WeightsError: A model's weights are missing.
    """

    def __init__(
        self, source: ClipSource, writer: StoreWriter, stages: Sequence[Stage] = (), *, overwrite: bool = False
    ) -> None:
        self.source = source
        self.writer = writer
        self.steps = ClipSteps(writer, stages, overwrite=overwrite, source=source.location)

    @property
    def unit(self) -> str:
        """What a unit is, for progress: ``clip`` or ``video``."""
        return self.source.unit

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        return (*self.source.stages, *(stage.name for stage in self.steps.stages))

    @property
    def device(self) -> str:
        """The device of the models: ``cuda`` where every worker is to have one GPU, else its name, as ``cpu``."""
        return self.steps.device if self.steps.device != "cpu" else self.source.device

    def units(self) -> list[str]:
        """List the units, sorted."""
        return self.source.units()

    def plan(self, units: Sequence[str]) -> Plan:
        """Compare the settings of units with those of an earlier run, before anything is done.

        Raises:
            IncompatibleOutputError: The output holds results of other settings, which are not to be replaced.
            WeightsError: A model's weights are missing.
        """
        return self.source.plan(units, self.steps)

    def run(self, unit: str, host: Host) -> Iterator[ClipOutcome]:
        """Do all that is not finished of a unit, and tell what became of its clips.

        Called from several threads at once, for different units.

        Raises:
            Stopped: The run is to end.
            ProcessingError: The output cannot be written.
            MMVoxCelebError: Nothing can be done, for any unit: weights that do not fit.
        """
        return self.source.run(unit, self.steps, host)

    def give_up(self, unit: str, reason: str) -> ClipOutcome:
        """Record a unit as failed that nobody can run: its workers died on it."""
        if self.source.is_removed(unit, self.steps.removed.now()):
            return ClipOutcome(unit, rejected=REMOVED)
        failed = dict.fromkeys(self.source.stages or self.stages, f"{self.unit} {unit}: {reason}")
        self.steps.provenance.record(LedgerRow(unit, stage, "failed", text) for stage, text in failed.items())
        return ClipOutcome(unit, failed=failed)

    def note(self, outcome: ClipOutcome) -> None:
        """Take note of what became of a clip in this run. Called where the run was planned."""
        self.steps.finished.inputs.note(outcome)

    def begin(self) -> None:
        """Make the output ready, free of what dead processes left. Called before the units, and when a worker died."""
        self._clean()
        sweep(self.writer.tree, self.steps.removed.now(), self._folders)

    def end(self) -> None:
        """Bring the output in order. Called once in a run, after its units, also when it was stopped."""
        self.source.end(self.steps)
        for stage in self.steps.stages:
            stage.end(self.writer)
        self.steps.finished.save_index(self.steps.removed.now())
        if self.writer.tree.is_local:  # workers of a run that was killed just before this one began have died since
            self._clean()

    def _clean(self) -> None:
        self.writer.clean_partial(self._folders)
        self.writer.tree.clean_partial([RECORDS])

    @property
    def _folders(self) -> list[Folder]:
        return [*self.source.folders, *self.steps.folders, META.folder()]

    def teardown(self) -> None:
        """Let go of models. Called in every process that ran units."""
        self.steps.teardown()
