"""``mmvoxceleb view``: look at a dataset in the browser."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from mmvoxceleb.cli.clip_options import ClipOptions, RemovalsOfflineOption, RemovalsOption, obey
from mmvoxceleb.cli.locations import SAMPLE, path_of_location
from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.telling import JsonOptions, end, say

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
    app.command("view", epilog=EXAMPLES)(takes_options(run))


def run(
    location: Annotated[
        str,
        typer.Argument(metavar="PLACE", help="A folder, a zip, a URL, a Parquet export, or 'sample'."),
    ],
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. One that other machines can reach requires --token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 chooses a free one.")] = 0,
    token: Annotated[
        str | None, typer.Option("--token", help="Secret part of the address. Default: a random one.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", help="Another PLACE, whose pictures of the same clips are shown beside.")
    ] = None,
    clips: Annotated[
        str | None,
        typer.Option(
            "--clips",
            metavar="FILE",
            help="Show only these clips: a clip list, or a file with one clip name per line.",
            rich_help_panel="Clips",
        ),
    ] = None,
    removals: RemovalsOption = None,
    removals_offline: RemovalsOfflineOption = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Change nothing: labels and marks cannot be set.")
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", help="Name to record with labels that you set. Default: your user name.")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    *,
    output: JsonOptions,
) -> None:
    """Look at a dataset in the browser: filters, a player with all modalities, labelling by hand, marks for removal."""
    from mmvoxceleb.cliplists.chosen_store import choose_in
    from mmvoxceleb.modalities import LABEL, META
    from mmvoxceleb.viewer.place import Place
    from mmvoxceleb.viewer.serving import serve
    from mmvoxceleb.viewer.viewing import Viewing

    def ready(address: str) -> None:
        say(address)
        end({"address": address})
        typer.echo("Press Ctrl+C to stop. Everyone who has the address can see the clips.", err=True)
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
    only = None
    if listed is not None:
        folders = [folder for folder in place.store.folders() if folder.kind is not META]
        there = {clip for folder in folders for clip in place.store.clips(folder)}
        only = frozenset(choose_in(there, listed, place.location, missing="skip"))
    serve(Viewing(place, mender, other, only, marks), host=host, port=port, token=token, ready=ready)
