"""What clips of a store lack, and whether their provenance says why."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.meta.inputs import why_absent
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["ChosenClips", "Lack"]

_MOST_ASKED = 64
"""Clips of which the provenance is read, where only a message depends on it."""


@dataclass(frozen=True)
class ChosenClips:
    """Clips of a store, by what they have of what is wanted.

    Args:
        clips: Those to take, sorted.
        left_out: Those that lack something, with what it is.
        without: Those that are taken without a modality, by its name.
    """

    clips: list[str]
    left_out: dict[str, str] = field(default_factory=dict)
    without: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Lack:
    """The clips that lack a folder.

    Args:
        folder: The folder.
        clips: The clips.
        reasons: Why there can be none, by clip, where the provenance says so.
        asked: Number of clips whose provenance was read.
    """

    folder: Folder
    clips: frozenset[str]
    reasons: Mapping[str, str]
    asked: int

    @classmethod
    def of(cls, store: Store, folder: Folder, clips: Collection[str], *, ask_all: bool) -> "Lack":
        """Look up the reasons of all clips, or of some.

        Args:
            store: Where they are.
            folder: What they lack.
            clips: The clips.
            ask_all: Whether to read the provenance of all of them.
        """
        asked = sorted(clips) if ask_all else sorted(clips)[:_MOST_ASKED]
        reasons = {}
        if META.folder() in store.folders():
            for clip, reason in results_ahead(lambda clip: _why(store, folder, clip), asked, ahead=store.reads_ahead):
                if why := reason():
                    reasons[clip] = why
        return cls(folder, frozenset(clips), reasons, len(asked))

    @property
    def can_be_made(self) -> bool:
        """Whether there is a clip of which nothing says why it lacks it."""
        return len(self.reasons) < self.asked

    def excused(self) -> frozenset[str]:
        """The clips that an export takes without it."""
        rule = self.folder.kind.exported_without
        return self.clips if rule == "always" else frozenset(self.reasons) if rule == "explained" else frozenset()

    def only(self, clips: Collection[str]) -> "Lack":
        """The same of some of the clips."""
        reasons = {clip: why for clip, why in self.reasons.items() if clip in clips}
        return Lack(self.folder, self.clips.intersection(clips), reasons, min(self.asked, len(clips)))

    def told(self) -> str:
        """Say how many there are, such as which, and why."""
        first = min(self.clips - self.reasons.keys() if self.can_be_made else self.clips)
        return f"{len(self.clips):,} lack {self.folder}, such as {first}{self._because(first)}"

    def of_clip(self, clip_id: str) -> str:
        """Say what one of them lacks, and why."""
        return f"lacks {self.folder}{self._because(clip_id)}"

    def _because(self, clip_id: str) -> str:
        return f" ({self.reasons[clip_id]})" if clip_id in self.reasons else ""


def _why(store: Store, folder: Folder, clip_id: str) -> str:
    try:
        return why_absent(StoredClip(store, clip_id).meta, folder.path)
    except MMVoxCelebError:
        return ""  # it is told where the provenance is needed
