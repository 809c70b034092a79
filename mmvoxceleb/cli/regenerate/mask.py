"""``mmvoxceleb regenerate mask``: face masks of 19 classes."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.outcomes import Summary

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate mask my-store

  mmvoxceleb regenerate mask videos.zip --out my-store --layout packed --device cuda

  mmvoxceleb regenerate mask my-store --out steady --smooth 2

  mmvoxceleb regenerate mask my-store --out segformer --parser transformers:jonathandinu/face-parsing

Without research-only weights:

  mmvoxceleb regenerate mask my-store --out open --parser open

Without a download, for demonstration only:

  mmvoxceleb regenerate mask my-store --parser sample
"""


def register(app: typer.Typer) -> None:
    """Add ``mask``."""
    app.command(epilog=EXAMPLES)(takes_options(mask))


def mask(
    store: StoreArgument,
    out: OutOption = None,
    stride: StrideOption = 4,
    original_colours: Annotated[
        bool,
        typer.Option("--original-colours", help="Write RGB pictures in the original colours instead of palette PNGs."),
    ] = False,
    smooth: Annotated[
        int,
        typer.Option(
            "--smooth", min=0, help="Average over N frames before and after; 0, as in the original, does not."
        ),
    ] = 0,
    parser: Annotated[
        str,
        typer.Option(
            "--parser",
            help="bisenet; open: models with permissive licences; transformers:<repository or folder>; sample: "
            "bundled, for demonstration.",
        ),
    ] = "bisenet",
    weights: Annotated[Path | None, typer.Option("--weights", help="79999_iter.pth. Default: download it.")] = None,
    *,
    network: NetworkOptions,
    run: RunOptions,
) -> None:
    """Make a mask for every 4th frame: an 8-bit palette PNG whose pixel values are class ids 0 to 18.

    Finished clips are skipped, so the same command resumes a stopped run.
    """
    from mmvoxceleb.processing.masks import MaskStage, make_parser
    from mmvoxceleb.processing.pipeline import Pipeline

    check_licence(run, "parser", parser, weights)
    made = make_parser(parser, str(weights) if weights else None, **asdict(network))
    stage = MaskStage(made, stride=stride, smooth=smooth, encoding="original" if original_colours else "palette")
    run_pipeline(Pipeline([stage]), store, target_of(store, out), run, _rows)


def _rows(summary: "Summary") -> Iterator[tuple[str, str]]:
    figures = summary.as_dict()["mean_figures"]
    if "mask.flicker" in figures:
        before = figures.get("mask.flicker_before")
        was = f", {before:.2%} without smoothing" if before is not None else ""
        yield "flicker", f"{figures['mask.flicker']:.2%} of the pixels change class from one mask to the next{was}"
    if figures.get("mask.frames_without_face"):
        yield "no mask", f"{figures['mask.frames_without_face']:.1f} frames of a clip on average, as they show no face"
