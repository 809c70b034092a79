"""``mmvoxceleb validate``: find what is wrong with a store."""

from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.locations import LOCATION_HELP, open_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, paper
from mmvoxceleb.cli.wording import command, counted

if TYPE_CHECKING:
    from rich.console import Console

    from mmvoxceleb.validation import Report

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb validate sample
  mmvoxceleb validate /data/mmvoxceleb --deep
  mmvoxceleb validate /data/mmvoxceleb --json > report.json
  mmvoxceleb validate /data/mmvoxceleb --clips list.json --deep
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate", epilog=EXAMPLES)(takes_options(run))


def run(
    location: Annotated[str, typer.Argument(metavar="PATH", help=LOCATION_HELP)],
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode every picture, and check the colours of the masks.")
    ] = False,
    show: Annotated[int, typer.Option("--show", min=1, help="Problems of each kind to list; all are counted.")] = 10,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Threads that decode. Default: one per core, up to 8.", rich_help_panel="Run"
        ),
    ] = None,
    *,
    chosen: ClipOptions,
    output: JsonOptions,
) -> None:
    """Check counts, names, gaps, labels, texts and splits; with --deep also every picture.

    Exits with 1 on problems, and where there are no clips.
    """
    from mmvoxceleb.validation import validate_store

    store = chosen.of(open_location(location))
    with progress_bar() as tell:
        report = validate_store(
            store,
            deep,
            most_kept=show,
            workers=workers,
            progress=lambda done, total: tell("checking (clips)", total, done=done),
        )
    _print(report, paper())
    is_next = report.ok and report.folders and not deep
    end(report.to_json(), next_command=command("validate", location, "--deep") if is_next else None)
    if not (report.ok and report.folders):
        raise typer.Exit(1)


def _print(report: "Report", console: "Console") -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from mmvoxceleb.validation import problem_titles

    console.print(f"[bold]{escape(report.location)}[/]", soft_wrap=True)
    if report.folders:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("folder")
        for name in ("clips", "files", "missing", "extra"):
            table.add_column(name, justify="right")
        for folder, count in report.folders.items():
            marks = [f"[red]{value:,}[/]" if value else "[dim]0[/]" for value in (count.missing, count.extra)]
            table.add_row(escape(folder), f"{count.clips:,}", f"{count.files:,}", *marks)
        console.print(table)
        for split, clips in report.clips.items():
            console.print(f"{split:<6} {counted(clips, 'clip')} of {counted(report.persons[split], 'person')}")
        console.print(f"all    {counted(report.videos, 'video')}", end="")
        if report.frames_per_clip:
            shortest, median, longest = report.frames_per_clip
            spread = f"{shortest:,} to {longest:,} frames per clip, median {median:,}"
            console.print(f"; {counted(longest, 'frame') if shortest == longest else spread}", end="")
        console.print()
        for reason, number in report.explained.items():
            console.print(f"noted  {counted(number, 'clip')} without {escape(reason)}")
        if report.deep:
            console.print(f"decoded {counted(report.pictures_decoded, 'picture')} in {report.seconds:,.1f} s")
        console.print()
    for kind, title in problem_titles().items():
        total = report.problem_counts.get(kind, 0)
        if not total:
            continue
        console.print(f"[bold]{title}:[/] [bold red]{total:,}[/]")
        kept = report.of_kind(kind)
        for problem in kept:
            console.print(f"  {escape(str(problem))}", soft_wrap=True)
        if total > len(kept):
            console.print(f"  [dim]and {total - len(kept):,} more[/]")
        console.print()
    if report.ok and not report.folders:
        console.print("there are no clips, so nothing was checked")
    elif report.ok:
        note = "" if report.deep else " (pictures were not decoded; --deep decodes them)"
        console.print(f"[bold green]no problems[/]{note}")
    else:
        console.print(f"[bold red]{counted(report.num_problems, 'problem')}[/]")
