"""``mmvoxceleb view``: look at a dataset in the browser."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from mmvoxceleb.cli.clip_options import ClipOptions, RemovalsOfflineOption, RemovalsOption, obey
from mmvoxceleb.cli.locations import SAMPLE, path_of_location

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb view sample
  mmvoxceleb view /data/mmvoxceleb
  mmvoxceleb view OUT                        (while a run writes there)
  mmvoxceleb view before --compare after     (masks with and without --smooth)
  mmvoxceleb view /data/export --no-browser --port 8000
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("view", epilog=EXAMPLES)(run)


def run(
    location: Annotated[
        str,
        typer.Argument(metavar="PLACE", help="A folder, a zip, a URL, a Parquet export, or 'sample'."),
    ],
    host: Annotated[
        str, typer.Option("--host", help="Where to listen. One that others can reach asks for --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
    token: Annotated[
        str | None, typer.Option("--token", help="Secret part of the address; by default made by chance.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", help="Another PLACE, whose pictures of the same clips are laid beside.")
    ] = None,
    clips: Annotated[
        str | None,
        typer.Option(
            "--clips", metavar="FILE", help="Show these alone: a clip list, or a file with a clip's name in each line."
        ),
    ] = None,
    removals: RemovalsOption = None,
    removals_offline: RemovalsOfflineOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: nothing can be set or marked.")] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who sets labels; by default the user's name.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Look at a dataset in the browser: filters, a player with all modalities, labels by hand, marks for removal."""
    from mmvoxceleb.modalities import LABEL
    from mmvoxceleb.viewer.place import Place
    from mmvoxceleb.viewer.serving import serve
    from mmvoxceleb.viewer.viewing import Viewing

    def ready(address: str) -> None:
        typer.echo(address)
        typer.echo("Ctrl+C ends it. Whoever has the address can see the clips.", err=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    obey(removals, removals_offline)
    place = Place(path_of_location(location))
    mender = marks = None
    root = Path(place.location)
    if not read_only and location != SAMPLE and place.is_root and os.access(root, os.W_OK):
        from mmvoxceleb.files.opening import open_output
        from mmvoxceleb.meta.marks import Marks

        marks = Marks(open_output(place.location))
        if os.access(root / LABEL.folder_name, os.W_OK):
            from mmvoxceleb.processing.labels.mending import LabelMender

            mender = LabelMender(place.location, by or getpass.getuser())
    other = None if compare is None else Place(path_of_location(compare))
    listed = ClipOptions(clips).clip_list()
    only = None if listed is None else frozenset(listed.clips)
    serve(Viewing(place, mender, other, only, marks), host=host, port=port, token=token, ready=ready)
