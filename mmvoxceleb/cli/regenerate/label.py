"""``mmvoxceleb regenerate label``: predict the 40 attributes of every clip."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate label my-dataset
  mmvoxceleb regenerate label my-dataset --weights face_attribute.farl.celeba.pt --frames 8
  mmvoxceleb regenerate label my-dataset --thresholds thresholds.json --overwrite
  mmvoxceleb regenerate label zips/ --out my-labels --weights transformers:user/celeba-attributes

thresholds.json holds thresholds by attribute: {"Smiling": 0.4, "Young": 0.6}
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate label``."""
    app.command(name="label", epilog=EXAMPLES)(label)


def label(
    store: Annotated[str, typer.Argument(help="A dataset with frames: folder, zips or URL.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to. Default: STORE itself.")] = None,
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="FaRL checkpoint, or transformers:FOLDER or transformers:USER/NAME@REVISION."),
    ] = None,
    detector: Annotated[
        str, typer.Option("--detector", help="Finds faces; must give landmarks for FaRL, which yunet does.")
    ] = "yunet",
    detector_weights: Annotated[
        Path | None, typer.Option("--detector-weights", help="The detector's file; downloaded by default.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames looked at, spread over the clip.")] = 16,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="An attribute holds above this probability.")
    ] = 0.5,
    thresholds: Annotated[
        Path | None, typer.Option("--thresholds", help="JSON file of other thresholds by attribute.")
    ] = None,
    clip: Annotated[list[str] | None, typer.Option("--clip", help="Only this clip; repeat it.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[str, typer.Option("--precision", help="auto, fp32, fp16, bf16.")] = "auto",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Frames per pass of the network.")] = 16,
    limit: Annotated[
        int | None, typer.Option("--limit", min=0, help="Do at most so many clips; 0 checks and stops.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and stop.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace labels of other settings or of unknown origin.")
    ] = False,
    overwrite_manual: Annotated[
        bool, typer.Option("--overwrite-manual", help="Replace labels made by hand, too. Implies --overwrite.")
    ] = False,
) -> None:
    """Predict the 40 CelebA attributes of every clip.

    Writes label/CLIP.txt, and the probabilities and the model into meta/CLIP.json. Labels made by hand stay. A clip
    without a face in the frames looked at gets no label; the reason is in meta/ledger.jsonl.
    """
    from mmvoxceleb.cli.regenerate.label_run import folder_to_write, run_stages
    from mmvoxceleb.processing.detectors import open_detector
    from mmvoxceleb.processing.engines.work import ClipWork
    from mmvoxceleb.processing.label_stage import LabelStage
    from mmvoxceleb.processing.labels import AttributePredictor, read_thresholds
    from mmvoxceleb.processing.output import StoreWriter
    from mmvoxceleb.processing.source import StoreSource
    from mmvoxceleb.stores import open_store

    root = folder_to_write(store, out)
    predictor = AttributePredictor(weights, device=device, precision=precision, batch_size=batch_size)  # type: ignore[arg-type]
    finder = open_detector(detector, weights=detector_weights, device=device) if predictor.needs_landmarks else None
    stage = LabelStage(
        predictor,
        finder,
        num_frames=frames,
        threshold=threshold,
        thresholds=read_thresholds(thresholds) if thresholds is not None else None,
        overwrite_manual=overwrite_manual,
    )
    source = StoreSource(open_store(store))
    work = ClipWork(source, StoreWriter(root), [stage], overwrite=overwrite or overwrite_manual)
    clip_ids = clip or source.clip_ids()
    kept = sum(stage.keeps(work.provenance.section(clip_id, stage.name) or {}) for clip_id in clip_ids)
    if kept:
        typer.echo(f"label: {kept} clips keep their labels made by hand")
    run_stages(work, clip_ids, limit=limit, dry_run=dry_run, what="label")
