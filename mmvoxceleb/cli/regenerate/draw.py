"""``mmvoxceleb regenerate draw``: line drawings."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from mmvoxceleb.cli.options import takes_options
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import (
    NetworkOptions,
    OutOption,
    RunOptions,
    StoreArgument,
    StrideOption,
    check_licence,
    target_of,
)
from mmvoxceleb.cli.wording import names_in

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate draw my-store

  mmvoxceleb regenerate draw my-store --styles style2,style3 --device cuda --compile

  mmvoxceleb regenerate draw videos.zip --out my-store --layout packed --limit 10

Real faces without research-only weights, guided by masks where the store has them:

  mmvoxceleb regenerate draw my-store --drawer open --styles lines,sketch

Without a download, for demonstration only:

  mmvoxceleb regenerate draw my-store --drawer sample
"""


def register(app: typer.Typer) -> None:
    """Add ``draw``."""
    app.command(epilog=EXAMPLES)(takes_options(draw))


def draw(
    store: StoreArgument,
    out: OutOption = None,
    styles: Annotated[
        str | None,
        typer.Option(
            "--styles",
            help="style1, style2, style3, separated by commas; for the open drawer: lines, sketch. Default: the first.",
        ),
    ] = None,
    stride: StrideOption = 4,
    drawer: Annotated[
        str,
        typer.Option(
            "--drawer",
            help="portrait; open: without weights, for any use; sample: bundled, for demonstration.",
        ),
    ] = "portrait",
    background: Annotated[
        Literal["keep", "white"],
        typer.Option("--background", help="white: the open drawer draws nothing where the masks say background."),
    ] = "keep",
    weights: Annotated[Path | None, typer.Option("--weights", help="200_net_G_A.pth. Default: download it.")] = None,
    *,
    network: NetworkOptions,
    run: RunOptions,
) -> None:
    """Make a line drawing of every 4th frame: an 8-bit grey PNG of 512 px in draw/<style>/.

    Several styles cost less together than one by one. Finished clips are skipped, so the same command resumes a run.
    """
    from mmvoxceleb.processing.drawings import DrawStage, make_drawer
    from mmvoxceleb.processing.pipeline import Pipeline

    check_licence(run, "drawer", drawer, weights)
    made = make_drawer(drawer, weights, names_in(styles) if styles else None, background=background, **asdict(network))
    run_pipeline(Pipeline([DrawStage(made, stride=stride)]), store, target_of(store, out), run)
