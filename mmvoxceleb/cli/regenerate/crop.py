"""``mmvoxceleb regenerate crop``: from raw videos to clips."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError

if TYPE_CHECKING:
    from rich.console import Console

    from mmvoxceleb.processing.crop.job import CropJob
    from mmvoxceleb.processing.crop.run import CropSummary
    from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

Any folder of face videos, without a download:

  mmvoxceleb regenerate crop videos/ out/ --detector haar

VoxCeleb1 or 2, as the original was made (S3FD), on four processes:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --workers 4

The same with the annotated boxes, without a detector:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --boxes annotation

The clips of vox-metadata.csv, fetching missing videos from YouTube:

  mmvoxceleb regenerate crop videos/ out/ --metadata vox-metadata.csv --download
"""


class _Boxes(str, Enum):
    detect = "detect"
    annotation = "annotation"


class _Border(str, Enum):
    reject = "reject"
    shift = "shift"


class _Codec(str, Enum):
    png = "png"
    mp4 = "mp4"


class _Layout(str, Enum):
    folder = "folder"
    packed = "packed"


class _DetectorName(str, Enum):
    s3fd = "s3fd"
    yunet = "yunet"
    haar = "haar"


class _DecoderName(str, Enum):
    pyav = "pyav"
    torchcodec = "torchcodec"
    decord = "decord"


_INPUT, _RULES, _FACES, _OUTPUT, _RUN = "Input", "Rules", "Faces", "Output", "Run"


def register(app: typer.Typer) -> None:
    """Add ``crop``."""
    app.command("crop", epilog=EXAMPLES, no_args_is_help=True)(crop)


