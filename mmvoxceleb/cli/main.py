"""The program ``mmvoxceleb``: one module per command, each with a ``register`` that adds it."""

import importlib
import logging
import os
import sys

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from mmvoxceleb.errors import MMVoxCelebError

__all__ = ["app", "main"]

COMMANDS: tuple[str, ...] = (
    "info",
    "download",
    "weights",
    "validate",
    "preview",
    "view",
    "regenerate",
    "label",
    "select",
    "diff",
    "convert",
    "copy",
    "export",
    "push",
    "remove",
)
"""Modules of this package that add a command, in the order in which ``--help`` shows them."""

app = typer.Typer(
    name="mmvoxceleb",
    help="Multimodal VoxCeleb: load, check, look at, regenerate and publish talking-face clips.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _configure(
    log_level: str = typer.Option("WARNING", "--log-level", envvar="MMVOXCELEB_LOG", help="DEBUG, INFO, WARNING."),
) -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=log_level.upper(), format="%(message)s", handlers=[handler], force=True)
    if not logging.getLogger().isEnabledFor(logging.INFO):
        handler.addFilter(lambda record: not getattr(record, "is_repeated", False))


for _command in COMMANDS:
    importlib.import_module(f"mmvoxceleb.cli.{_command}").register(app)


def main() -> None:
    """Run the program. A known error is one line and exit code 1; ``MMVOXCELEB_DEBUG=1`` shows the trace."""
    try:
        app()
    except MMVoxCelebError as error:
        if os.environ.get("MMVOXCELEB_DEBUG"):
            raise
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
