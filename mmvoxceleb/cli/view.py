"""``mmvoxceleb view``: look at a dataset in the browser."""

from typing import Annotated

import typer

from mmvoxceleb.cli.locations import path_of_location

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb view sample
  mmvoxceleb view /data/mmvoxceleb
  mmvoxceleb view OUT                        (while a run writes there)
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
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Look at a dataset in the browser: overview with filters, player with masks and drawings, labels."""
    from mmvoxceleb.viewer.place import Place
    from mmvoxceleb.viewer.serving import serve
    from mmvoxceleb.viewer.viewing import Viewing

    def ready(address: str) -> None:
        typer.echo(address)
        typer.echo("Ctrl+C ends it. Whoever has the address can see the clips.", err=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(Viewing(Place(path_of_location(location))), host=host, port=port, token=token, ready=ready)
