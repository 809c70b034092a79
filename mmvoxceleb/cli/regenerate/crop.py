"""``mmvoxceleb regenerate crop``: from raw videos to clips."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mmvoxceleb.cli.regenerate.crop_options import (
    FACES,
    RULES,
    YOUTUBE_URL,
    AnnotationsOption,
    Border,
    BoxesOption,
    CropChoices,
    CroppedOption,
    DecoderName,
    DetectorOption,
    DownloadOption,
    DownloadUrlOption,
    IdentitiesOption,
    ListFormOption,
    ListOption,
    MaxFramesOption,
    MetadataOption,
    MinFaceOption,
    MinFramesOption,
    RawArgument,
    SizeOption,
    SmoothBoxOption,
    check_models,
    find_videos,
    make_crop_stage,
)
from mmvoxceleb.cli.regenerate.running import (
    AddressOption,
    DryRunOption,
    EngineOption,
    LayoutOption,
    LimitOption,
    OverwriteOption,
    WorkersOption,
    run_pipeline,
)

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

Any folder of face videos, without a download:

  mmvoxceleb regenerate crop videos/ out/ --detector haar

VoxCeleb1 or 2, as the original was made (S3FD), on four processes:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --workers 4

The same with the annotated boxes, without a detector:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --boxes annotation

Clips that are cropped already, such as VoxCeleb2's mp4/<person>/<video>/<utterance>.mp4:

  mmvoxceleb regenerate crop mp4/ out/ --cropped

CelebV-HQ, with its manual labels:

  mmvoxceleb regenerate crop videos/ out/ --list celebvhq_info.json --list-form celebv-hq --download

The clips of vox-metadata.csv, fetching missing videos from YouTube:

  mmvoxceleb regenerate crop videos/ out/ --metadata vox-metadata.csv --download
"""


def register(app: typer.Typer) -> None:
    """Add ``crop``."""
    app.command("crop", epilog=EXAMPLES, no_args_is_help=True)(crop)


def crop(
    raw: RawArgument,
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="Folder or URL to write: video/<clip_id>, meta/<clip_id>.json.")
    ],
    annotations: AnnotationsOption = None,
    metadata: MetadataOption = None,
    identities: IdentitiesOption = None,
    list_: ListOption = None,
    list_form: ListFormOption = "csv",
    cropped: CroppedOption = False,
    download: DownloadOption = False,
    download_url: DownloadUrlOption = YOUTUBE_URL,
    detector: DetectorOption = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", help="The detector's weights; downloaded by default.", rich_help_panel=FACES),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="For s3fd: auto, cuda, mps or cpu.", rich_help_panel=FACES)
    ] = "auto",
    boxes: BoxesOption = "detect",
    size: SizeOption = 256,
    min_frames: MinFramesOption = None,
    max_frames: MaxFramesOption = 1024,
    min_face: MinFaceOption = None,
    growth: Annotated[
        float | None,
        typer.Option(
            "--growth",
            help="Growth of the box at each end. Default: 0.1; 0 for --metadata, whose boxes have grown.",
            rich_help_panel=RULES,
        ),
    ] = None,
    border: Annotated[
        Border | None,
        typer.Option(
            "--border",
            help="Crops beyond the picture: reject, or shift inside. Default: reject with --annotations, else shift.",
            rich_help_panel=RULES,
        ),
    ] = None,
    scene_cuts: Annotated[
        bool | None,
        typer.Option(
            "--scene-cuts/--no-scene-cuts",
            help="End tubes at scene cuts. Default: only without annotations.",
            rich_help_panel=RULES,
        ),
    ] = None,
    smooth_box: SmoothBoxOption = False,
    codec: Annotated[
        Literal["png", "mp4"],
        typer.Option("--codec", help="mp4: one H.264 file a clip; small, lossy, not read by load_dataset."),
    ] = "png",
    layout: LayoutOption = None,
    overwrite: OverwriteOption = False,
    decoder: Annotated[DecoderName, typer.Option("--decoder", help="All give the same.")] = "pyav",
    engine: EngineOption = "local",
    workers: WorkersOption = None,
    address: AddressOption = None,
    limit: LimitOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Crop face videos to clips of 256x256 frames.

    With VoxCeleb's annotations (--annotations) by the original's rules; by the boxes of vox-metadata.csv (--metadata);
    clips that are cropped already as they are (--cropped); or, with none of these, by finding the faces in any videos.
    Finished videos are skipped when the command is run again.
    """
    choices = CropChoices(
        raw=raw, annotations=annotations, metadata=metadata, identities=identities, listed=list_,
        list_form=list_form, cropped=cropped, download=download, download_url=download_url, detector=detector,
        detector_weights=weights, device=device, boxes=boxes, size=size, min_frames=min_frames,
        max_frames=max_frames, min_face=min_face, growth=growth, border=border, scene_cuts=scene_cuts,
        smooth_box=smooth_box, codec=codec, decoder=decoder,
    )  # fmt: skip
    from mmvoxceleb.processing.pipeline import Pipeline

    videos = find_videos(choices)
    stage = make_crop_stage(choices, videos)
    if not dry_run and limit != 0:
        check_models(stage)
    run_pipeline(
        Pipeline([stage]), videos, out, layout=layout, overwrite=overwrite, limit=limit, dry_run=dry_run,
        engine=engine, workers=workers, address=address,
    )  # fmt: skip
