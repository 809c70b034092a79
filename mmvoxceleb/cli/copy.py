"""``mmvoxceleb copy``, ``merge`` and ``split``: stores as material for others."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.clip_options import ClipOptions
from mmvoxceleb.cli.locations import LOCATION_HELP, path_of_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, say, stopped
from mmvoxceleb.cli.wording import command, counted
from mmvoxceleb.cpus import usable_cpus

if TYPE_CHECKING:
    from mmvoxceleb.cliplists import ClipList
    from mmvoxceleb.meta.ledger import LedgerRow
    from mmvoxceleb.processing.copying import CopyReport

COPY_EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb copy /data/mmvoxceleb chosen --clips list.json
  mmvoxceleb copy https://lab.example/mmvoxceleb here
  mmvoxceleb copy /data/mmvoxceleb s3://bucket/mmvoxceleb
"""
MERGE_EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb merge vox1 vox2 both
  mmvoxceleb merge frames masks whole          (of one clip, the frames of one store and the masks of another)
"""
SPLIT_EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb split /data/mmvoxceleb splits              (splits/train and splits/test)
  mmvoxceleb split /data/mmvoxceleb shares --parts 4    (shares/part-0-of-4 and so on; a person is in one of them)
"""

OutArgument = Annotated[str, typer.Argument(metavar="OUT", help="New store: a folder, or a URL.")]


_MOST_NEXT = 3
"""Stores that the next command checks; of more the first alone."""

RUN = typer.Option(rich_help_panel="Run")


@dataclass(frozen=True)
class CopyOptions(ClipOptions):
    """Which clips are copied, and how.

    Args:
        layout: A folder of files per clip, or one zip per clip. Default: folder; packed on a URL.
        link: Make hard links on the same disk, which take no space. Default: where possible.
        overwrite: Replace files of OUT that differ.
        workers: Threads that read. Default: one per core.
    """

    layout: Literal["folder", "packed"] | None = None
    link: bool = True
    overwrite: Annotated[bool, RUN] = False
    workers: Annotated[int, typer.Option(rich_help_panel="Run", show_default=False)] = 0


def register(app: typer.Typer) -> None:
    """Add ``copy``, ``merge`` and ``split``."""
    app.command("copy", epilog=COPY_EXAMPLES, no_args_is_help=True)(takes_options(copy))
    app.command("merge", epilog=MERGE_EXAMPLES, no_args_is_help=True)(takes_options(merge))
    app.command("split", epilog=SPLIT_EXAMPLES, no_args_is_help=True)(takes_options(split))


def copy(
    store: Annotated[str, typer.Argument(metavar="STORE", help=LOCATION_HELP)],
    out: OutArgument,
    options: CopyOptions,
    output: JsonOptions,
) -> None:
    """Copy a store, or some of its clips.

    Provenance, ledger and removal list are copied, too. Rerun the command to resume.
    """
    _end({out: _copy([store], out, options, options.clip_list())})


def merge(
    stores: Annotated[list[str], typer.Argument(metavar="STORE... OUT", help="Two or more stores, then the new one.")],
    options: CopyOptions,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Also merge results that were made with different settings.")
    ] = False,
    *,
    output: JsonOptions,
) -> None:
    """Merge several stores into a new one.

    What several stores have of a clip must be equal, and is copied once; what only one has is added. Stores that
    contradict each other, or were made with different settings, are refused before anything is written. Whoever is on
    the removal list of one of them stays out.
    """
    from mmvoxceleb.errors import ConfigError

    *sources, out = stores
    if len(sources) < 2:
        raise ConfigError("merge takes two or more stores and OUT; to copy one: mmvoxceleb copy STORE OUT")
    _tell_what_lacks(sources, out)
    _end({out: _copy(sources, out, options, options.clip_list(), mixed=mixed)})


