"""What an export has to know of a trainer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mmvoxceleb.modalities import AUDIO, VIDEO, Modality
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings

__all__ = ["ExportedClip", "Trainer"]


@dataclass(frozen=True)
class ExportedClip:
    """A clip whose files are written.

    Args:
        clip_id: Its key.
        name: Its name without a suffix, in the files of the trainer.
        split: ``train`` or ``test``.
        num_frames: At the trainer's rate.
        files: Paths below the export, with the bytes of each.
        is_silent: Whether its sound is silent; None in an export that an earlier version began.
    """

    clip_id: str
    name: str
    split: str
    num_frames: int
    files: Mapping[str, int]
    is_silent: bool | None = None


class Trainer(ABC):
    """Writes clips as one trainer's loader opens them."""

    name: ClassVar[str]
    """As ``--for`` takes it."""

    source: ClassVar[str]
    """Repository, commit and file of the loader that the layout was read from."""

    needs: ClassVar[tuple[Modality, ...]] = (VIDEO, AUDIO)
    """Modalities that every exported clip has."""

    frames_per_second: ClassVar[int] = 25
    fewest_frames: ClassVar[int]
    """The loader takes no clip with fewer."""

    swapped_in_paths: ClassVar[str] = ""
    """A word that the trainer swaps for others wherever it stands in a path; no path may hold it."""

    @abstractmethod
    def files(self, clip: ClipContent, settings: TrainerSettings) -> dict[str, bytes]:
        """Make the files of a clip, by path below the export.

        Raises:
            MissingModalityError: The clip lacks what the loader needs, such as a face in each frame; it is left out.
            CorruptSourceError: It is damaged.
        """

    def lists(self, clips: Sequence[ExportedClip], settings: TrainerSettings, root: str) -> dict[str, bytes]:
        """Make the files that list all clips.

        Args:
            clips: Sorted by ``clip_id``.
            settings: As of the export.
            root: Where the export lies on this machine.
        """
        return {}

    @abstractmethod
    def next_steps(self, out: str) -> str:
        """Say what to do with the export, in one or two lines."""
