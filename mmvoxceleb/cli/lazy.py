"""Groups of commands that are imported when they are called: lists of commands need no module of theirs."""

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["CommandEntry", "LazyGroup", "lazy_group"]


class CommandEntry(NamedTuple):
    """A command, as lists of commands show it.

    Args:
        name: What users type.
        module: Where it is: the module has a ``register`` that adds it, among others perhaps.
        help: The first paragraph of its help, as one line.
        group: Under which heading it stands in the list.
    """

    name: str
    module: str
    help: str
    group: str | None = None


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and help, and imports the one that is called or completed."""

    entries: Sequence[CommandEntry] = ()

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update(
            {
                entry.name: TyperCommand(entry.name, help=entry.help, rich_help_panel=entry.group)
                for entry in self.entries
            }
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with, and import it."""
        self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> None:
        """Put a command in the place of its entry. Nothing happens if there is none of this name."""
        entry = next((entry for entry in self.entries if entry.name == name), None)
        if entry is None:
            return
        app = typer.Typer(rich_markup_mode=self.rich_markup_mode, pretty_exceptions_enable=False)
        importlib.import_module(entry.module).register(app)
        self.commands[name] = typer.main.get_group(app).commands[name]


def lazy_group(entries: Sequence[CommandEntry]) -> type[LazyGroup]:
    """Return the class of a group of these commands, in this order, for ``typer.Typer(cls=...)``."""
    return type("LazyGroup", (LazyGroup,), {"entries": tuple(entries)})
