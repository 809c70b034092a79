"""``mmvoxceleb label``: hand-made attributes into a dataset, and attributes out of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, say
from mmvoxceleb.cli.wording import command, counted

if TYPE_CHECKING:
    from mmvoxceleb.processing.labels.importing import ImportReport

IMPORT_EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb label import face-attributes-2_parse_json.txt my-dataset
  mmvoxceleb label import attributes.csv my-dataset --dry-run
  mmvoxceleb label import attributes.json my-dataset --strict

A line of the parsed form: id11248#yDqlBD8m_b8#00004.txt#000.mp4,Smiling,Wearing Hat
A table's first line: clip_id,Smiling,Wearing_Hat (1, 0, or empty where unknown)
JSON: {"CLIP": ["Smiling"]} or {"CLIP": {"Smiling": 1}} or [{"clip_id": "CLIP", "attributes": ["Smiling"]}]
"""

EXPORT_EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb label export my-dataset labels.csv
  mmvoxceleb label export my-dataset labels.json --predicted --drop-sensitive
  mmvoxceleb label export my-dataset labels.txt
"""


def register(app: typer.Typer) -> None:
    """Add ``label import`` and ``label export``."""
    label = typer.Typer(no_args_is_help=True, help="Import manual labels into a dataset, and export labels.")
    label.command(name="import", epilog=IMPORT_EXAMPLES)(takes_options(import_))
    label.command(name="export", epilog=EXPORT_EXAMPLES)(takes_options(export))
    app.add_typer(label, name="label")


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Annotations: parsed form (.txt), table (.csv) or .json.")
    ],
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder of the dataset.")],
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Skip names that are not CelebA attributes.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Also import clips without any attribute.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Treat unknown clips, empty labels, contradictions and known values that become unknown as errors.",
        ),
    ] = False,
    keep_others: Annotated[
        bool,
        typer.Option("--keep-others", help="Keep the values of attributes that FILE does not name or leaves empty."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be imported, and stop.", rich_help_panel="Run")
    ] = False,
    *,
    output: JsonOptions,
) -> None:
    """Write manual labels into a dataset. They replace predicted ones, and later predictions leave them alone."""
    from mmvoxceleb.processing.labels.importing import import_labels

    with progress_bar() as tell:
        report = import_labels(
            file,
            store,
            ignore_unknown=ignore_unknown,
            allow_empty=allow_empty,
            strict=strict,
            keep_others=keep_others,
            dry_run=dry_run,
            progress=lambda done, total: tell("importing (labels)", total, done=done),
        )
    _show(report, store, dry_run)


def _show(report: "ImportReport", store: str, dry_run: bool) -> None:
    verb = "would be written" if dry_run else "written"
    for source, count in sorted(report.replaced.items()):
        say(f"  {'would replace' if dry_run else 'replaced'}: {counted(count, 'label')} ({source})")
    if report.negative:
        say(f"  -1 is read as absent ({counted(report.negative, 'value')}): the file has no 0, like CelebA's own")
    if report.forgotten:
        say(
            f"  {'to become' if dry_run else 'became'} unknown: {counted(sum(report.forgotten.values()), 'value')} of "
            f"{_some(list(report.forgotten))} that the file leaves open; --keep-others keeps them"
        )
    for name, count in report.unknown_names.most_common():
        say(f"  left out: {name!r} is not an attribute ({counted(count, 'time')})")
    for clips, why in (
        (report.unknown_clips, "not in the dataset"),
        (report.empty, "no attribute is set; --allow-empty imports them"),
        (report.predicted, "predicted by a model, as the file says"),
        (report.removed, "on the removal list"),
    ):
        if clips:
            say(f"  left out: {_some(clips)}: {why}")
    for clip, both in list(report.contradictions.items())[:5]:
        say(f"  doubtful: {clip}: {'; '.join(both)}")
    if len(report.contradictions) > 5:
        say(f"  doubtful: {counted(len(report.contradictions) - 5, 'more clip')}")
    if report.stale_text:
        say(f"  out of date: the text of {_some(report.stale_text)}")
    again = command("regenerate", "text", store, "--overwrite") if report.stale_text else command("view", store)
    end(
        {"location": store, "dry_run": dry_run, **vars(report)},
        [
            ("store", store),
            ("labels", f"{counted(len(report.written), 'label')} {verb}, {len(report.unchanged):,} already there"),
        ],
        next_command=None if dry_run else again,
    )


def _some(clips: list[str]) -> str:
    return f"{counted(len(clips), 'clip')} ({', '.join(clips[:3])}{', ...' if len(clips) > 3 else ''})"


def export(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A dataset: folder, zips or URL.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="File to write: .csv, .json, or .txt for the parsed form.")
    ],
    predicted: Annotated[
        bool, typer.Option("--predicted", help="Also export what a model predicted, marked as such.")
    ] = False,
    drop_sensitive: Annotated[
        bool, typer.Option("--drop-sensitive", help="Omit the sensitive attributes (Male, Young, ...).")
    ] = False,
    *,
    output: JsonOptions,
) -> None:
    """Write the labels of a dataset into one file, which label import reads again."""
    from mmvoxceleb.processing.labels.exporting import export_labels

    report = export_labels(store, file, include_predicted=predicted, drop_sensitive=drop_sensitive)
    if report.predicted:
        say(f"  left out: {counted(len(report.predicted), 'predicted label')}; --predicted writes them, too")
    if report.partly:
        say(
            f"  {counted(len(report.partly), 'clip')} with only the attributes that were set by hand; --predicted also "
            "writes those that a model predicted"
        )
    if report.left_out:
        say(f"  left out: {counted(len(report.left_out), 'sensitive attribute')}: {', '.join(report.left_out)}")
    if file.suffix.lower() == ".txt" and (report.left_out or report.open_values):
        say(
            "  note: the parsed form cannot say that a value is unknown; a later import of this file would read "
            "it as 'absent'. Write .csv or .json to keep it"
        )
    end(
        {"output": str(file), **vars(report)},
        [("file", str(file)), ("labels", f"{len(report.written):,} written")],
        next_command=command("label", "import", file, "STORE", *["--keep-others"] * bool(report.partly)),
    )
