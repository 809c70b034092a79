"""Which clips of a store a command takes: ``--clips`` and ``--missing``, and which removal lists it obeys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from mmvoxceleb.cliplists import ClipList
    from mmvoxceleb.stores import Store

__all__ = ["ClipOptions", "Missing", "Offline", "RemovalsOfflineOption", "RemovalsOption", "obey"]

Missing: TypeAlias = Literal["raise", "skip"]
Offline: TypeAlias = Literal["stop", "last"]

CLIPS = typer.Option(rich_help_panel="Clips")
REMOVALS = typer.Option(rich_help_panel="Removals")
RemovalsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--removals", help="Obey this removal list elsewhere, too: path or URL; repeat it.", rich_help_panel="Removals"
    ),
]
RemovalsOfflineOption: TypeAlias = Annotated[
    Offline | None,
    typer.Option(
        "--removals-offline",
        help="If it cannot be read: stop, or use the last one that was read on this machine.",
        rich_help_panel="Removals",
    ),
]


def obey(removals: Sequence[str] | None, offline: Offline | None) -> None:
    """Let the program, and what it starts, obey removal lists elsewhere, besides those of the environment.

    Raises:
        ConfigError: ``offline`` was given, and there is no list that it is about; or an address has a space.
    """
    if not removals and offline is None:
        return
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.meta.removal_feed import follow, followed, followed_offline

    if not removals and not followed():
        raise ConfigError("--removals-offline says what happens if --removals cannot be read; pass --removals, too")
    follow(removals or (), offline=offline or followed_offline())


@dataclass(frozen=True)
class ClipOptions:
    """Which clips are taken.

    Args:
        clips: Use only these clips: a clip list (mmvoxceleb select), or a file with one clip name per line.
        missing: If STORE lacks a listed clip: raise an error, or skip and count it.
        removals: Obey this removal list elsewhere, too: path or URL; repeat it. Default: those of MMVOXCELEB_REMOVALS.
        removals_offline: If it cannot be read: stop, or use the last one that was read on this machine.
    """

    clips: Annotated[str | None, typer.Option(metavar="FILE", rich_help_panel="Clips")] = None
    missing: Annotated[Missing, CLIPS] = "raise"
    removals: Annotated[tuple[str, ...], REMOVALS] = ()
    removals_offline: Annotated[Offline | None, REMOVALS] = None

    def __post_init__(self) -> None:
        """Let the program, and what it starts, obey the removal lists from here on."""
        obey(self.removals, self.removals_offline)

    def clip_list(self) -> "ClipList | None":
        """Read the list.

        Raises:
            SourceUnavailableError: It cannot be read.
            CorruptSourceError: It is not a clip list, or was changed.
        """
        from mmvoxceleb.cliplists import read_clip_list

        return None if self.clips is None else read_clip_list(self.clips)

    def of(self, store: "Store") -> "Store":
        """Let only the listed clips of a store be seen, and nobody who is on a removal list elsewhere.

        Raises:
            ConfigError: The store lacks one, and ``missing`` is ``raise``.
            SourceUnavailableError: A removal list cannot be read.
        """
        from mmvoxceleb.cliplists.chosen_store import ChosenStore
        from mmvoxceleb.meta.removal_feed import followed
        from mmvoxceleb.meta.removal_list import read_removals

        listed = self.clip_list()
        if listed is None and not followed():
            return store
        return ChosenStore.of(store, listed, missing=self.missing, removals=read_removals(store.location))