def crop(
    raw: Annotated[Path, typer.Argument(metavar="RAW", help="Folder of videos, in any container; or one video.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Store to write: video/<clip_id>, meta/<clip_id>.json.")],
    annotations: Annotated[
        Path | None,
        typer.Option(
            "--annotations", help="VoxCeleb's folder txt/<person>/<video>/<utterance>.txt.", rich_help_panel=_INPUT
        ),
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option("--metadata", help="vox-metadata.csv of video-preprocessing.", rich_help_panel=_INPUT)
    ] = None,
    identities: Annotated[
        Path | None,
        typer.Option(
            "--identities",
            help="CSV with file, person_id[, video_id], for videos without annotations.",
            rich_help_panel=_INPUT,
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch missing videos into RAW with yt-dlp.", rich_help_panel=_INPUT)
    ] = False,
    download_url: Annotated[
        str,
        typer.Option("--download-url", help="Where videos come from; {video_id} is filled in.", rich_help_panel=_INPUT),
    ] = "https://www.youtube.com/watch?v={video_id}",
    detector: Annotated[
        _DetectorName | None,
        typer.Option(
            "--detector", help="Default: s3fd with annotations, as the original; yunet without.", rich_help_panel=_FACES
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", help="The detector's weights, in place of the published file.", rich_help_panel=_FACES
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="For s3fd: auto, cuda, mps or cpu.", rich_help_panel=_FACES)
    ] = "auto",
    boxes: Annotated[
        _Boxes,
        typer.Option("--boxes", help="annotation: use the annotated boxes, no detector.", rich_help_panel=_FACES),
    ] = _Boxes.detect,
    size: Annotated[int, typer.Option("--size", help="Side of a frame in pixels.", rich_help_panel=_RULES)] = 256,
    min_frames: Annotated[int, typer.Option("--min-frames", help="Reject shorter tubes.", rich_help_panel=_RULES)] = 64,
    max_frames: Annotated[
        int, typer.Option("--max-frames", help="End a tube after so many.", rich_help_panel=_RULES)
    ] = 1024,
    min_face: Annotated[
        int,
        typer.Option(
            "--min-face", help="Reject tubes with a smaller face box, in pixels of the video.", rich_help_panel=_RULES
        ),
    ] = 256,
    growth: Annotated[
        float | None,
        typer.Option(
            "--growth",
            help="Growth of the box at each end. Default: 0.1; 0 for --metadata, whose boxes have grown.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    border: Annotated[
        _Border | None,
        typer.Option(
            "--border",
            help="Crops beyond the picture: reject, or shift inside. Default: reject with --annotations, else shift.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    scene_cuts: Annotated[
        bool | None,
        typer.Option(
            "--scene-cuts/--no-scene-cuts",
            help="End tubes at scene cuts. Default: only without annotations.",
            rich_help_panel=_RULES,
        ),
    ] = None,
    smooth_box: Annotated[
        bool,
        typer.Option("--smooth-box", help="Without annotations: follow the face smoothly.", rich_help_panel=_RULES),
    ] = False,
    codec: Annotated[
        _Codec,
        typer.Option(
            "--codec",
            help="mp4: one H.264 file a clip; small, lossy, not read by load_dataset.",
            rich_help_panel=_OUTPUT,
        ),
    ] = _Codec.png,
    layout: Annotated[
        _Layout, typer.Option("--layout", help="packed: one zip a clip, for many clips.", rich_help_panel=_OUTPUT)
    ] = _Layout.folder,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace clips made with other settings.", rich_help_panel=_OUTPUT)
    ] = False,
    decoder: Annotated[
        _DecoderName, typer.Option("--decoder", help="All give the same.", rich_help_panel=_RUN)
    ] = _DecoderName.pyav,
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes, a video each.", rich_help_panel=_RUN)
    ] = 1,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=0, help="Do so many unfinished videos; 0 checks the inputs.", rich_help_panel=_RUN),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.", rich_help_panel=_RUN)] = False,
) -> None:
    """Crop face videos to clips of 256x256 frames.

    With VoxCeleb's annotations (--annotations) by the original's rules; by the boxes of vox-metadata.csv (--metadata);
    or, with neither, by finding the faces in any videos. Finished videos are skipped when the command is run again.
    """
    from rich.console import Console

    from mmvoxceleb.processing.crop.job import CropJob
    from mmvoxceleb.processing.crop.settings import CropSettings
    from mmvoxceleb.processing.detectors import open_detector

    if annotations is not None and metadata is not None:
        raise ConfigError("--annotations and --metadata say two things about the same videos; give one of them")
    if identities is not None and (annotations is not None or metadata is not None):
        raise ConfigError("--identities is for videos without annotations; leave it out")
    if boxes is _Boxes.annotation and annotations is None:
        raise ConfigError("--boxes annotation needs --annotations")
    if smooth_box and (annotations is not None or metadata is not None):
        raise ConfigError("--smooth-box is for videos without annotations; leave it out")
    if codec is _Codec.mp4 and size % 2:
        raise ConfigError(f"--codec mp4 needs an even --size, got {size}")
    if download and annotations is None and metadata is None:
        raise ConfigError("--download needs --annotations or --metadata, which name the videos")
    changes: dict[str, Any] = {
        "size_px": size, "min_frames": min_frames, "max_frames": max_frames, "min_face_px": min_face,
        "boxes": boxes.value, "smooth_box": smooth_box,
    }  # fmt: skip
    for name, value in (("growth", growth), ("border", border and border.value), ("scene_cuts", scene_cuts)):
        if value is not None:
            changes[name] = value
    if annotations is not None:
        settings = CropSettings(**changes)
    elif metadata is not None:
        settings = CropSettings.for_metadata(**changes)
    else:
        settings = CropSettings.for_free_videos(**changes)
    if download:
        raw.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    videos = _find(raw, annotations, metadata, identities, console)
    chosen = detector or (_DetectorName.yunet if annotations is None else _DetectorName.s3fd)
    needs_detector = metadata is None and boxes is _Boxes.detect
    job = CropJob(
        out=out,
        settings=settings,
        detector=open_detector(chosen.value, weights=weights, device=device) if needs_detector else None,
        decoder=decoder.value,
        codec=codec.value,
        layout=layout.value,
        overwrite=overwrite,
        download_to=raw if download else None,
        url_template=download_url,
        num_threads=0 if workers == 1 else 1,
    )
    if dry_run or limit == 0:
        _say_plan(videos, job, limit)
        return
    _check_detector(job)
    _run(videos, job, workers, limit, console)


