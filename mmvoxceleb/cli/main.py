"""The program ``mmvoxceleb``: one module per command, imported when it is called."""

import difflib
import logging
import os
import sys
from typing import Any, NoReturn

import typer

from mmvoxceleb.cli.lazy import CommandEntry, lazy_group
from mmvoxceleb.cli.telling import INTERRUPTED
from mmvoxceleb.errors import ConfigError, MMVoxCelebError
from mmvoxceleb.extras import extra_with, install_hint

__all__ = ["app", "main"]

COMMANDS = tuple(
    CommandEntry(name, f"mmvoxceleb.cli.{module}", help, group)
    for group, name, module, help in (
        ("Get", "info", "info", "Show versions, devices, decoders and the cache, to paste into a bug report."),
        (
            "Get",
            "download",
            "download",
            "Download zips from Google Drive. An interrupted download resumes, and existing files are kept.",
        ),
        (
            "Get",
            "weights",
            "weights",
            "List the models with their licences and the permitted use of their results; --get downloads models now.",
        ),
        ("Make", "regenerate", "regenerate", "Make modalities from videos or from an existing dataset."),
        ("Make", "convert", "convert", "Copy a store and convert its frames to video files, or to pictures."),
        ("Make", "label", "label", "Import manual labels into a dataset, and export labels."),
        (
            "Look and check",
            "view",
            "view",
            "Look at a dataset in the browser: filters, a player with all modalities, labelling by hand, marks "
            "for removal.",
        ),
        (
            "Look and check",
            "preview",
            "preview",
            "Draw a contact sheet: frames, masks, drawings, attributes and the first sentence of some clips.",
        ),
        (
            "Look and check",
            "validate",
            "validate",
            "Check counts, names, gaps, labels, texts and splits; with --deep also every picture.",
        ),
        (
            "Choose and share out",
            "select",
            "select",
            "Choose clips by scores, attributes, persons and length, or at random, and write a clip list. Nothing is "
            "deleted.",
        ),
        (
            "Choose and share out",
            "diff",
            "diff",
            "Compare two clip lists, or two stores: clips, modalities and files. Exits with 1 if anything differs.",
        ),
        ("Choose and share out", "copy", "copy", "Copy a store, or some of its clips."),
        ("Choose and share out", "merge", "copy", "Merge several stores into a new one."),
        (
            "Choose and share out",
            "split",
            "copy",
            "Split a store into several new ones; all clips of a person go into the same one.",
        ),
        ("Publish", "export", "export", "Write a store as shards with a dataset card. A stopped run resumes."),
        (
            "Publish",
            "push",
            "push",
            "Send an export to the Hugging Face Hub, privately by default. Files that the Hub has are not sent again.",
        ),
        (
            "Publish",
            "remove",
            "remove",
            "Remove people, videos or clips. A store also records them, so that later runs leave them out.",
        ),
    )
)
"""Every command, in the order in which ``--help`` shows them."""

EXIT_CODES = """
Exit codes: 0 done; 1 an error, or clips that failed; 2 a wrong command line; 130 Ctrl-C. An error is a line on stderr.
Of validate and diff: 0 no problem, or no difference; 1 problems, or differences; 2 an error.
"""

ANSWERING = ("validate", "diff")
"""Commands whose exit code 1 is an answer, so that an error is 2, as of the diff of POSIX."""

FAILED, WRONG = 1, 2
"""Exit codes after an error: of the work, and of the command line."""

_ALIKE = 0.7
"""How alike, by difflib, an unknown option and the one that is meant have to be: 0 to 1."""

_UsageError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What typer raises of a command line that it cannot read; it has no public name."""

app = typer.Typer(
    name="mmvoxceleb",
    cls=lazy_group(COMMANDS),
    help="Multimodal VoxCeleb: load, check, look at, regenerate and publish talking-face clips.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"mmvoxceleb {version('mmvoxceleb')}")
        raise typer.Exit


class _Handler(logging.Handler):
    """Shows messages on stderr, above a progress bar. Lines stay whole, so that an address can be copied."""

    def emit(self, record: logging.LogRecord) -> None:
        from rich.console import Console
        from rich.text import Text

        try:
            level = Text(f"{record.levelname:<8} ", style=f"logging.level.{record.levelname.lower()}")
            Console(stderr=True, soft_wrap=True).print(level.append(self.format(record), style="default"))
        except Exception:
            self.handleError(record)


@app.callback()
def _configure(
    version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_tell_version, help="Show the version and exit."
    ),
    log_level: str = typer.Option("WARNING", "--log-level", envvar="MMVOXCELEB_LOG", help="DEBUG, INFO, WARNING."),
) -> None:
    handler = _Handler()
    logging.basicConfig(level=log_level.upper(), format="%(message)s", handlers=[handler], force=True)
    if not logging.getLogger().isEnabledFor(logging.INFO):
        handler.addFilter(lambda record: not getattr(record, "is_repeated", False))


def main() -> None:
    """Run the program. A known error is one line on stderr; ``MMVOXCELEB_DEBUG=1`` shows the trace."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else torch's waiting threads spin (benchmarks/RESULTS.md)
    try:
        code = app(standalone_mode=False)
    except _UsageError as error:
        _end_of_usage(error)
    except typer.Abort as abort:  # Ctrl-C in older versions of typer, or a question that nobody answers
        sys.exit(INTERRUPTED) if isinstance(abort.__cause__, KeyboardInterrupt) else _end("aborted", FAILED)
    except MMVoxCelebError as error:
        _end(str(error), WRONG if isinstance(error, ConfigError) or _called() in ANSWERING else FAILED)
    except ModuleNotFoundError as error:
        if (extra := extra_with(error.name)) is None:
            raise
        _end(f"this command needs {error.name}: {install_hint(extra)}", WRONG if _called() in ANSWERING else FAILED)
    else:
        sys.exit(code or 0)


def _end_of_usage(error: Any) -> NoReturn:
    """End with what typer says of a command line that it cannot read, inside its handler."""
    if type(error).__name__ == "NoArgsIsHelpError":  # which has shown the help when it was made
        sys.exit(WRONG)
    command = error.ctx.command_path if error.ctx is not None else "mmvoxceleb"
    problem = error.format_message().replace("Value error, ", "").rstrip(".")  # which pydantic puts before it
    asked = getattr(error, "option_name", None)
    if asked and getattr(error, "possibilities", None):
        names = {name.lstrip("-"): name for name in error.possibilities}
        near = difflib.get_close_matches(asked.lstrip("-"), names, n=1, cutoff=_ALIKE)
        problem = f"{error.message.rstrip('.')}{f'; do you mean {names[near[0]]}?' if near else ''}"
    _end(f"{problem[:1].lower()}{problem[1:]} (see {command} --help)", WRONG)


def _end(problem: str, code: int) -> NoReturn:
    """End with an error, inside its handler."""
    if os.environ.get("MMVOXCELEB_DEBUG"):
        raise
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, soft_wrap=True, highlight=False).print(f"[bold red]error:[/] {escape(problem)}")
    sys.exit(code)


def _called() -> str | None:
    names = {entry.name for entry in COMMANDS}
    return next((argument for argument in sys.argv[1:] if argument in names), None)
