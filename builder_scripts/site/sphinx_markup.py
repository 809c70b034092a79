"""An extension of Griffe by which mkdocstrings shows the markup of Sphinx in our docstrings."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).parent))  # Griffe loads this file by its path

from docstring_markup import as_markdown

__all__ = ["SphinxMarkup"]


class SphinxMarkup(griffe.Extension):  # type: ignore[misc]  # not installed where `make lint` runs
    """Rewrites the docstrings of a package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        _rewrite(pkg)


def _rewrite(where: griffe.Object | griffe.Alias) -> None:
    if isinstance(where, griffe.Alias):
        return
    if where.docstring:
        text = as_markdown(where.docstring.value, partial(_find, where=where))
        if isinstance(where, griffe.Class) and "NamedTuple" in map(str, where.bases):
            text = text.replace("Args:\n", "Attributes:\n")  # Griffe knows no __init__ of it
        where.docstring.value = text
    for member in where.members.values():
        _rewrite(member)


def _find(name: str, where: griffe.Object) -> str | None:
    if name.startswith("mmvoxceleb."):
        return name
    first, _, rest = name.partition(".")
    try:
        found = where.resolve(first)
    except griffe.NameResolutionError:
        return None
    return f"{found}.{rest}" if rest else found