def _find(
    raw: Path, annotations: Path | None, metadata: Path | None, identities: Path | None, console: "Console"
) -> "list[SourceVideo]":
    from mmvoxceleb.processing.crop.videos import annotated_videos, free_videos, metadata_videos

    if annotations is not None:
        return annotated_videos(raw, annotations)
    if metadata is None:
        return free_videos(raw, identities)
    videos, table = metadata_videos(raw, metadata)
    console.print(
        f"{metadata}: {table.num_rows:,} rows, {table.num_duplicates + table.num_in_both_splits:,} of them repeats; "
        f"{table.num_beyond_frame:,} boxes beyond the picture; {len(table.rows):,} clips wanted",
        highlight=False,
        soft_wrap=True,
    )
    return videos


def _check_detector(job: "CropJob") -> None:
    """Fetch the weights before anything else is done."""
    try:
        job.options()
    except (WeightsError, SourceUnavailableError) as error:
        raise type(error)(f"{error}. Or choose --detector haar, which needs no weights") from error
    except ImportError as error:
        raise ConfigError(str(error)) from error


def _say_plan(videos: "list[SourceVideo]", job: "CropJob", limit: int | None) -> None:
    done = sum(job.record_path(video.key).is_file() for video in videos)
    missing = [video for video in videos if video.path is None]
    wanted = sum(len(video.utterances) for video in videos)
    typer.echo(f"{len(videos)} videos with {wanted} utterances; {done} were done before; {len(missing)} are not there")
    for video in missing[:10]:
        typer.echo(f"  {'would be fetched' if job.download_to else 'missing'}: {video.key}")
    if len(missing) > 10:
        typer.echo(f"  and {len(missing) - 10} more")
    left = sum(
        not job.record_path(video.key).is_file() and (video.path is not None or job.download_to is not None)
        for video in videos
    )
    typer.echo(f"would crop {left if limit is None else min(left, limit)} videos into {job.out}")


def _run(videos: "list[SourceVideo]", job: "CropJob", workers: int, limit: int | None, console: "Console") -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from mmvoxceleb.processing.crop.run import crop_videos

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("video")]
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("cropping", total=len(videos))
        try:
            summary = crop_videos(videos, job, workers=workers, limit=limit, report=lambda result: bar.advance(task))
        except ImportError as error:
            raise ConfigError(str(error)) from error
        except KeyboardInterrupt:
            bar.stop()
            console.print(
                f"stopped; finished videos are kept in {job.out} and listed in its meta/ledger.jsonl. "
                "Run the same command again to go on",
                soft_wrap=True,
            )
            raise typer.Exit(130) from None
    _say_summary(summary, videos, job)


def _say_summary(summary: "CropSummary", videos: "list[SourceVideo]", job: "CropJob") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Coverage", show_header=False, title_justify="left")
    table.add_column()
    table.add_column(justify="right")
    there = sum(video.path is not None for video in videos)
    table.add_row("videos wanted", f"{len(videos):,}")
    table.add_row("videos at hand before the run", f"{there:,}")
    table.add_row("visited (done by an earlier run)", f"{summary.num_videos:,} ({summary.num_finished_before:,})")
    table.add_row("clips", f"{summary.num_clips:,}")
    table.add_row("frames", f"{summary.num_frames:,} ({summary.num_frames / 25 / 60:.1f} min)")
    for reason, count in summary.rejected.most_common():
        table.add_row(f"rejected: {reason}", f"{count:,}")
    rate = summary.num_new_frames / summary.seconds if summary.seconds else 0.0
    table.add_row("time", f"{summary.seconds:.1f} s, {rate:.0f} new frames/s")
    Console(soft_wrap=True).print(table)
    typer.echo(f"clips are in {job.out}; meta/ledger.jsonl there tells what became of every input")
