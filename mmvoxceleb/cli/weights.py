"""``mmvoxceleb weights``: the model weights, their licences, and whether they are on this machine."""

from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb weights

  mmvoxceleb weights --get bisenet --get portrait-drawing

  MMVOXCELEB_WEIGHTS=/data/weights mmvoxceleb weights
"""


def register(app: typer.Typer) -> None:
    """Add ``weights``."""
    app.command(epilog=EXAMPLES)(weights)


def weights(
    get: Annotated[
        list[str] | None, typer.Option("--get", metavar="NAME", help="Download this one now; repeat it.")
    ] = None,
) -> None:
    """List the published weights with licence, paper and location; --get downloads some ahead of time.

    Every command downloads what it needs when it needs it. Files in the folders named by MMVOXCELEB_WEIGHTS
    come first.
    """
    from mmvoxceleb.processing.sample_models import sample_weights
    from mmvoxceleb.processing.weights import PUBLISHED, find, locate, weights_cache_dir

    for name in get or ():
        locate(name)
    for record in PUBLISHED.values():
        path = find(record)
        typer.echo(f"{record.key}  ({record.file_name})")
        typer.echo(f"  for      {record.purpose}")
        typer.echo(f"  licence  {record.licence}")
        typer.echo(f"  paper    {record.paper}")
        size = f"{record.size_bytes:,} bytes" if record.size_bytes else "size not published"
        typer.echo(f"  file     {size}, sha256 {record.sha256 or 'not published'}")
        typer.echo(f"  here     {path or 'no; downloaded when needed to ' + str(weights_cache_dir())}")
    typer.echo("open  (no weights)")
    typer.echo("  for      drawings: coherent line drawing")
    typer.echo("  licence  that of this package; the drawings may be used as the videos may")
    typer.echo("  paper    Kang, Lee and Chui, Coherent Line Drawing, NPAR 2007")
    typer.echo("  use      --drawer open")
    typer.echo("sample  (comes with the package)")
    typer.echo("  for      demonstration: masks, drawings, labels of generated faces; not for research")
    typer.echo("  use      --parser sample, --drawer sample, --weights sample")
    typer.echo(f"  here     {sample_weights()}")
