"""``mmvoxceleb regenerate draw``: line drawings."""

from pathlib import Path
from typing import Annotated

import typer

from mmvoxceleb.cli.regenerate.running import (
    AddressOption,
    BackendOption,
    BatchOption,
    CompileOption,
    DeviceOption,
    DryRunOption,
    EngineOption,
    LayoutOption,
    LimitOption,
    OutOption,
    OverwriteOption,
    PrecisionOption,
    StoreArgument,
    StrideOption,
    WorkersOption,
    run_pipeline,
    target_of,
)

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate draw my-store

  mmvoxceleb regenerate draw my-store --styles style2,style3 --device cuda --compile

  mmvoxceleb regenerate draw videos.zip --out my-store --layout packed --limit 10

Without a download, for demonstration only:

  mmvoxceleb regenerate draw my-store --drawer sample
"""


def register(app: typer.Typer) -> None:
    """Add ``draw``."""
    app.command(epilog=EXAMPLES)(draw)


def draw(
    store: StoreArgument,
    out: OutOption = None,
    styles: Annotated[str, typer.Option("--styles", help="style1, style2, style3, separated by commas.")] = "style1",
    stride: StrideOption = 4,
    layout: LayoutOption = None,
    drawer: Annotated[
        str, typer.Option("--drawer", help="portrait, or sample: comes with the package, for demonstration.")
    ] = "portrait",
    weights: Annotated[
        Path | None, typer.Option("--weights", help="200_net_G_A.pth; downloaded by default.", show_default=False)
    ] = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    compile_: CompileOption = False,
    backend: BackendOption = "auto",
    batch_size: BatchOption = None,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    limit: LimitOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Draw every 4th frame in lines: an 8-bit grey PNG of 512 px in draw/<style>/.

    Several styles cost less together than apart. Finished clips are skipped, so the same command goes on after a stop.
    """
    from mmvoxceleb.processing.drawings import DrawStage, make_drawer
    from mmvoxceleb.processing.pipeline import Pipeline

    made = make_drawer(
        drawer,
        weights,
        [style.strip() for style in styles.split(",") if style.strip()],
        device=device,
        precision=precision,
        compile=compile_,
        batch_size=batch_size,
        backend=backend,
    )
    stage = DrawStage(made, stride=stride)
    run_pipeline(
        Pipeline([stage]), store, target_of(store, out), layout=layout, overwrite=overwrite, limit=limit,
        dry_run=dry_run, engine=engine, workers=workers, address=address,
    )  # fmt: skip
