"""``mmvoxceleb diff``: what differs between two clip lists, or two stores."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.locations import ModalityOption, open_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.progress import progress_bar
from mmvoxceleb.cli.telling import JsonOptions, end, paper, say
from mmvoxceleb.cli.wording import command, counted, first_of

if TYPE_CHECKING:
    from mmvoxceleb.cliplists import ClipList
    from mmvoxceleb.diff import ListDiff, StoreDiff

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb diff ours.json theirs.json
  mmvoxceleb diff /data/mmvoxceleb https://lab.example/mmvoxceleb
  mmvoxceleb diff before after --deep --modality mask --clips list.json
"""


def register(app: typer.Typer) -> None:
    """Add ``diff``."""
    app.command("diff", epilog=EXAMPLES, no_args_is_help=True)(takes_options(diff))


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="A clip list; or a store: folder, zip, URL, 'sample'.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another clip list or store, to compare with A.")],
    deep: Annotated[
        bool, typer.Option("--deep", help="For stores: compare the bytes of all files, not only names and sizes.")
    ] = False,
    modality: ModalityOption = None,
    clips: Annotated[
        str | None,
        typer.Option(
            "--clips", metavar="FILE", help="For stores: compare only the clips of this list.", rich_help_panel="Clips"
        ),
    ] = None,
    show: Annotated[int, typer.Option("--show", min=1, help="How many of each kind to list; all are counted.")] = 5,
    *,
    output: JsonOptions,
) -> None:
    """Compare two clip lists, or two stores: clips, modalities and files. Exits with 1 if anything differs."""
    from mmvoxceleb.diff import diff_lists
    from mmvoxceleb.errors import ConfigError

    lists = [_list_at(place) for place in (a, b)]
    if lists[0] is not None and lists[1] is not None:
        if deep or modality or clips:
            raise ConfigError("--deep, --modality and --clips compare stores, but these are clip lists")
        found = diff_lists(lists[0], lists[1])
        _show_lists(lists[0], lists[1], found, show)
        end(found.to_json())
        is_same = found.is_same
    elif lists[0] is not None or lists[1] is not None:
        one = a if lists[0] is not None else b
        raise ConfigError(
            f"{one} is a clip list, but the other is not; compare two lists or two stores. To check whether a "
            "store has the clips of a list, run: mmvoxceleb validate STORE --clips FILE"
        )
    else:
        compared = _compare(a, b, deep, modality, clips)
        _show_stores(a, b, compared, show)
        again = command("diff", a, b, "--deep") if compared.is_same and not deep else None
        end(compared.to_json(), next_command=again)
        is_same = compared.is_same
    if not is_same:
        raise typer.Exit(1)


def _compare(a: str, b: str, deep: bool, modality: list[str] | None, clips: str | None) -> "StoreDiff":
    from mmvoxceleb.cliplists import read_clip_list
    from mmvoxceleb.diff import diff_stores
    from mmvoxceleb.errors import ConfigError
    from mmvoxceleb.modalities import META, check_modalities

    names = [name for name in modality or () if name != META.name]
    wanted = None if modality is None else {*check_modalities(names), *({META.name} & set(modality))}
    listed = None if clips is None else frozenset(read_clip_list(clips).clips)
    with progress_bar() as tell:
        found = diff_stores(
            open_location(a), open_location(b), deep=deep, modalities=wanted, clips=listed,
            progress=lambda folder, done, total: tell(f"{folder} (clips)", total, done=done),
        )  # fmt: skip
    if not found.folders:
        raise ConfigError("nothing to compare: neither store has clips of these modalities")
    return found


def _list_at(place: str) -> "ClipList | None":
    """Read a clip list; None for what is a store."""
    from mmvoxceleb.cliplists import read_clip_list

    name = place.partition("?")[0].lower()
    is_file = name.endswith((".json", ".txt")) if "://" in place else os.path.isfile(os.path.expanduser(place))
    return read_clip_list(place) if is_file and not name.endswith(".zip") else None


def _show_lists(a: "ClipList", b: "ClipList", found: "ListDiff", show: int) -> None:
    for name, listed in (("A", a), ("B", b)):
        say(f"{name}: {listed.name}, {counted(len(listed), 'clip')}, sha256 {listed.sha256}")
    if found.is_same:
        say("the same")
        return
    for name, clips in (("A", found.only_a), ("B", found.only_b)):
        if clips:
            say(f"only in {name}: {counted(len(clips), 'clip')}")
            for line in first_of(clips, len(clips), shown=show):
                say(line)
    say(f"in both: {counted(found.in_both, 'clip')}" if found.only_a or found.only_b else "the same clips")
    for line in found.others:
        say(line)


def _show_stores(a: str, b: str, found: "StoreDiff", show: int) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    console = paper()
    console.print(escape(f"A: {a}\nB: {b}"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("folder")
    for name in ("only in A", "only in B", "in both", "differ"):
        table.add_column(name, justify="right")
    for name, folder in found.folders.items():
        numbers = (len(folder.only_a), len(folder.only_b), len(folder.differing))
        red = [f"[red]{number:,}[/]" if number else "[dim]0[/]" for number in numbers]
        table.add_row(escape(name), red[0], red[1], f"{folder.compared:,}", red[2])
    console.print(table)
    whole = {"A": found.only_a, "B": found.only_b}
    for where, clips in whole.items():
        if clips:
            console.print(f"only in {where}: {counted(len(clips), 'clip')}")
            for line in first_of(clips, len(clips), shown=show):
                console.print(escape(line), soft_wrap=True)
    for name, folder in found.folders.items():
        for where, only in (("A", folder.only_a), ("B", folder.only_b)):
            clips = sorted(set(only) - set(whole[where]))
            if clips:
                console.print(f"{escape(name)}, only in {where}, of clips that both have: {len(clips):,}")
                for line in first_of(clips, len(clips), shown=show):
                    console.print(escape(line), soft_wrap=True)
        if folder.differing:
            console.print(f"{escape(name)}, different:")
            lines = [f"{clip}: {what}" for clip, what in folder.differing.items()]
            for line in first_of(lines, len(lines), shown=show):
                console.print(escape(line), soft_wrap=True)
        if folder.unsized:
            console.print(
                f"{escape(name)}: of {counted(folder.unsized, 'file')} the sizes are not known; --deep compares bytes"
            )
    if found.removals_differ:
        console.print("the removal lists differ")
    if found.is_same:
        console.print("the same" if found.deep else "the same, by names and sizes of files; --deep compares bytes")
