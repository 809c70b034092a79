"""``mmvoxceleb regenerate all``: from raw videos to a finished dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.regenerate.crop_options import (
    FACES,
    AnnotationsOption,
    BoxesOption,
    CropChoices,
    CroppedOption,
    DetectorOption,
    DownloadOption,
    IdentitiesOption,
    ListFormOption,
    ListOption,
    MetadataOption,
    MinFaceOption,
    MinFramesOption,
    SizeOption,
    SmoothBoxOption,
    check_models,
    find_videos,
    make_crop_stage,
)
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
    OverwriteOption,
    PrecisionOption,
    StrideOption,
    WorkersOption,
    run_pipeline,
)
from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from mmvoxceleb.processing.stage import Stage

__all__ = ["register"]

STAGES: tuple[str, ...] = ("crop", "mask", "draw", "label", "text")

EXAMPLES = """
[bold]Examples[/]

Any folder of face videos, on every GPU of this machine:

  mmvoxceleb regenerate all videos/ out/

VoxCeleb with its annotations, as the original was made:

  mmvoxceleb regenerate all videos/ out/ --annotations txt/

On the Ray cluster that this machine belongs to:

  mmvoxceleb regenerate all /shared/videos /shared/out --engine ray --address auto

Into a bucket, with the credentials of the AWS command line:

  mmvoxceleb regenerate all videos/ s3://bucket/dataset

Without any download, with the sample models, which are for demonstration alone:

  mmvoxceleb regenerate all videos/ out/ --detector haar --models sample

Masks and text of clips that exist:

  mmvoxceleb regenerate all my-store more/ --stages mask,text
