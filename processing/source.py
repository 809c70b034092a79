"""The clips of a store, one by one, for an engine."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mmvoxceleb.cliplists.chosen_store import ChosenStore
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.taken_out import tell_doubtful_entries
from mmvoxceleb.modalities import LABEL, VIDEO
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.engines.interface import ClipSource, Host
from mmvoxceleb.processing.engines.outcomes import ClipOutcome, Plan
from mmvoxceleb.processing.pictures import PICTURE_SUFFIXES
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Store
from mmvoxceleb.stores.numbering import refuse_repeats

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.steps import ClipSteps

__all__ = ["StoredClips"]


class StoredClips(ClipSource):
    """The clips of a store that a run goes through. Cheap to pickle; it may be asked from several threads.

    Args:
        store: Any store.
        with_frames: Whether a clip is one that has frames; else one that has a label, and frames are not looked at.
    """

    unit = "clip"

    def __init__(self, store: Store, *, with_frames: bool = True) -> None:
        self.store = store
        self.location: str = store.location
        self.with_frames = with_frames

    def units(self) -> list[str]:
        """List the clips, sorted.

        Raises:
            MissingModalityError: There is none.
        """
        clip_ids = self.store.clips(VIDEO.folder() if self.with_frames else LABEL.folder())
        if not clip_ids:
            raise MissingModalityError(
                f"{self.location}: holds no video/<clip>/ with frames, which this needs; name the folder or zip "
                "above 'video', or make frames first with: mmvoxceleb regenerate crop"
                if self.with_frames
                else f"{self.location}: holds no label/<clip>.txt, which text is made from; make labels first with "
                "mmvoxceleb regenerate label or mmvoxceleb label import"
            )
        return clip_ids

    def plan(self, units: Sequence[str], steps: "ClipSteps") -> Plan:
        """Compare settings; clips on the removal list of the store or of the output are left out."""
        removals = read_removals(self.location) | read_removals(steps.writer.tree.address)
        if not isinstance(self.store, ChosenStore):
            tell_doubtful_entries(removals, units, self.location)
        kept = removals.keep(units)
        return replace(steps.plan(kept, self.store), removed=len(units) - len(kept))

    def run(self, unit: str, steps: "ClipSteps", host: Host) -> Iterator[ClipOutcome]:
        yield steps.run(unit, partial(self.clip, unit), host)

    def is_removed(self, unit: str, removals: Removals) -> bool:
        return unit in removals

    def end(self, steps: "ClipSteps") -> None:
        steps.provenance.compact()

    def clip(self, clip_id: str, *, with_label: bool = False) -> Clip:
        """Describe a clip without reading its frames.

        Raises:
            MMVoxCelebError: The clip cannot be had; the engine records the message and goes on.
        """
        stored = StoredClip(self.store, clip_id)
        entries = []
        if self.with_frames:
            listed = stored.entries(VIDEO.folder())
            entries = [entry for entry in listed if entry.name.lower().endswith(PICTURE_SUFFIXES)]
            refuse_repeats(f"{self.location}: clip {clip_id}", entries)
        label = None
        if not self.with_frames or (with_label and stored.has(LABEL.folder())):
            label = stored.value(LABEL)
        return Clip(
            clip_id,
            [entry.index for entry in entries],
            meta=stored.meta,
            label=label if with_label else None,
            entries=entries,
            location=self.location,
            read=partial(stored.each, VIDEO.folder()),
            stored=stored,
            file=stored.video_file(VIDEO.folder()) if self.with_frames else None,
        )
