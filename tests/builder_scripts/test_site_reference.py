"""The reference of the site: what is in it, and how docstrings come to be pages."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from docstring_markup import as_markdown

from mmvoxceleb import errors

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "mmvoxceleb",
    "mmvoxceleb.diff",
    "mmvoxceleb.preview",
    "mmvoxceleb.processing",
    "mmvoxceleb.sampling",
    "mmvoxceleb.select",
    "mmvoxceleb.stores",
    "mmvoxceleb.validation",
)


def test_every_error_says_when_it_comes_and_what_to_do() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    assert {kind for _, kind in inspect.getmembers(errors, inspect.isclass)} == set(classes)
    for kind in classes:
        summary, when, what = inspect.cleandoc(kind.__doc__).split("\n\n")
        assert summary.endswith(".")
        assert when.startswith("When: "), kind
        assert what.startswith("What to do: "), kind
        assert kind.__name__ in (errors.__doc__ or "")


def named_in_the_reference() -> set[str]:
    text = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    return set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))


def test_what_is_named_in_the_reference_is_there() -> None:
    for name in named_in_the_reference():
        module, _, last = name.rpartition(".")
        if name != "mmvoxceleb.errors":
            assert getattr(importlib.import_module(module), last).__doc__, name


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_public_is_in_the_reference(package: str) -> None:
    there = {name.rpartition(".")[2] for name in named_in_the_reference()}
    assert set(importlib.import_module(package).__all__) - {"__version__"} <= there


def test_sphinx_becomes_markdown() -> None:
    text = """See :meth:`~Here.go` or :class:`Nowhere`::

    ====== =====
    key    value
    ====== =====
    ``a``  some
           more
    ====== =====

When: it rains.
"""
    assert as_markdown(text, {"Here.go": "us.Here.go"}.get) == (
        'See <autoref optional identifier="us.Here.go">`go`</autoref> or `Nowhere`:\n\n'
        "| key | value |\n| --- | --- |\n| ``a`` | some more |\n\n**When:** it rains.\n"
    )
