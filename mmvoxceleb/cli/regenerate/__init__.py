"""``mmvoxceleb regenerate``: make a modality again. One module per modality."""

import importlib

import typer

STAGES: tuple[str, ...] = ("everything", "crop", "audio", "mask", "draw", "landmarks", "label", "text", "score")
"""Modules of this package that add a subcommand: all stages in one go, then each by itself."""


def register(app: typer.Typer) -> None:
    """Add ``regenerate`` and its subcommands."""
    regenerate = typer.Typer(no_args_is_help=True, help="Make modalities from videos or from an existing dataset.")
    for stage in STAGES:
        importlib.import_module(f"mmvoxceleb.cli.regenerate.{stage}").register(regenerate)
    app.add_typer(regenerate, name="regenerate")
