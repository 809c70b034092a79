"""The program ``mmvoxceleb``: one module per command, imported when it is called."""

import logging
import os
import sys

import typer

from mmvoxceleb.cli.lazy import CommandEntry, lazy_group
from mmvoxceleb.errors import MMVoxCelebError

__all__ = ["app", "main"]

COMMANDS = tuple(
    CommandEntry(name, f"mmvoxceleb.cli.{module}", help)
    for name, module, help in (
        ("info", "info", "Show versions, devices, decoders and the cache, to paste into a bug report."),
        (
            "download",
            "download",
            "Download zips from Google Drive. An interrupted download resumes, and existing files are kept.",
        ),
        (
            "weights",
            "weights",
            "List the models with their licences and the permitted use of their results; --get downloads models now.",
        ),
        (
            "validate",
            "validate",
            "Check counts, names, gaps, labels, texts and splits; with --deep also every picture. Exits with 1 on "
            "problems.",
        ),
        (
            "preview",
            "preview",
            "Draw a contact sheet: frames, masks, drawings, attributes and the first sentence of some clips.",
        ),
        (
            "view",
            "view",
            "Look at a dataset in the browser: filters, a player with all modalities, labelling by hand, marks "
            "for removal.",
        ),
        (
            "select",
            "select",
            "Choose clips by scores, attributes, persons and length, or at random, and write a clip list. Nothing is "
            "deleted.",
        ),
        (
            "diff",
            "diff",
            "Compare two clip lists, or two stores: clips, modalities and files. Exits with 1 if anything differs.",
        ),
        ("convert", "convert", "Copy a store and convert its frames to video files, or to pictures."),
        ("copy", "copy", "Copy a store, or some of its clips."),
        ("merge", "copy", "Merge several stores into a new one."),
        (
            "split",
            "copy",
            "Split a store into several new ones; all clips of a person go into the same one.",
        ),
        ("export", "export", "Write a store as shards with a dataset card. A stopped run resumes."),
        (
            "push",
            "push",
            "Send an export to the Hugging Face Hub, privately by default. Files that the Hub has are not sent again.",
        ),
        (
            "remove",
            "remove",
            "Remove people, videos or clips. A store also records them, so that later runs leave them out.",
        ),
        ("regenerate", "regenerate", "Make modalities from videos or from an existing dataset."),
        ("label", "label", "Import manual labels into a dataset, and export labels."),
    )
)
"""Every command, in the order in which ``--help`` shows them."""

app = typer.Typer(
    name="mmvoxceleb",
    cls=lazy_group(COMMANDS),
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
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=log_level.upper(), format="%(message)s", handlers=[handler], force=True)
    if not logging.getLogger().isEnabledFor(logging.INFO):
        handler.addFilter(lambda record: not getattr(record, "is_repeated", False))


def main() -> None:
    """Run the program. A known error is one line and exit code 1; ``MMVOXCELEB_DEBUG=1`` shows the trace."""
    try:
        app()
    except MMVoxCelebError as error:
        if os.environ.get("MMVOXCELEB_DEBUG"):
            raise
        from rich.console import Console
        from rich.markup import escape

        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(1)