"""

MODELS = "Models"
_weights = "The {} weights; downloaded by default."


def register(app: typer.Typer) -> None:
    """Add ``all``."""
    app.command("all", epilog=EXAMPLES, no_args_is_help=True)(everything)


def everything(
    raw: Annotated[
        str,
        typer.Argument(
            metavar="RAW",
            help="Folder of videos, or one video; without crop, a store with video/<clip>: folder, zip or URL.",
        ),
    ],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Store to write: a folder, or a URL as s3://BUCKET/NAME.")],
    stages: Annotated[
        str, typer.Option("--stages", help="Which to run, separated by commas; they run in this order.")
    ] = ",".join(STAGES),
    annotations: AnnotationsOption = None,
    metadata: MetadataOption = None,
    identities: IdentitiesOption = None,
    list_: ListOption = None,
    list_form: ListFormOption = "csv",
    cropped: CroppedOption = False,
    download: DownloadOption = False,
    detector: DetectorOption = None,
    detector_weights: Annotated[
        Path | None, typer.Option("--detector-weights", help=_weights.format("detector's"), rich_help_panel=FACES)
    ] = None,
    boxes: BoxesOption = "detect",
    size: SizeOption = 256,
    min_frames: MinFramesOption = None,
    min_face: MinFaceOption = None,
    smooth_box: SmoothBoxOption = False,
    models: Annotated[
        Literal["published", "sample"],
        typer.Option(
            "--models",
            help="The original's, or small ones of ours, for demonstration.",
            rich_help_panel=MODELS,
        ),
    ] = "published",
    mask_weights: Annotated[
        Path | None, typer.Option("--mask-weights", help=_weights.format("parser's"), rich_help_panel=MODELS)
    ] = None,
    draw_weights: Annotated[
        Path | None, typer.Option("--draw-weights", help=_weights.format("drawer's"), rich_help_panel=MODELS)
    ] = None,
    label_weights: Annotated[
        str | None,
        typer.Option(
            "--label-weights", help="FaRL checkpoint, or transformers:FOLDER or USER/NAME.", rich_help_panel=MODELS
        ),
    ] = None,
    landmark_weights: Annotated[
        Path | None,
        typer.Option("--landmark-weights", help="YuNet's, which finds landmarks for FaRL.", rich_help_panel=MODELS),
    ] = None,
    styles: Annotated[
        str, typer.Option("--styles", help="Of the drawings: style1, style2, style3.", rich_help_panel=MODELS)
    ] = "style1",
    stride: StrideOption = 4,
    text_style: Annotated[
        str, typer.Option("--text-style", help="original: MMVID's grammar. natural: ours.", rich_help_panel=MODELS)
    ] = "original",
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    compile_: CompileOption = False,
    backend: BackendOption = "auto",
    batch_size: BatchOption = None,
    layout: LayoutOption = None,
    overwrite: OverwriteOption = False,
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    limit: LimitOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Make a dataset from raw videos: clips, masks, drawings, labels and text, in one go.

    Each frame is decoded once. The command goes on where it was stopped, also on another engine; each stage can be
    run again alone, with the options of its own command, as long as they make the same.
    """
    from mmvoxceleb.processing.pipeline import Pipeline

    wanted = _parse_stages(stages)
    made: list[Stage] = []
    if "mask" in wanted:
        from mmvoxceleb.processing.masks import MaskStage, make_parser

        parser = make_parser(
            "bisenet" if models == "published" else "sample", str(mask_weights) if mask_weights else None,
            device=device, precision=precision, compile=compile_, batch_size=batch_size, backend=backend,
        )  # fmt: skip
        made.append(MaskStage(parser, stride=stride))
    if "draw" in wanted:
        from mmvoxceleb.processing.drawings import DrawStage, make_drawer

        drawer = make_drawer(
            "portrait" if models == "published" else "sample", draw_weights,
            [style.strip() for style in styles.split(",") if style.strip()],
            device=device, precision=precision, compile=compile_, batch_size=batch_size, backend=backend,
        )  # fmt: skip
        made.append(DrawStage(drawer, stride=stride))
    if "label" in wanted:
        chosen = label_weights or ("sample" if models == "sample" else None)
        made.append(_label_stage(chosen, landmark_weights, device, precision, batch_size))
    if "text" in wanted:
        from mmvoxceleb.processing.text.stage import TextStage

        made.append(TextStage(style=text_style))  # type: ignore[arg-type]
    options = {
        "layout": layout, "overwrite": overwrite, "limit": limit, "dry_run": dry_run, "engine": engine,
        "workers": workers, "address": address,
    }  # fmt: skip
    if "crop" not in wanted:
        run_pipeline(Pipeline(made), raw, out, **options)  # type: ignore[arg-type]
        return
    choices = CropChoices(
        raw=raw, annotations=annotations, metadata=metadata, identities=identities, listed=list_,
        list_form=list_form, cropped=cropped, download=download, detector=detector,
        detector_weights=detector_weights, device=device, boxes=boxes, size=size, min_frames=min_frames,
        min_face=min_face, smooth_box=smooth_box,
    )  # fmt: skip
    videos = find_videos(choices)
    crop = make_crop_stage(choices, videos)
    if not dry_run and limit != 0:
        check_models(crop)
    run_pipeline(Pipeline([crop, *made]), videos, out, **options)  # type: ignore[arg-type]


def _parse_stages(stages: str) -> set[str]:
    wanted = {name.strip() for name in stages.split(",") if name.strip()}
    unknown = sorted(wanted - set(STAGES))
    if unknown or not wanted:
        what = f"unknown stage {', '.join(map(repr, unknown))}" if unknown else "no stage was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(STAGES)}")
    return wanted


def _label_stage(
    weights: str | None, landmark_weights: Path | None, device: str, precision: str, batch_size: int | None
) -> "Stage":
    from mmvoxceleb.processing.detectors import open_detector
    from mmvoxceleb.processing.labels import AttributePredictor
    from mmvoxceleb.processing.labels.stage import LabelStage

    predictor = AttributePredictor(weights, device=device, precision=precision, batch_size=batch_size)  # type: ignore[arg-type]
    finder = open_detector("yunet", weights=landmark_weights, device=device) if predictor.needs_landmarks else None
    return LabelStage(predictor, finder)
