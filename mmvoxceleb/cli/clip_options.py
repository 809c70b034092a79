"""Which clips of a store a command takes: ``--clips`` and ``--missing``."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from mmvoxceleb.cliplists import ClipList
    from mmvoxceleb.stores import Store

__all__ = ["ClipOptions", "Missing"]

Missing: TypeAlias = Literal["raise", "skip"]

CLIPS = typer.Option(rich_help_panel="Clips")


@dataclass(frozen=True)
class ClipOptions:
    """Which clips are taken.

    Args:
        clips: Take these alone: a clip list (mmvoxceleb select), or a file with the name of a clip in each line.
        missing: What becomes of listed clips that STORE lacks: raise an error, or skip and count them.
    """

    clips: Annotated[str | None, typer.Option(metavar="FILE", rich_help_panel="Clips")] = None
    missing: Annotated[Missing, CLIPS] = "raise"

    def clip_list(self) -> "ClipList | None":
        """Read the list.

        Raises:
            SourceUnavailableError: It cannot be read.
            CorruptSourceError: It is no clip list, or was changed.
        """
        from mmvoxceleb.cliplists import read_clip_list

        return None if self.clips is None else read_clip_list(self.clips)

    def of(self, store: "Store") -> "Store":
        """Let only the listed clips of a store be seen.

        Raises:
            ConfigError: The store lacks one, and ``missing`` is ``raise``.
        """
        from mmvoxceleb.cliplists.chosen_store import ChosenStore
        from mmvoxceleb.meta.removal_list import read_removals

        listed = self.clip_list()
        if listed is None:
            return store
        return ChosenStore.of(store, listed, missing=self.missing, removals=read_removals(store.location))
