"""Counts and lists as the commands print them."""

import shlex
from collections.abc import Iterable, Iterator
from itertools import islice

from mmvoxceleb.counting import counted

__all__ = ["SHOWN", "command", "counted", "first_of", "names_in"]

SHOWN = 5
"""How many of a list are shown."""


def command(*words: object) -> str:
    """Return a command line of mmvoxceleb that can be pasted into a shell, whatever the names of files are."""
    return f"mmvoxceleb {shlex.join(map(str, words))}"


def first_of(lines: Iterable[str], count: int, more: str = "", shown: int = SHOWN) -> Iterator[str]:
    """Yield the first lines, indented, and how many more there are.

    Args:
        lines: At least as many as are shown, if there are so many.
        count: How many there are in all.
        more: Ends the last line: where the rest is.
        shown: How many to show.
    """
    yield from (f"  {line}" for line in islice(lines, shown))
    if count > shown:
        yield f"  and {count - shown:,} more{more}"


def names_in(text: str) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in text.split(",") if name.strip()]