def _tell_what_lacks(stores: list[str], out: str) -> None:
    """Name the folders that only some of the stores have; where these are read, clips of the others are left out."""
    from mmvoxceleb.modalities import META
    from mmvoxceleb.stores import open_store

    found = {store: set(open_store(path_of_location(store)).folders()) for store in stores}
    every = sorted(folder for folder in set.union(*found.values()) if folder.kind is not META)
    for store, folders in found.items():
        if lacking := [str(folder) for folder in every if folder not in folders]:
            say(f"{store}: has no {', '.join(lacking)}, which others have; so its clips lack this in {out}")


def split(
    store: Annotated[str, typer.Argument(metavar="STORE", help=LOCATION_HELP)],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder or URL in which the new stores are made.")],
    options: CopyOptions,
    parts: Annotated[
        int | None,
        typer.Option("--parts", min=1, help="Number of stores, of about equal size. Default: train and test."),
    ] = None,
    *,
    output: JsonOptions,
) -> None:
    """Split a store into several new ones; all clips of a person go into the same one.

    By default by split: OUT/train, and OUT/test with VoxCeleb1's test identities.
    """
    from mmvoxceleb.cliplists.clip_list import ClipList
    from mmvoxceleb.cliplists.selection import split_clips
    from mmvoxceleb.processing.copying import split_persons
    from mmvoxceleb.stores import open_store

    whole = options.of(open_store(path_of_location(store)))
    if parts is None:
        (clips,) = split_persons(whole, 1)
        shares = {name: list(found) for name, found in split_clips(clips).items() if found}
        for name in {"train", "test"} - shares.keys():
            say(
                f"no {name} store: no clip is of a {name} identity; to divide by persons in another way, pass --parts N"
            )
    else:
        shares = {f"part-{n}-of-{parts}": share for n, share in enumerate(split_persons(whole, parts))}
    done = {}
    for name, clips in shares.items():
        persons = {clip.partition("#")[0] for clip in clips}
        place = f"{out.rstrip('/')}/{name}"
        done[place] = _copy(
            [store], place, options, ClipList.of(clips),
            keeps_row=lambda row, persons=persons: row.clip_id.partition("#")[0] in persons,  # type: ignore[misc]  # bound now
        )  # fmt: skip
    _end(done)


def _copy(
    stores: list[str],
    out: str,
    options: CopyOptions,
    clips: "ClipList | None",
    keeps_row: "Callable[[LedgerRow], bool] | None" = None,
    *,
    mixed: bool = False,
) -> "CopyReport":
    from mmvoxceleb.processing.copying import copy_stores

    try:
        with progress_bar() as tell:
            return copy_stores(
                [path_of_location(store) for store in stores], out,
                clips=clips, missing=options.missing, layout=options.layout, link=options.link,
                overwrite=options.overwrite, mixed=mixed, workers=options.workers or usable_cpus(), keeps_row=keeps_row,
                progress=lambda what, more, total: tell(what, total, more=more),
            )  # fmt: skip
    except KeyboardInterrupt:
        raise stopped(out) from None


def _end(reports: "dict[str, CopyReport]") -> None:
    """Say what became of the new stores, by their places.

    Raises:
        ProcessingError: Clips could not be copied.
    """
    from mmvoxceleb.errors import ProcessingError

    rows = []
    for place, report in reports.items():
        parts = [f"{report.kept:,} there already"] if report.kept else []
        parts += [f"{report.shared:,} in several stores"] if report.shared else []
        parts += [f"{report.removed:,} on a removal list left out"] if report.removed else []
        rows += [
            ("store", place),
            ("clips", f"{report.clips:,}{' (' + ', '.join(parts) + ')' if parts else ''}"),
            ("files", f"{report.linked:,} linked, {report.copied:,} copied ({counted(report.bytes, 'byte')})"),
        ]
    failed = [reason for report in reports.values() for reason in report.failed.values()]
    stores = [{"location": place, **asdict(report)} for place, report in reports.items()]
    to_check = list(reports) if len(reports) <= _MOST_NEXT else list(reports)[:1]
    commands = " && ".join(command("validate", place) for place in to_check)
    end({"stores": stores}, rows, next_command=None if failed else commands)
    if failed:
        raise ProcessingError(f"{counted(len(failed), 'clip')} could not be copied:\n" + "\n".join(failed))
