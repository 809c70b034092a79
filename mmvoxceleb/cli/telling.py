"""What a command says of its work: lines and a table for people, or with ``--json`` one value for programs."""

import json as jsons
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["INTERRUPTED", "JsonOptions", "end", "is_json", "paper", "say", "stopped"]

_IS_JSON = ContextVar("is_json", default=False)

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


@dataclass(frozen=True)
class JsonOptions:
    """How a command says what it did.

    Args:
        json: Print JSON instead of text.
    """

    json: bool = False

    def __post_init__(self) -> None:
        """Let everything that the command says from here on obey."""
        _IS_JSON.set(self.json)


def is_json() -> bool:
    """Tell whether the command prints JSON, so that nothing else may go to stdout."""
    return _IS_JSON.get()


def say(line: str) -> None:
    """Print a line for people. With ``--json`` nothing: the JSON has to say it."""
    if not is_json():
        typer.echo(line)


def paper() -> "Console":
    """Return the console for tables and colours; with ``--json`` one that shows nothing."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, quiet=is_json())


def end(
    content: Mapping[str, Any] | list[Any], rows: Iterable[tuple[str, str]] = (), *, next_command: str | None = None
) -> None:
    """Say at the end of a command what it did, and what to type next.

    Args:
        content: The whole result as JSON values; an object gets ``next``, where there is a next command.
        rows: The same in short, for people: names and values of a table.
        next_command: A command line, or a line of Python; None where none suggests itself.
    """
    if is_json():
        if next_command is not None and isinstance(content, Mapping):
            content = {**content, "next": next_command}
        typer.echo(jsons.dumps(content, indent=2))
        return
    shown = [*rows, *([("next", next_command)] if next_command else [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        typer.echo(f"{name:<{width}}  {value}")


def stopped(where: object, *, of: str = "clips") -> typer.Exit:
    """Say that Ctrl-C stopped a command that resumes, and return what to raise.

    Args:
        where: What it was writing.
        of: What is finished one by one.
    """
    typer.echo(f"stopped; finished {of} are kept in {where}: rerun the command to resume", err=True)
    return typer.Exit(INTERRUPTED)
