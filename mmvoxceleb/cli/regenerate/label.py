"""``mmvoxceleb regenerate label``: predict the 40 attributes of every clip."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import (
    ModelOptions,
    OutOption,
    RunOptions,
    StoreArgument,
    check_licence,
    target_of,
)
from mmvoxceleb.cli.wording import counted

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.outcomes import Summary

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate label my-dataset
  mmvoxceleb regenerate label my-dataset --weights face_attribute.farl.celeba.pt --frames 8
  mmvoxceleb regenerate label my-dataset --thresholds thresholds.json --overwrite
  mmvoxceleb regenerate label zips/ --out my-labels --weights transformers:user/celeba-attributes
  mmvoxceleb regenerate label my-dataset --weights open      (about 20 attributes, by landmarks, masks and colours)
  mmvoxceleb regenerate label my-dataset --weights sample    (no download; for demonstration only)

thresholds.json holds thresholds by attribute: {"Smiling": 0.4, "Young": 0.6}
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate label``."""
    app.command(name="label", epilog=EXAMPLES)(takes_options(label))


def label(
    store: StoreArgument,
    out: OutOption = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            help="FaRL checkpoint; transformers:FOLDER or transformers:USER/NAME@REVISION; open: about 20 attributes "
            "by measurement, for any use; sample: for demonstration.",
        ),
    ] = None,
    detector: Annotated[
        str, typer.Option("--detector", help="Face detector; FaRL needs one that gives landmarks, such as yunet.")
    ] = "yunet",
    detector_weights: Annotated[
        Path | None, typer.Option("--detector-weights", help="The detector's file. Default: download it.")
    ] = None,
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="Number of frames to look at, spread over the clip.")
    ] = 16,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="An attribute is present above this probability.")
    ] = 0.5,
    thresholds: Annotated[
        Path | None, typer.Option("--thresholds", help="JSON file with thresholds for single attributes.")
    ] = None,
    overwrite_manual: Annotated[
        bool, typer.Option("--overwrite-manual", help="Also replace manual labels. Implies --overwrite.")
    ] = False,
    *,
    model: ModelOptions,
    run: Annotated[RunOptions, without("layout")],
) -> None:
    """Predict the 40 CelebA attributes of every clip.

    Writes label/CLIP.txt, and the probabilities and the model into meta/CLIP.json. Manual labels stay. A clip
    without a face in these frames gets no label; meta/ledger.jsonl has the reason.
    """
    from mmvoxceleb.processing.labels import read_thresholds
    from mmvoxceleb.processing.labels.making import make_label_stage
    from mmvoxceleb.processing.labels.stage import LabelStage
    from mmvoxceleb.processing.licences import attribute_model
    from mmvoxceleb.processing.pipeline import Pipeline

    check_licence(run, "attributes", *attribute_model(weights))
    stage = make_label_stage(
        weights,
        detector=detector,
        detector_weights=detector_weights,
        num_frames=frames,
        threshold=threshold,
        thresholds=read_thresholds(thresholds) if thresholds is not None else None,
        overwrite_manual=overwrite_manual,
        **asdict(model),
    )
    if isinstance(stage, LabelStage) and stage.detector is not None:
        check_licence(run, "detector", detector, detector_weights)
    run = replace(run, overwrite=run.overwrite or overwrite_manual)

    def rows(summary: "Summary") -> Iterator[tuple[str, str]]:
        if stage.kept:
            yield "kept", f"manual labels of {counted(len(stage.kept), 'clip')}; --overwrite-manual replaces them"

    run_pipeline(Pipeline([stage]), store, target_of(store, out), run, rows)
